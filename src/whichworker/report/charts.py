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
RATIO_TICKS = (1, 1.1, 1.2, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)


def over_time(result: Result) -> dict[str, dict[int, float]]:
    """Throughput over the leader's in the same stretch of the race, by setup and stretch.

    Only stretches that measured both are in it.
    """
    ranked = standings(result)
    lead = next((one.arm.name for one in ranked if one.relation == "leader"), None)
    if lead is None:
        return {}
    rates: dict[str, dict[int, float]] = {one.arm.name: {} for one in ranked}
    for window in result.windows:
        if window.arm in rates:
            rates[window.arm][window.block] = window.throughput_per_second
    base = {stretch: rate for stretch, rate in rates.pop(lead).items() if rate > 0}
    shared = {
        name: {
            stretch: rate / base[stretch]
            for stretch, rate in sorted(own.items())
            if stretch in base
        }
        for name, own in rates.items()
    }
    return {name: seen for name, seen in shared.items() if seen}


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
    groups = tie_groups([one.arm.name for one in ranked], result.ties)
    height = ROW * len(ranked) + 30
    bottom, delta = height - 24, result.question.delta
    at_one = percent(scale.position(1))
    plot = [
        _band(scale, delta, bottom),
        *axis(scale, 4, bottom, _show_ratio),
        line(at_one, 4, at_one, bottom, "unity"),
    ]
    body = [
        *_names(ranked, 18, ROW),
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
    """CPU per request and memory as paired zero-based bars, fastest first; empty if unknown."""
    ranked = standings(result)
    panels = (
        (
            0.0,
            "cpu",
            "CPU per request",
            [standing.arm.cpu_seconds_per_request for standing in ranked],
            show_seconds,
        ),
        (
            53.0,
            "memory",
            "Memory (sum of PSS)",
            [standing.arm.memory_bytes for standing in ranked],
            show_bytes,
        ),
    )
    if all(value is None for panel in panels for value in panel[3]):
        return ""
    plot: list[str] = []
    for left, shape, heading, values, show in panels:
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
        [inner(plot, 72), *_names(ranked, 36, ROW)],
        72,
    )


def _cost_words(arm: ArmResult) -> str:
    cpu = (
        "not measured"
        if arm.cpu_seconds_per_request is None
        else show_seconds(arm.cpu_seconds_per_request)
    )
    memory = "not measured" if arm.memory_bytes is None else show_bytes(arm.memory_bytes)
    return f"{arm.name}: CPU per request {cpu}, memory {memory}."


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
        # A third of the panel stays free for the number behind the longest bar, also on a phone.
        width = 47 * 0.66 * value / most
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


def steadiness(result: Result) -> str:
    """Throughput over the leader's during the race, downwards; empty without a second setup."""
    seen = over_time(result)
    if not seen:
        return ""
    shown = [one for one in standings(result) if one.arm.name in seen]
    delta = result.question.delta
    every = [ratio for own in seen.values() for ratio in own.values() if ratio > 0]
    scale = logarithmic(min([*every, 1 - delta]), max([*every, 1 + delta]), RATIO_TICKS, 9)
    numbers = sorted({stretch for own in seen.values() for stretch in own})
    step = min(5.0, 60 / len(numbers))
    row = 34 + step * (len(numbers) - 1)
    height = row * len(shown) + 36
    plot = [_band(scale, delta, height - 24), *axis(scale, 4, height - 24, _show_ratio)]
    plot.append(
        line(percent(scale.position(1)), 4, percent(scale.position(1)), height - 24, "unity")
    )
    for number, one in enumerate(shown):
        plot.append(line(0, 4 + row * number, "100%", 4 + row * number, "grid"))
        plot += _strip(
            one.arm.name, seen[one.arm.name], numbers, scale, 4 + row * number + 24, step
        )
    about = (
        f"Ratio to {result.leader} in {len(numbers)} stretches of the race, logarithmic axis. "
        + " ".join(
            f"{one.arm.name}: {min(seen[one.arm.name].values()):.2f}"
            f" to {max(seen[one.arm.name].values()):.2f}."
            for one in shown
        )
    )
    return chart(
        "over-time",
        "Speed over the leader's as the race went on",
        about,
        height,
        [inner(plot, 72), *_names(shown, 18, row)],
        72,
    )


def _band(scale: Scale, delta: float, bottom: float) -> str:
    left, right = scale.position(1 - delta), scale.position(1 + delta)
    place = {
        "x": percent(left),
        "y": 4,
        "width": percent(right - left),
        "height": bottom - 4,
        "class": "band",
    }
    return tag("rect", place, title(f"within {show_share(delta)} of the leader"))


def _strip(
    name: str, own: dict[int, float], numbers: Sequence[int], scale: Scale, top: float, step: float
) -> list[str]:
    parts: list[str] = []
    before: tuple[str, float] | None = None
    for index, stretch in enumerate(numbers):
        ratio = own.get(stretch, 0.0)
        if ratio <= 0:
            before = None
            continue
        x, y = percent(scale.position(ratio)), round(top + step * index, 1)
        if before:
            parts.append(line(*before, x, y, "path"))
        words = title(f"{name}, stretch {stretch}: {ratio:.3f} of the leader")
        parts.append(tag("circle", {"cx": x, "cy": y, "r": 2.8, "class": "window"}, words))
        before = (x, y)
    return parts


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


def _names(ranked: Sequence[Standing], first: float, row: float) -> list[str]:
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


def _show_ratio(ratio: float) -> str:
    return f"{ratio:.3f}".rstrip("0").rstrip(".") + "×"


def _mark(relation: Relation, x: str, y: float, words: str) -> str:
    path = tag("path", {"d": MARKS[relation], "class": f"mark {relation}"})
    return tag("svg", {"x": x, "y": y, "overflow": "visible"}, path, title(words))
