"""Workers explained as a page: Markdown for a repository, or one HTML file, with staircases."""

from __future__ import annotations

import math
from collections.abc import Iterator

from markupsafe import Markup, escape

from whichworker.report import markdown
from whichworker.report.explain import (
    bar,
    rows_of,
    settings_of,
    show_knob,
    stairs_of,
    title_of,
    views_of,
)
from whichworker.report.pages import finding_kinds, skeleton
from whichworker.result.explain import ExplainedArm, ExplainResult, View

WIDTH, HEIGHT, LEFT, BELOW, RIGHT = 520, 300, 44, 40, 16
STROKES = (
    "var(--accent)",
    "var(--doubt)",
    "var(--memory)",
    "var(--bad)",
    "var(--slow)",
    "var(--ink)",
)
DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 4", "1 2")


def render(result: ExplainResult) -> str:
    """One HTML file that opens offline, and needs no script."""
    measured = [arm for arm in result.arms if arm.state == "measured"]
    body = [(title, [show(arm) for arm in measured]) for title, show in rows_of(measured)]
    staircases = [
        (
            view,
            title_of(view),
            _chart(measured, view),
            _legend(measured, view),
            _stair_rows(measured, view),
        )
        for view in views_of(measured)
    ]
    environment = skeleton.environment()
    environment.filters |= {"knob": show_knob, "set": settings_of}
    out = [arm for arm in result.arms if arm.state != "measured"]
    return skeleton.page(
        environment,
        "explain.html",
        result,
        measured=measured,
        out=out,
        rows=body,
        staircases=staircases,
        findings=finding_kinds.grouped(result.findings),
    )


def _stair_rows(arms: list[ExplainedArm], view: View) -> list[tuple[int, list[str]]]:
    counts = sorted({at_once for arm in arms for at_once in stairs_of(arm, view)})
    return [(at_once, [_overlapped(arm, view, at_once) for arm in arms]) for at_once in counts]


def _overlapped(arm: ExplainedArm, view: View, at_once: int) -> str:
    stair = stairs_of(arm, view).get(at_once)
    return "" if stair is None else str(stair.overlapped)


def _drawn(arms: list[ExplainedArm], view: View) -> list[ExplainedArm]:
    return [arm for arm in arms if stairs_of(arm, view)]


def _chart(arms: list[ExplainedArm], view: View) -> Markup:
    """Requests at once against requests that overlap, both axes doubling.

    Curves differ in dashes as well as in colour; their names are in the legend.
    """
    shown = _drawn(arms, view)
    top = max((at_once for arm in shown for at_once in stairs_of(arm, view)), default=1)
    steps = max(1, math.ceil(math.log2(top)))
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - BELOW - 12

    def place(at_once: float, overlapped: float) -> tuple[float, float]:
        return LEFT + width * math.log2(at_once) / steps, 12 + height * (
            1 - math.log2(max(1.0, overlapped)) / steps
        )

    parts = [_grid(steps, height, place(1, 1)[1])]
    for number in range(steps + 1):
        x, y = place(2**number, 2**number)
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 22}" text-anchor="middle">{2**number}</text>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{2**number}</text>')
    for place_in_list, arm in enumerate(shown):
        stairs = stairs_of(arm, view).values()
        points = [place(stair.at_once, stair.overlapped) for stair in stairs]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        words = f"<title>{escape(arm.name)}</title>"
        parts.append(f'<polyline points="{line}" {_stroke(place_in_list)}>{words}</polyline>')
    parts.append(
        f'<text x="{LEFT + width / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">'
        "requests at once</text>"
    )
    inner = "".join(parts)
    label = escape(title_of(view))
    return Markup(
        f'<svg class="stairs" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{inner}</svg>"
    )


def _legend(arms: list[ExplainedArm], view: View) -> list[tuple[Markup, str]]:
    """A piece of each curve, and the name of its worker."""
    return [
        (
            Markup(
                '<svg width="32" height="10" aria-hidden="true">'
                f'<line x1="0" x2="32" y1="5" y2="5" {_stroke(number)}/></svg>'
            ),
            arm.name,
        )
        for number, arm in enumerate(_drawn(arms, view))
    ]


def _stroke(number: int) -> str:
    stroke, dash = STROKES[number % len(STROKES)], DASHES[number % len(DASHES)]
    return f'class="curve" style="stroke: {stroke}" stroke-dasharray="{dash}"'


def _grid(steps: int, height: float, bottom: float) -> str:
    lines = (12 + height * number / steps for number in range(steps + 1))
    across = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        for y in lines
    )
    return (
        across + f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom:.1f}" y2="{bottom:.1f}"'
        ' class="axis"/>'
    )


def render_markdown(result: ExplainResult) -> str:
    """The explanation as a page, with date, machine and versions; the command writes it."""
    measured = [arm for arm in result.arms if arm.state == "measured"]
    machine, asked = result.machine, result.question
    lines = [
        f"# {', '.join(arm.name for arm in measured) or 'Workers'} explained",
        "",
        (
            f"Written by `{result.run.command}` on {result.run.started[:10]}: {machine.cpu},"
            f" {machine.cores} cores, {machine.system};"
        ),
        (
            f"servers on core {_cores(asked.server_cores)},"
            f" generator on core {_cores(asked.generator_cores)};"
        ),
        f"whichworker {result.run.version}.",
        "",
    ]
    for arm in measured:
        lines += [
            f"## {arm.name}",
            "",
            f"{arm.server} {arm.version}, Python {arm.python}, {settings_of(arm)}.",
            "",
        ]
        lines += [f"- {sentence.text}" for sentence in arm.sentences]
        lines += [f"- {show_knob(knob)}" for knob in arm.knobs]
        lines.append("")
    lines += _markdown_tables(measured)
    out = [arm for arm in result.arms if arm.state != "measured"]
    lines += [
        f"- `{arm.name}` could not be measured: {arm.failures[0].sample.partition(chr(10))[0]}"
        for arm in out
        if arm.failures
    ]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_tables(arms: list[ExplainedArm]) -> Iterator[str]:
    for view in views_of(arms):
        yield from (f"## {title_of(view)[0].upper()}{title_of(view)[1:]}", "", "```")
        width = max(len(arm.name) for arm in arms)
        for arm in arms:
            for stair in stairs_of(arm, view).values():
                filled = f"{bar(stair.overlapped)} {stair.overlapped}"
                yield f"{arm.name:{width}} {stair.at_once:>4}  {filled}"
        yield from ("```", "")
    if arms:
        yield from (
            "## Side by side",
            "",
            markdown.row(["", *(arm.name for arm in arms)]),
            markdown.row(["---", *["---:"] * len(arms)]),
        )
        yield from (
            markdown.row([title.strip(), *(show(arm) for arm in arms)])
            for title, show in rows_of(arms)
        )
        yield ""


def _cores(cores: tuple[int, ...]) -> str:
    return ", ".join(map(str, cores))
