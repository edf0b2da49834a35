"""A race as one picture, for a page or a README: a stand-alone SVG, light or dark by itself."""

from __future__ import annotations

from html import escape

from whichworker.report import charts, standings
from whichworker.report.svg import tag, title
from whichworker.result import Result
from whichworker.units import show_rate, visible

WIDTH, NAMES, ROW, TOP = 900, 300, 30, 54
"""Pixels: of the picture, of the names, of a row, and above the first row."""
RATES = 90
"""Pixels for requests/s at the right."""
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2430}.quiet{fill:#566070;font-size:12px}"
    ".paper{fill:#fbfaf7}.grid{stroke:#dad7cd}.unity{stroke:#0a6a6c}.lead{font-weight:700}"
    ".value{text-anchor:end;font-weight:600}.whisker{stroke:#0a6a6c;stroke-width:2}"
    ".dot{fill:#0a6a6c}"
    "@media(prefers-color-scheme:dark){text{fill:#e8e6df}.quiet{fill:#a3abb8}.paper{fill:#14181f}"
    ".grid{stroke:#39414d}.unity,.whisker{stroke:#5cc2c4}.dot{fill:#5cc2c4}}"
)


def picture(result: Result) -> str:
    """The speed of each setup over the leader's with its 95 % interval; empty without any."""
    shown, scale = charts.relative(result), charts.speed_scale(result)
    ranked = [one for one in standings.standings(result) if one.arm.name in shown]
    if scale is None or not ranked or result.validity.state == "invalid":
        return ""
    bottom = TOP + ROW * len(ranked)
    body = [
        _text(0, 20, standings.verdict_of(result).headline, "lead"),
        _text(
            0,
            38,
            f"{result.question.app}, {result.machine.cpu}, {result.run.started[:10]}",
            "quiet",
        ),
    ]
    for tick in scale.ticks:
        x = _x(scale.position(tick))
        shape = "unity" if tick == 1 else "grid"
        body.append(tag("line", {"x1": x, "x2": x, "y1": TOP, "y2": bottom, "class": shape}))
        body.append(
            tag(
                "text",
                {"x": x, "y": bottom + 16, "class": "quiet", "text-anchor": "middle"},
                f"{tick:g}×",
            )
        )
    for number, one in enumerate(ranked):
        y = TOP + ROW * number + ROW / 2
        value, low, high = shown[one.arm.name]
        lead = "lead" if one.relation == "leader" else ""
        body.append(_text(0, y + 4, charts.shortened(one.arm.name), lead))
        if low is not None and high is not None:
            ends = {"x1": _x(scale.position(low)), "x2": _x(scale.position(high))}
            body.append(tag("line", {**ends, "y1": y, "y2": y, "class": "whisker"}))
        words = f"{one.arm.name}: {value:.2f} of the leader, {one.word}"
        dot = {"cx": _x(scale.position(value)), "cy": y, "r": 4.5, "class": "dot"}
        body.append(tag("circle", dot, title(visible(words))))
        rate = f"{show_rate(one.arm.speed)}/s" if one.arm.speed else "–"
        body.append(_text(WIDTH, y + 4, rate, "value"))
    height = bottom + 28
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"-12 0 {WIDTH + 24} {height}",
        "role": "img",
    }
    paper = {"x": -12, "y": 0, "width": WIDTH + 24, "height": height, "class": "paper"}
    head = tag("title", {}, escape(visible(standings.verdict_of(result).headline)))
    return tag("svg", attributes, head, tag("style", {}, STYLE), tag("rect", paper), *body) + "\n"


def _x(percent: float) -> float:
    return round(NAMES + (WIDTH - NAMES - RATES) * percent / 100, 1)


def _text(x: float, y: float, words: str, shape: str) -> str:
    return tag("text", {"x": x, "y": y, "class": shape}, escape(visible(words)))
