"""The charts of the HTML report: pure functions from a result to SVG markup.

Horizontal positions are percentages and vertical ones pixels, so that a chart fills any width without a script and without
shrinking its text. What was measured lies in an inner plot to the right of the names. On a narrow page the style sheet widens
the chart until the plot alone fills the page, and moves the names above their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log, log10
from typing import Literal

from whichworker.result import ArmResult, Claim, Result
from whichworker.units import show_bytes, show_rate, show_seconds, show_share

Relation = Literal["leader", "tie", "faster", "slower", "undetermined", "dropped", "open"]

# One shape per relation: colour only repeats what the shape already says.
MARKS: dict[Relation, str] = {
    "leader": "M0-6.5 6.5 0 0 6.5-6.5 0z",
    "tie": "M-5 0a5 5 0 1 1 10 0a5 5 0 1 1-10 0z",
    "faster": "M0-6 5.5 4.5h-11z",
    "slower": "M0 6 5.5-4.5h-11z",
    "undetermined": "M-4.5-4.5h9v9h-9z",
    "dropped": "M-4.5-4.5 4.5 4.5M-4.5 4.5 4.5-4.5",
    "open": "M-4 0a4 4 0 1 1 8 0a4 4 0 1 1-8 0z",
}
MEANINGS: dict[Relation, str] = {
    "leader": "leader",
    "tie": "tie with the leader",
    "faster": "faster than the leader",
    "slower": "slower than the leader (claimed)",
    "undetermined": "undetermined against the leader",
    "dropped": "dropped early",
    "open": "no verdict against the leader",
}
LOG_SPAN = 10.0  # from this ratio between fastest and slowest on, a zero-based axis would press the slow arms together
NAME_LENGTH = 24
NAMES_WIDTH = 28  # percent of the chart that the names take where the page is wide
ROW = 36
RATIO_TICKS = (1, 1.1, 1.2, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)


@dataclass(frozen=True)
class Standing:
    """One arm of the leaderboard and how it stands against the leader."""

    arm: ArmResult
    relation: Relation
    claim: Claim | None

    @property
    def ranks(self) -> str | None:
        """The interval of ranks the arm may have: `1`, `2–4`, or None where it has none."""
        low, high = self.arm.rank_low, self.arm.rank_high
        if low is None or high is None:
            return None
        return str(low) if low == high else f"{low}–{high}"


@dataclass(frozen=True)
class Scale:
    """Where a value lies, in percent of the width, and which values are marked on the axis."""

    position: Callable[[float], float]
    ticks: tuple[float, ...]
    zero_based: bool


def compare(result: Result, one: str, other: str) -> tuple[Relation, Claim | None]:
    """How `one` stands against `other`: slower and faster only where a claim says so."""
    for claim in result.claims:
        if (claim.worse, claim.better) == (one, other):
            return "slower", claim
        if (claim.better, claim.worse) == (one, other):
            return "faster", claim
    pair = {one, other}
    if any(set(names) == pair for names in result.ties):
        return "tie", None
    return ("undetermined" if any(set(names) == pair for names in result.undetermined) else "open"), None


def standings(result: Result) -> tuple[Standing, ...]:
    """The ranked and dropped arms, best first; none at all for an invalid result, whose ranks mean nothing."""
    if result.validity.state == "invalid":
        return ()
    arms = sorted((arm for arm in result.arms if arm.state in ("ranked", "dropped")), key=_order)
    lead = next((arm for arm in arms if arm.name == result.leader), None)
    return tuple(_standing(result, arm, lead) for arm in arms)


def _order(arm: ArmResult) -> tuple[float, float, float, str]:
    last = float("inf")
    low = last if arm.rank_low is None else arm.rank_low
    high = last if arm.rank_high is None else arm.rank_high
    return low, high, -(arm.throughput_per_second.value if arm.throughput_per_second else 0.0), arm.name


def _standing(result: Result, arm: ArmResult, leader: ArmResult | None) -> Standing:
    if arm is leader:
        return Standing(arm, "leader", None)
    relation, claim = compare(result, arm.name, leader.name) if leader else ("open", None)
    if relation in ("undetermined", "open") and (arm.dropped or arm.state == "dropped"):
        relation = "dropped"
    return Standing(arm, relation, claim)


def ratios(result: Result) -> dict[str, dict[int, float]]:
    """Throughput over the leader's in the same block, by arm and block; only blocks that measured both."""
    ranked = standings(result)
    lead = next((standing.arm.name for standing in ranked if standing.relation == "leader"), None)
    if lead is None:
        return {}
    blocks: dict[str, dict[int, float]] = {standing.arm.name: {} for standing in ranked}
    for window in result.windows:
        if window.arm in blocks:
            blocks[window.arm][window.block] = window.throughput_per_second
    base = {block: rate for block, rate in blocks.pop(lead).items() if rate > 0}
    shared = {name: {b: rate / base[b] for b, rate in sorted(rates.items()) if b in base} for name, rates in blocks.items()}
    return {name: found for name, found in shared.items() if found}


def tie_groups(names: Sequence[str], ties: Iterable[tuple[str, str]]) -> list[list[int]]:
    """Sets of row numbers that tie with one another, every tied pair in at least one; ties are not transitive."""
    row = {name: number for number, name in enumerate(names)}
    pairs = {frozenset((row[a], row[b])) for a, b in ties if a in row and b in row and a != b}
    groups: list[set[int]] = []
    for pair in sorted(pairs, key=sorted):
        if any(pair <= group for group in groups):
            continue
        group = set(pair)
        for candidate in range(len(names)):
            if candidate not in group and all(frozenset((candidate, member)) in pairs for member in group):
                group.add(candidate)
        groups.append(group)
    return [sorted(group) for group in groups]


def linear(top: float) -> Scale:
    """A zero-based scale that ends a little beyond `top`, with about five round ticks."""
    end = (top or 1.0) * 1.02
    magnitude = 10.0 ** floor(log10(end / 5))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if end / (factor * magnitude) <= 6)
    ticks = tuple(step * count for count in range(floor(end / step) + 1))
    return Scale(lambda value: 100 * value / end, ticks, zero_based=True)


def logarithmic(low: float, high: float, series: Sequence[float] = (1, 2, 5), gap: float = 11) -> Scale:
    """A logarithmic scale over positive values with ticks from `series` in each decade, at least `gap` percent apart."""
    start, end = log(low) - 0.02, log(high) + 0.02

    def position(value: float) -> float:
        return 100 * (log(value) - start) / (end - start)

    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    candidates = [digit * 10.0**decade for decade in decades for digit in series]
    ticks: list[float] = []
    # Round numbers first: 1, 10, 100 keep their place when the ticks are thinned out.
    for tick in sorted(candidates, key=lambda tick: (abs(log10(tick) % 1) > 1e-9, abs(log(tick)))):
        if 0 <= position(tick) <= 100 and all(abs(position(tick) - position(kept)) >= gap for kept in ticks):
            ticks.append(tick)
    return Scale(position, tuple(sorted(ticks)), zero_based=False)


def throughput_scale(result: Result) -> Scale | None:
    """The axis of the throughput chart: zero-based, or logarithmic where rates differ by more than a factor of ten."""
    found = [standing.arm.throughput_per_second for standing in standings(result)]
    ends = [end for rate in found if rate for end in (rate.value, rate.low, rate.high) if end is not None]
    if not ends:
        return None
    low, high = min(ends), max(ends)
    return logarithmic(low, high) if low > 0 and high / low > LOG_SPAN else linear(high)


def throughput(result: Result) -> str:
    """Throughput of each arm as a dot with its 95 % interval, by rank, tied arms bracketed; empty without a ranked arm."""
    ranked, scale = standings(result), throughput_scale(result)
    if scale is None:
        return ""
    groups = tie_groups([standing.arm.name for standing in ranked], result.ties)
    height = ROW * len(ranked) + 30
    plot = _axis(scale, 4, height - 24, show_rate)
    body = [*_names(ranked, 18, ROW), *(_bracket(group, lane, ranked) for lane, group in enumerate(groups))]
    for number, standing in enumerate(ranked):
        rate = standing.arm.throughput_per_second
        plot += _rate_row(standing, scale, 4 + ROW * number + 26)
        body.append(_text("100%", 4 + ROW * number + 14, f"{show_rate(rate.value)}/s" if rate else "not measured", "value"))
    about = f"{len(ranked)} arms from best to worst rank. " + " ".join(_rate_words(standing) for standing in ranked)
    gutter = 10 * len(groups) + 4 if groups else 0
    return _svg("throughput", "Throughput by arm, requests per second", about, height, [_plot(plot, 61), *body], 61, gutter)


def _rate_words(standing: Standing) -> str:
    rate = standing.arm.throughput_per_second
    if rate is None:
        return f"{standing.arm.name}: not measured."
    return f"{standing.arm.name}: {_interval_words(rate.value, rate.low, rate.high)}, {MEANINGS[standing.relation]}."


def _interval_words(value: float, low: float | None, high: float | None) -> str:
    interval = "no interval" if low is None or high is None else f"{show_rate(low)} to {show_rate(high)}"
    return f"{show_rate(value)} per second ({interval})"


def _rate_row(standing: Standing, scale: Scale, y: float) -> list[str]:
    rate = standing.arm.throughput_per_second
    if rate is None:
        return []
    middle, shape = _percent(scale.position(rate.value)), f"whisker {standing.relation}"
    parts = [_line(0, y, middle, y, "guide")]
    if rate.low is not None and rate.high is not None:
        left, right = _percent(scale.position(rate.low)), _percent(scale.position(rate.high))
        parts.append(_line(left, y, right, y, shape))
        parts += [_line(end, y - 4, end, y + 4, shape) for end in (left, right)]
    return [*parts, _mark(standing.relation, middle, y, _rate_words(standing))]


def _bracket(group: Sequence[int], lane: int, ranked: Sequence[Standing]) -> str:
    x = -10.0 * (lane + 1) + 2
    heights = [4 + ROW * number + 26 for number in group]
    names = ", ".join(ranked[number].arm.name for number in group)
    dots = [_tag("circle", {"cx": x, "cy": y, "r": 3}) for y in heights]
    return _tag("g", {"class": "bracket"}, _title(f"tie: {names}"), _line(x, heights[0], x, heights[-1], ""), *dots)


def cost(result: Result) -> str:
    """CPU per request and memory of each arm as paired zero-based bars, in the order of the ranks; empty without either."""
    ranked = standings(result)
    panels = (
        (0.0, "cpu", "CPU per request", [standing.arm.cpu_seconds_per_request for standing in ranked], show_seconds),
        (53.0, "memory", "Memory (sum of PSS)", [standing.arm.memory_bytes for standing in ranked], show_bytes),
    )
    if all(value is None for panel in panels for value in panel[3]):
        return ""
    plot: list[str] = []
    for left, shape, heading, values, show in panels:
        plot.append(_text(_percent(left), 12, heading, "heading"))
        plot += _bars(left, shape, values, show)
    about = "Bars start at zero; less is cheaper. " + " ".join(_cost_words(standing.arm) for standing in ranked)
    return _svg("cost", "What a request costs, by arm", about, 28 + ROW * len(ranked), [_plot(plot, 72), *_names(ranked, 36, ROW)], 72)


def _cost_words(arm: ArmResult) -> str:
    cpu = "not measured" if arm.cpu_seconds_per_request is None else show_seconds(arm.cpu_seconds_per_request)
    memory = "not measured" if arm.memory_bytes is None else show_bytes(arm.memory_bytes)
    return f"{arm.name}: CPU per request {cpu}, memory {memory}."


def _bars(left: float, shape: str, values: Sequence[float | None], show: Callable[[float], str]) -> list[str]:
    most = max((value for value in values if value is not None), default=0.0) or 1.0
    parts = [_line(_percent(left), 24, _percent(left), 24 + ROW * len(values), "base")]
    for number, value in enumerate(values):
        top = 22 + ROW * number + 20
        if value is None:
            parts.append(_text(_percent(left), top + 10, "not measured", "value-after quiet", dx=5))
            continue
        # A third of the panel stays free for the number behind the longest bar, also on a phone.
        width = 47 * 0.66 * value / most
        place = {"x": _percent(left), "y": top, "width": _percent(width), "height": 11, "class": f"bar {shape}"}
        parts += [_tag("rect", place), _text(_percent(left + width), top + 10, show(value), "value-after", dx=5)]
    return parts


def blocks(result: Result) -> str:
    """Each arm's throughput over the leader's, block by block from top to bottom; empty without a second arm."""
    found = ratios(result)
    if not found:
        return ""
    ranked, delta = standings(result), result.question.delta
    every = [ratio for by_block in found.values() for ratio in by_block.values() if ratio > 0]
    scale = logarithmic(min([*every, 1 - delta]), max([*every, 1 + delta]), RATIO_TICKS, 9)
    numbers = sorted({block for by_block in found.values() for block in by_block})
    step = min(5.0, 60 / len(numbers))
    row = 34 + step * (len(numbers) - 1)
    shown = [standing for standing in ranked if standing.arm.name in found]
    height = row * len(shown) + 36
    plot = [_band(scale, delta, height - 24), *_axis(scale, 4, height - 24, _show_ratio)]
    plot.append(_line(_percent(scale.position(1)), 4, _percent(scale.position(1)), height - 24, "unity"))
    for number, standing in enumerate(shown):
        plot.append(_line(0, 4 + row * number, "100%", 4 + row * number, "grid"))
        plot += _strip(standing.arm.name, found[standing.arm.name], numbers, scale, 4 + row * number + 24, step)
    about = f"Ratio to {ranked[0].arm.name} in {len(numbers)} blocks, logarithmic axis. " + " ".join(
        f"{name}: {min(by_block.values()):.2f} to {max(by_block.values()):.2f}." for name, by_block in found.items()
    )
    return _svg("blocks", "Throughput over the leader's, block by block", about, height, [_plot(plot, 72), *_names(shown, 18, row)], 72)


def _band(scale: Scale, delta: float, bottom: float) -> str:
    left, right = scale.position(1 - delta), scale.position(1 + delta)
    place = {"x": _percent(left), "y": 4, "width": _percent(right - left), "height": bottom - 4, "class": "band"}
    return _tag("rect", place, _title(f"within {show_share(delta)} of the leader"))


def _strip(name: str, found: dict[int, float], numbers: Sequence[int], scale: Scale, top: float, step: float) -> list[str]:
    parts: list[str] = []
    before: tuple[str, float] | None = None
    for index, block in enumerate(numbers):
        ratio = found.get(block, 0.0)
        if ratio <= 0:
            before = None
            continue
        x, y = _percent(scale.position(ratio)), round(top + step * index, 1)
        if before:
            parts.append(_line(*before, x, y, "path"))
        title = _title(f"{name}, block {block}: {ratio:.3f} of the leader")
        parts.append(_tag("circle", {"cx": x, "cy": y, "r": 2.8, "class": "window"}, title))
        before = (x, y)
    return parts


def icon(relation: Relation) -> str:
    """The mark of a relation alone, for the legend and the tables; hidden from screen readers, which read the word."""
    path = _tag("path", {"d": MARKS[relation], "class": f"mark {relation}"})
    return _tag("svg", {"class": "icon", "viewBox": "-8 -8 16 16", "width": 14, "height": 14, "aria-hidden": "true"}, path)


def _names(ranked: Sequence[Standing], first: float, row: float) -> list[str]:
    width = max(len(standing.ranks or "") for standing in ranked)
    return [_name(standing, first + row * number, width) for number, standing in enumerate(ranked)]


def _name(standing: Standing, y: float, width: int) -> str:
    name = standing.arm.name
    # Names differ at their ends, in the settings: cut the middle out.
    short = name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH // 2]}…{name[1 - NAME_LENGTH // 2 :]}"
    rank = [_tag("tspan", {"class": "rank"}, (standing.ranks or "").ljust(width + 1, "\N{NO-BREAK SPACE}"))] if width else []
    shape = "name lead" if standing.relation == "leader" else "name"
    return _tag("text", {"x": 0, "y": y, "class": shape}, _title(name), *rank, _tag("tspan", {}, escape(short)))


def _axis(scale: Scale, top: float, bottom: float, show: Callable[[float], str]) -> list[str]:
    parts = []
    for tick in scale.ticks:
        place = scale.position(tick)
        anchor = "start" if place < 4 else "end" if place > 96 else "middle"
        parts.append(_line(_percent(place), top, _percent(place), bottom, "grid"))
        parts.append(_text(_percent(place), bottom + 16, show(tick), f"tick {anchor}"))
    return parts


def _show_ratio(ratio: float) -> str:
    return f"{ratio:.3f}".rstrip("0").rstrip(".") + "×"


def _mark(relation: Relation, x: str, y: float, title: str) -> str:
    path = _tag("path", {"d": MARKS[relation], "class": f"mark {relation}"})
    return _tag("svg", {"x": x, "y": y, "overflow": "visible"}, path, _title(title))


def _svg(key: str, title: str, about: str, height: float, body: Iterable[str], span: int, gutter: float = 0) -> str:
    style = f"--height:{height:.0f}px;--gutter:{gutter:.0f}px;--span:{span / 100};--names:{NAMES_WIDTH / 100}"
    labels = [_tag("title", {"id": f"{key}-title"}, escape(title)), _tag("desc", {"id": f"{key}-desc"}, escape(about))]
    named = {"aria-labelledby": f"{key}-title", "aria-describedby": f"{key}-desc"}
    return _tag("svg", {"class": "chart", "role": "img", **named, "style": style}, *labels, *body)


def _plot(parts: Iterable[str], span: int) -> str:
    return _tag("svg", {"x": f"{NAMES_WIDTH}%", "width": f"{span}%", "overflow": "visible"}, *parts)


def _percent(value: float) -> str:
    return f"{value:.2f}%"


def _title(words: str) -> str:
    return _tag("title", {}, escape(words))


def _line(x1: str | float, y1: float, x2: str | float, y2: float, shape: str) -> str:
    return _tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": shape})


def _text(x: str, y: float, words: str, shape: str, dx: float = 0) -> str:
    return _tag("text", {"x": x, "y": y, "class": shape, **({"dx": dx} if dx else {})}, escape(words))


def _tag(name: str, attributes: Mapping[str, object], *markup: str) -> str:
    """An element; attribute values are escaped here, children are markup already."""
    written = "".join(f' {key}="{escape(str(value))}"' for key, value in attributes.items() if value != "")
    return f"<{name}{written}>{''.join(markup)}</{name}>"
