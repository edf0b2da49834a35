"""A study as one picture: a line for each row, our values as dots, published ones as rings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from whichworker import units
from whichworker.report.svg import Scale, logarithmic, tag, title
from whichworker.result.study import Cell, StudyResult, StudyRow

WIDTH, NAMES, ROW, TOP = 960, 330, 26, 44
NEAR_THE_EDGE = 24  # pixels, half of a number with five digits
COLOURS = (
    "#0a6a6c",
    "#b4541a",
    "#4a5fa8",
    "#8a2f6b",
    "#5a7a1f",
    "#865400",
    "#3b3f45",
    "#1f8fbf",
    "#a52a22",
    "#7a6a9a",
    "#2e7d4f",
    "#c08a00",
)
RATES, TIMES = ("requests per second",), ("1000 requests to one site", "20 sites once")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1c2430}.axis{fill:#566070}"
    ".grid{stroke:#dad7cd}.row{stroke:#efece4}"
    ".ring{fill:none;stroke-width:1.5}.whisker{stroke-width:2;stroke-opacity:.5}"
)


def picture(result: StudyResult) -> str:
    """A stand-alone SVG with one logarithmic axis; empty if no row has a number."""
    rows = list(_rows(result.rows))
    values = [
        value
        for _, cells in rows
        for cell in cells
        for value in (cell.value, cell.published)
        if value
    ]
    if not values:
        return ""
    arms = list(dict.fromkeys(cell.arm for _, cells in rows for cell in cells))
    alone = all(len({cell.arm for cell in cells}) == 1 for _, cells in rows)
    colours = {arm: COLOURS[0 if alone else at % len(COLOURS)] for at, arm in enumerate(arms)}
    scale = logarithmic(min(values), max(values))
    legend = 0 if alone else 18 * -(-len(arms) // 3) + 6
    height = TOP + legend + ROW * len(rows) + 50
    body = [*_legend(arms if not alone else [], colours), *_axis(scale, TOP + legend, height - 42)]
    for at, (row, cells) in enumerate(rows):
        body += _line_of(row, cells, scale, colours, TOP + legend + ROW * at + ROW / 2)
    body.append(_text(NAMES, height - 4, _unit(result.rows), "axis"))
    head = tag("title", {}, escape(f"{result.title}, {result.run.started[:10]}"))
    caption = _text(
        0,
        16,
        f"{result.title}: our values as dots with 95 % intervals, published values as rings;"
        " our values hollow if at the ceiling",
        "",
    )
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"-8 0 {WIDTH + 16} {height:.0f}",
        "role": "img",
    }
    paper = tag(
        "rect", {"x": -8, "y": 0, "width": WIDTH + 16, "height": f"{height:.0f}", "fill": "#fbfaf7"}
    )
    return tag("svg", attributes, head, tag("style", {}, STYLE), paper, caption, *body) + "\n"


def _rows(rows: Sequence[StudyRow]) -> Iterator[tuple[StudyRow, list[Cell]]]:
    """The rows with the cells that are drawn: rates if there are any, otherwise times."""
    wanted = RATES if any(cell.metric in RATES for row in rows for cell in row.cells) else TIMES
    for row in rows:
        cells = [
            cell
            for cell in row.cells
            if cell.metric in wanted[:1] and (cell.value or cell.published)
        ]
        if cells:
            yield row, cells


def _unit(rows: Sequence[StudyRow]) -> str:
    rates = any(cell.metric in RATES for row in rows for cell in row.cells)
    return "requests per second" if rates else f"seconds for {TIMES[0]}"


def _legend(arms: Sequence[str], colours: dict[str, str]) -> Iterator[str]:
    for at, arm in enumerate(arms):
        x, y = (at % 3) * WIDTH / 3, 34 + 18 * (at // 3)
        yield tag("circle", {"cx": x + 4, "cy": y, "r": 4, "fill": colours[arm]})
        yield _text(x + 14, y + 4, arm, "")


def _axis(scale: Scale, top: float, bottom: float) -> Iterator[str]:
    for tick in scale.ticks:
        x = _x(scale, tick)
        yield tag("line", {"x1": x, "x2": x, "y1": top, "y2": bottom, "class": "grid"})
        yield tag(
            "text",
            {"x": x, "y": bottom + 14, "class": "axis", "text-anchor": _anchor(x)},
            escape(units.show_rate(tick)),
        )


def _anchor(x: float) -> str:
    """Words near the right edge end at their tick: else the edge would cut them."""
    return "end" if x > WIDTH - NEAR_THE_EDGE else "middle"


def _line_of(
    row: StudyRow, cells: Sequence[Cell], scale: Scale, colours: dict[str, str], y: float
) -> Iterator[str]:
    yield tag("line", {"x1": 0, "x2": WIDTH, "y1": y + ROW / 2, "y2": y + ROW / 2, "class": "row"})
    name = f"{row.workload} ({row.variant})"
    yield _text(0, y + 4, name if len(name) <= 52 else f"{name[:51]}…", "")
    for cell in cells:
        colour = colours[cell.arm]
        if cell.published:
            said = title(f"{cell.arm}, published: {units.show_rate(cell.published)}")
            yield tag(
                "circle",
                {
                    "cx": _x(scale, cell.published),
                    "cy": y,
                    "r": 5,
                    "class": "ring",
                    "stroke": colour,
                },
                said,
            )
        if cell.value is None:
            continue
        if cell.low and cell.high:
            ends = {"x1": _x(scale, cell.low), "x2": _x(scale, cell.high), "y1": y, "y2": y}
            yield tag("line", {**ends, "class": "whisker", "stroke": colour})
        fill = (
            {"fill": "#fbfaf7", "stroke": colour, "stroke-width": 2}
            if cell.state == "ceiling"
            else {"fill": colour}
        )
        yield tag(
            "circle",
            {"cx": _x(scale, cell.value), "cy": y, "r": 3.5, **fill},
            title(f"{cell.arm}: {units.show_rate(cell.value)}"),
        )


def _x(scale: Scale, value: float) -> float:
    return round(NAMES + (WIDTH - NAMES) * scale.position(value) / 100, 1)


def _text(x: float, y: float, words: str, shape: str) -> str:
    return tag("text", {"x": x, "y": y, "class": shape}, escape(words))
