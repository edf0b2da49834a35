"""The charts of the HTML report: pure functions from a result to SVG markup.

Horizontal positions are percentages and vertical ones pixels, so that a chart fills any width without a script and without
shrinking its text. What was measured lies in an inner plot to the right of the names. On a narrow page the style sheet widens
the chart until the plot alone fills the page, and moves the names above their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from whichworker.report.svg import Scale, axis, chart, inner, line, linear, logarithmic, percent, tag, text, title
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
    plot = axis(scale, 4, height - 24, show_rate)
    body = [*_names(ranked, 18, ROW), *(_bracket(group, lane, ranked) for lane, group in enumerate(groups))]
    for number, standing in enumerate(ranked):
        rate = standing.arm.throughput_per_second
        plot += _rate_row(standing, scale, 4 + ROW * number + 26)
        body.append(text("100%", 4 + ROW * number + 14, f"{show_rate(rate.value)}/s" if rate else "not measured", "value"))
    about = f"{len(ranked)} arms from best to worst rank. " + " ".join(_rate_words(standing) for standing in ranked)
    gutter = 10 * len(groups) + 4 if groups else 0
    return chart("throughput", "Throughput by arm, requests per second", about, height, [inner(plot, 61), *body], 61, gutter)


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
    middle, shape = percent(scale.position(rate.value)), f"whisker {standing.relation}"
    parts = [line(0, y, middle, y, "guide")]
    if rate.low is not None and rate.high is not None:
        left, right = percent(scale.position(rate.low)), percent(scale.position(rate.high))
        parts.append(line(left, y, right, y, shape))
        parts += [line(end, y - 4, end, y + 4, shape) for end in (left, right)]
    return [*parts, _mark(standing.relation, middle, y, _rate_words(standing))]


def _bracket(group: Sequence[int], lane: int, ranked: Sequence[Standing]) -> str:
    x = -10.0 * (lane + 1) + 2
    heights = [4 + ROW * number + 26 for number in group]
    names = ", ".join(ranked[number].arm.name for number in group)
    dots = [tag("circle", {"cx": x, "cy": y, "r": 3}) for y in heights]
    return tag("g", {"class": "bracket"}, title(f"tie: {names}"), line(x, heights[0], x, heights[-1], ""), *dots)


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
        plot.append(text(percent(left), 12, heading, "heading"))
        plot += _bars(left, shape, values, show)
    about = "Bars start at zero; less is cheaper. " + " ".join(_cost_words(standing.arm) for standing in ranked)
    return chart("cost", "What a request costs, by arm", about, 28 + ROW * len(ranked), [inner(plot, 72), *_names(ranked, 36, ROW)], 72)


def _cost_words(arm: ArmResult) -> str:
    cpu = "not measured" if arm.cpu_seconds_per_request is None else show_seconds(arm.cpu_seconds_per_request)
    memory = "not measured" if arm.memory_bytes is None else show_bytes(arm.memory_bytes)
    return f"{arm.name}: CPU per request {cpu}, memory {memory}."


def _bars(left: float, shape: str, values: Sequence[float | None], show: Callable[[float], str]) -> list[str]:
    most = max((value for value in values if value is not None), default=0.0) or 1.0
    parts = [line(percent(left), 24, percent(left), 24 + ROW * len(values), "base")]
    for number, value in enumerate(values):
        top = 22 + ROW * number + 20
        if value is None:
            parts.append(text(percent(left), top + 10, "not measured", "value-after quiet", dx=5))
            continue
        # A third of the panel stays free for the number behind the longest bar, also on a phone.
        width = 47 * 0.66 * value / most
        place = {"x": percent(left), "y": top, "width": percent(width), "height": 11, "class": f"bar {shape}"}
        parts += [tag("rect", place), text(percent(left + width), top + 10, show(value), "value-after", dx=5)]
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
    plot = [_band(scale, delta, height - 24), *axis(scale, 4, height - 24, _show_ratio)]
    plot.append(line(percent(scale.position(1)), 4, percent(scale.position(1)), height - 24, "unity"))
    for number, standing in enumerate(shown):
        plot.append(line(0, 4 + row * number, "100%", 4 + row * number, "grid"))
        plot += _strip(standing.arm.name, found[standing.arm.name], numbers, scale, 4 + row * number + 24, step)
    about = f"Ratio to {ranked[0].arm.name} in {len(numbers)} blocks, logarithmic axis. " + " ".join(
        f"{name}: {min(by_block.values()):.2f} to {max(by_block.values()):.2f}." for name, by_block in found.items()
    )
    return chart("blocks", "Throughput over the leader's, block by block", about, height, [inner(plot, 72), *_names(shown, 18, row)], 72)


def _band(scale: Scale, delta: float, bottom: float) -> str:
    left, right = scale.position(1 - delta), scale.position(1 + delta)
    place = {"x": percent(left), "y": 4, "width": percent(right - left), "height": bottom - 4, "class": "band"}
    return tag("rect", place, title(f"within {show_share(delta)} of the leader"))


def _strip(name: str, found: dict[int, float], numbers: Sequence[int], scale: Scale, top: float, step: float) -> list[str]:
    parts: list[str] = []
    before: tuple[str, float] | None = None
    for index, block in enumerate(numbers):
        ratio = found.get(block, 0.0)
        if ratio <= 0:
            before = None
            continue
        x, y = percent(scale.position(ratio)), round(top + step * index, 1)
        if before:
            parts.append(line(*before, x, y, "path"))
        said = title(f"{name}, block {block}: {ratio:.3f} of the leader")
        parts.append(tag("circle", {"cx": x, "cy": y, "r": 2.8, "class": "window"}, said))
        before = (x, y)
    return parts


def icon(relation: Relation) -> str:
    """The mark of a relation alone, for the legend and the tables; hidden from screen readers, which read the word."""
    path = tag("path", {"d": MARKS[relation], "class": f"mark {relation}"})
    return tag("svg", {"class": "icon", "viewBox": "-8 -8 16 16", "width": 14, "height": 14, "aria-hidden": "true"}, path)


def _names(ranked: Sequence[Standing], first: float, row: float) -> list[str]:
    width = max(len(standing.ranks or "") for standing in ranked)
    return [_name(standing, first + row * number, width) for number, standing in enumerate(ranked)]


def _name(standing: Standing, y: float, width: int) -> str:
    name = standing.arm.name
    rank = [tag("tspan", {"class": "rank"}, (standing.ranks or "").ljust(width + 1, "\N{NO-BREAK SPACE}"))] if width else []
    shape = "name lead" if standing.relation == "leader" else "name"
    return tag("text", {"x": 0, "y": y, "class": shape}, title(name), *rank, tag("tspan", {}, escape(shortened(name))))


def shortened(name: str) -> str:
    """Names differ at their ends, in the settings: the middle of a long one is cut out."""
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH // 2]}…{name[1 - NAME_LENGTH // 2 :]}"


def _show_ratio(ratio: float) -> str:
    return f"{ratio:.3f}".rstrip("0").rstrip(".") + "×"


def _mark(relation: Relation, x: str, y: float, words: str) -> str:
    path = tag("path", {"d": MARKS[relation], "class": f"mark {relation}"})
    return tag("svg", {"x": x, "y": y, "overflow": "visible"}, path, title(words))
