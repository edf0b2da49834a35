"""The charts of the HTML report: pure functions from a result to SVG markup.

Horizontal positions are percentages and vertical ones pixels, so a chart fills any width without
scripts or small text. Values lie in an inner plot to the right of the names. On a narrow page the
style sheet widens the chart until the plot fills it, and moves the names above their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from whichworker.report.standings import MEANINGS, Relation, Standing, standings
from whichworker.report.svg import (
    Scale,
    axis,
    chart,
    inner,
    line,
    linear,
    logarithmic,
    percent,
    tag,
    text,
    title,
)
from whichworker.result import ArmResult, Result
from whichworker.units import show_bytes, show_rate, show_seconds, show_share

# One shape per relation: colour only repeats what the shape already says.
MARKS: dict[Relation, str] = {
    "leader": "M0-6.5 6.5 0 0 6.5-6.5 0z",
    "tie": "M-5 0a5 5 0 1 1 10 0a5 5 0 1 1-10 0z",
    "faster": "M0-6 5.5 4.5h-11z",
    "slower": "M0 6 5.5-4.5h-11z",
    "undetermined": "M-4.5-4.5h9v9h-9z",
    "not-better": "M-6-3h12v6h-12z",
    "dropped": "M-4.5-4.5 4.5 4.5M-4.5 4.5 4.5-4.5",
    "open": "M-4 0a4 4 0 1 1 8 0a4 4 0 1 1-8 0z",
}
LOG_SPAN = 10.0
"""Ratio of fastest to slowest: above it, a zero-based axis would press the slow arms together."""
NAME_LENGTH = 24
"""Characters of a name beside its row: a longer one is shortened in the middle."""
ROW = 36
"""Pixels: a line of text, a mark, and space for a finger."""
PANEL_STEP, PANEL_BAR = 35.0, 16.0
"""Percent of the plot: from one panel of costs to the next, and its longest bar. The rest is for
the number behind the bar, also on a phone."""
MOST_BRACKETS = 5
"""Lines beside the names: more would take the place of the plot. The marks show ties, too."""
RATIO_TICKS = (1, 1.1, 1.2, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)


def tie_groups(names: Sequence[str], ties: Iterable[tuple[str, str]]) -> list[list[int]]:
    """Sets of rows that tie with one another, with every tied pair; ties are not transitive."""
    row = {name: number for number, name in enumerate(names)}
    pairs = {frozenset((row[a], row[b])) for a, b in ties if a in row and b in row and a != b}
    groups: list[set[int]] = []
    for pair in sorted(pairs, key=sorted):
        if any(pair <= group for group in groups):
            continue
        group = set(pair)
        for candidate in range(len(names)):
            if candidate not in group and all(
                frozenset((candidate, member)) in pairs for member in group
            ):
                group.add(candidate)
        groups.append(group)
    return [sorted(group) for group in groups]


def brackets(result: Result) -> list[list[int]]:
    """The groups of ties that the speed chart joins by lines; none if they are too many to read."""
    groups = tie_groups([one.arm.name for one in standings(result)], result.ties)
    return groups if len(groups) <= MOST_BRACKETS else []


def relative(result: Result) -> dict[str, tuple[float, float | None, float | None]]:
    """Throughput over the leader's, with its interval, by setup; empty without a leader."""
    ranked = standings(result)
    lead = next((one.arm for one in ranked if one.relation == "leader"), None)
    if lead is None or lead.throughput_per_second is None or lead.throughput_per_second.value <= 0:
        return {}
    base = lead.throughput_per_second.value
    shown: dict[str, tuple[float, float | None, float | None]] = {}
    for one in ranked:
        if one.arm is lead:
            shown[lead.name] = (1.0, None, None)
        elif one.ratio is not None:
            shown[one.arm.name] = (one.ratio.value, one.ratio.low, one.ratio.high)
        elif one.arm.throughput_per_second is not None:
            shown[one.arm.name] = (one.arm.throughput_per_second.value / base, None, None)
    return shown


def speed_scale(result: Result) -> Scale | None:
    """The axis of the speed chart: zero-based, or logarithmic over more than a factor of ten."""
    ends = [end for shown in relative(result).values() for end in shown if end is not None]
    if not ends:
        return None
    delta = result.question.delta
    low, high = min(*ends, 1 - delta), max(*ends, 1 + delta)
    if low > 0 and high / low > LOG_SPAN:
        return logarithmic(low, high, RATIO_TICKS, 9)
    return linear(high)


def speed(result: Result) -> str:
    """Speed over the leader's, with intervals; tied setups bracketed; empty without a leader."""
    ranked, scale, shown = standings(result), speed_scale(result), relative(result)
    if scale is None:
        return ""
    groups = brackets(result)
    height = ROW * len(ranked) + 30
    bottom, delta = height - 24, result.question.delta
    at_one = percent(scale.position(1))
    plot = [
        band(scale, delta, bottom),
        *axis(scale, 4, bottom, show_ratio),
        line(at_one, 4, at_one, bottom, "unity"),
    ]
    body = [
        *names(ranked, 18, ROW),
        *(_bracket(group, lane, ranked) for lane, group in enumerate(groups)),
    ]
    for number, one in enumerate(ranked):
        plot += _speed_row(one, shown.get(one.arm.name), scale, 4 + ROW * number + 26)
        rate = one.arm.throughput_per_second
        words = f"{show_rate(rate.value)}/s" if rate else "not measured"
        body.append(text("100%", 4 + ROW * number + 14, words, "value"))
    about = f"{len(ranked)} server setups, the fastest first. " + " ".join(
        _speed_words(one, shown.get(one.arm.name)) for one in ranked
    )
    gutter = 10 * len(groups) + 4 if groups else 0
    return chart(
        "throughput", "Speed over the leader's", about, height, [inner(plot, 61), *body], 61, gutter
    )


def _speed_words(one: Standing, shown: tuple[float, float | None, float | None] | None) -> str:
    if shown is None:
        return f"{one.arm.name}: not measured."
    value, low, high = shown
    interval = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    rate = one.arm.throughput_per_second
    absolute = f", {show_rate(rate.value)} per second" if rate else ""
    return f"{one.arm.name}: {value:.2f}×{interval}{absolute}, {MEANINGS[one.relation]}."


def _speed_row(
    one: Standing, shown: tuple[float, float | None, float | None] | None, scale: Scale, y: float
) -> list[str]:
    if shown is None:
        return []
    value, low, high = shown
    middle, shape = percent(scale.position(value)), f"whisker {one.relation}"
    parts = [line(0, y, middle, y, "guide")]
    if low is not None and high is not None:
        left, right = percent(scale.position(low)), percent(scale.position(high))
        parts.append(line(left, y, right, y, shape))
        parts += [line(end, y - 4, end, y + 4, shape) for end in (left, right)]
    return [*parts, _mark(one.relation, middle, y, _speed_words(one, shown))]


def _bracket(group: Sequence[int], lane: int, ranked: Sequence[Standing]) -> str:
    x = -10.0 * (lane + 1) + 2
    heights = [4 + ROW * number + 26 for number in group]
    names = ", ".join(ranked[number].arm.name for number in group)
    dots = [tag("circle", {"cx": x, "cy": y, "r": 3}) for y in heights]
    return tag(
        "g",
        {"class": "bracket"},
        title(f"tied: {names}"),
        line(x, heights[0], x, heights[-1], ""),
        *dots,
    )


def cost(result: Result) -> str:
    """CPU per request, memory and start as zero-based bars, fastest first; empty if unknown."""
    ranked = standings(result)
    spent = [standing.arm.cpu_seconds_per_request for standing in ranked]
    memory = [standing.arm.memory_bytes for standing in ranked]
    starts = [standing.arm.cold_start_seconds for standing in ranked]
    panels: tuple[tuple[str, str, Sequence[float | None], Callable[[float], str]], ...] = (
        ("cpu", "CPU/request", spent, show_seconds),
        ("memory", "Memory", memory, show_bytes),
        ("start-up", "Start", starts, show_seconds),
    )
    if all(value is None for panel in panels for value in panel[2]):
        return ""
    plot: list[str] = []
    for number, (shape, heading, values, show) in enumerate(panels):
        left = PANEL_STEP * number
        plot.append(text(percent(left), 12, heading, "heading"))
        plot += _bars(left, shape, values, show)
    about = "Bars start at zero; less is cheaper. " + " ".join(
        _cost_words(standing.arm) for standing in ranked
    )
    return chart(
        "cost",
        "The cost of a request",
        about,
        28 + ROW * len(ranked),
        [inner(plot, 72), *names(ranked, 36, ROW)],
        72,
    )


def _cost_words(arm: ArmResult) -> str:
    cpu, memory, start = (
        "not measured" if value is None else show(value)
        for value, show in (
            (arm.cpu_seconds_per_request, show_seconds),
            (arm.memory_bytes, show_bytes),
            (arm.cold_start_seconds, show_seconds),
        )
    )
    return f"{arm.name}: CPU per request {cpu}, memory {memory}, start {start}."


def _bars(
    left: float, shape: str, values: Sequence[float | None], show: Callable[[float], str]
) -> list[str]:
    most = max((value for value in values if value is not None), default=0.0) or 1.0
    parts = [line(percent(left), 24, percent(left), 24 + ROW * len(values), "base")]
    for number, value in enumerate(values):
        top = 22 + ROW * number + 20
        if value is None:
            parts.append(text(percent(left), top + 10, "not measured", "value-after quiet", dx=5))
            continue
        width = PANEL_BAR * value / most
        place = {
            "x": percent(left),
            "y": top,
            "width": percent(width),
            "height": 11,
            "class": f"bar {shape}",
        }
        parts += [
            tag("rect", place),
            text(percent(left + width), top + 10, show(value), "value-after", dx=5),
        ]
    return parts


def band(scale: Scale, delta: float, bottom: float) -> str:
    """The shaded band within `delta` of the leader."""
    left, right = scale.position(1 - delta), scale.position(1 + delta)
    place = {
        "x": percent(left),
        "y": 4,
        "width": percent(right - left),
        "height": bottom - 4,
        "class": "band",
    }
    return tag("rect", place, title(f"within {show_share(delta)} of the leader"))


def icon(relation: Relation) -> str:
    """The mark of a relation, for the legend and tables; screen readers read the word instead."""
    path = tag("path", {"d": MARKS[relation], "class": f"mark {relation}"})
    return tag(
        "svg",
        {
            "class": "icon",
            "viewBox": "-8 -8 16 16",
            "width": 14,
            "height": 14,
            "aria-hidden": "true",
        },
        path,
    )


def names(ranked: Sequence[Standing], first: float, row: float) -> list[str]:
    """The names beside the plot, each with its rank if any has one."""
    width = max(len(standing.ranks or "") for standing in ranked)
    return [_name(standing, first + row * number, width) for number, standing in enumerate(ranked)]


def _name(standing: Standing, y: float, width: int) -> str:
    name = standing.arm.name
    rank = (
        [
            tag(
                "tspan",
                {"class": "rank"},
                (standing.ranks or "").ljust(width + 1, "\N{NO-BREAK SPACE}"),
            )
        ]
        if width
        else []
    )
    shape = "name lead" if standing.relation == "leader" else "name"
    return tag(
        "text",
        {"x": 0, "y": y, "class": shape},
        title(name),
        *rank,
        tag("tspan", {}, escape(shortened(name))),
    )


def shortened(name: str) -> str:
    """Names differ at their ends, in the settings: the middle of a long one is cut out."""
    return (
        name
        if len(name) <= NAME_LENGTH
        else f"{name[: NAME_LENGTH // 2]}…{name[1 - NAME_LENGTH // 2 :]}"
    )


def show_ratio(ratio: float) -> str:
    """Write a ratio as on an axis: `0.8×`."""
    return f"{ratio:.3f}".rstrip("0").rstrip(".") + "×"


def _mark(relation: Relation, x: str, y: float, words: str) -> str:
    path = tag("path", {"d": MARKS[relation], "class": f"mark {relation}"})
    return tag("svg", {"x": x, "y": y, "overflow": "visible"}, path, title(words))
