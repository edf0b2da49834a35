"""The race as it went on: each setup beside the leader, stretch by stretch, drawn and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from whichworker.report.charts import RATIO_TICKS, band, names, show_ratio
from whichworker.report.standings import standings
from whichworker.report.svg import (
    Scale,
    axis,
    chart,
    inner,
    line,
    logarithmic,
    percent,
    tag,
    title,
)
from whichworker.result import Result
from whichworker.units import show_rate

MOST_DOTS, FEWEST = 500, 8
"""Dots of the whole chart, a quarter of a kilobyte each, and dots that each setup keeps: beyond
that, neighbouring stretches share a dot, their median."""
GAP = "–"
"""A stretch without a measurement."""


@dataclass(frozen=True)
class Timeline:
    """Throughput over the leader's, by setup, in the same moments for all; None: not measured.

    A moment is `width` stretches, or what is left at the end; `labels` names their numbers.
    """

    labels: tuple[str, ...]
    ratios: dict[str, tuple[float | None, ...]]
    width: int


@dataclass(frozen=True)
class StretchRow:
    """Every stretch of a setup: requests/s and µs of CPU per request, in order."""

    name: str
    count: int
    lowest: float
    middle: float
    highest: float
    rates: str
    cpu: str


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
            if stretch in base and rate > 0
        }
        for name, own in rates.items()
    }
    return {name: found for name, found in shared.items() if found}


def timeline(result: Result) -> Timeline:
    """The ratios over time, merged so far that the chart stays small."""
    ratios = over_time(result)
    numbers = sorted({stretch for own in ratios.values() for stretch in own})
    dots = max(FEWEST, MOST_DOTS // max(1, len(ratios)))
    width = max(1, -(-len(numbers) // dots))
    moments = [numbers[start : start + width] for start in range(0, len(numbers), width)]
    return Timeline(
        labels=tuple(
            f"{first}" if first == last else f"{first}–{last}"
            for first, last in ((moment[0], moment[-1]) for moment in moments)
        ),
        ratios={
            name: tuple(_middle(own, moment) for moment in moments) for name, own in ratios.items()
        },
        width=width,
    )


def _middle(own: dict[int, float], moment: Sequence[int]) -> float | None:
    found = [own[stretch] for stretch in moment if stretch in own]
    return median(found) if found else None


def every_stretch(result: Result) -> list[StretchRow]:
    """The stretches of each setup, as the JSON has them; the fastest setup first."""
    order = {one.arm.name: place for place, one in enumerate(standings(result))}
    rates: dict[str, dict[int, float]] = {name: {} for name in order}
    spent: dict[str, dict[int, float | None]] = {name: {} for name in order}
    for window in result.windows:
        if window.arm in order:
            rates[window.arm][window.block] = window.throughput_per_second
            spent[window.arm][window.block] = window.cpu_seconds_per_request
    numbers = sorted({stretch for own in rates.values() for stretch in own})
    return [
        StretchRow(
            name=name,
            count=len(own),
            lowest=min(own.values()),
            middle=median(own.values()),
            highest=max(own.values()),
            rates=_series([own.get(stretch) for stretch in numbers], show_rate),
            cpu=_series([spent[name].get(stretch) for stretch in numbers], _microseconds),
        )
        for name, own in rates.items()
        if own
    ]


def _series(values: Sequence[float | None], show: Callable[[float], str]) -> str:
    """Numbers of one width, so that they stand below one another in a fixed-width font."""
    words = [GAP if value is None else show(value) for value in values]
    width = max(map(len, words), default=0)
    return " ".join(word.rjust(width, "\N{NO-BREAK SPACE}") for word in words)


def _microseconds(seconds: float) -> str:
    value = seconds * 1e6
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def steadiness(result: Result) -> str:
    """Throughput over the leader's during the race, downwards; empty without a second setup."""
    shown = timeline(result)
    if not shown.ratios:
        return ""
    ranked = [one for one in standings(result) if one.arm.name in shown.ratios]
    delta = result.question.delta
    every = [ratio for own in shown.ratios.values() for ratio in own if ratio is not None]
    scale = logarithmic(min([*every, 1 - delta]), max([*every, 1 + delta]), RATIO_TICKS, 9)
    step = min(5.0, 60 / len(shown.labels))
    row = 34 + step * (len(shown.labels) - 1)
    height = row * len(ranked) + 36
    at_one = percent(scale.position(1))
    plot = [band(scale, delta, height - 24), *axis(scale, 4, height - 24, show_ratio)]
    plot.append(line(at_one, 4, at_one, height - 24, "unity"))
    for number, one in enumerate(ranked):
        top = 4 + row * number
        plot.append(line(0, top, "100%", top, "grid"))
        plot += _strip(one.arm.name, shown, scale, top + 24, step)
    about = (
        f"Ratio to {result.leader} in {len(shown.labels)} moments of the race, logarithmic axis. "
        + " ".join(_range_words(one.arm.name, shown) for one in ranked)
    )
    return chart(
        "over-time",
        "Speed over the leader's as the race went on",
        about,
        height,
        [inner(plot, 72), *names(ranked, 18, row)],
        72,
    )


def _range_words(name: str, shown: Timeline) -> str:
    known = [ratio for ratio in shown.ratios[name] if ratio is not None]
    return f"{name}: {min(known):.2f} to {max(known):.2f}."


def _strip(name: str, shown: Timeline, scale: Scale, top: float, step: float) -> list[str]:
    parts: list[str] = []
    before: tuple[str, float] | None = None
    for index, (label, ratio) in enumerate(zip(shown.labels, shown.ratios[name], strict=True)):
        if ratio is None:
            before = None
            continue
        x, y = percent(scale.position(ratio)), round(top + step * index, 1)
        if before:
            parts.append(line(*before, x, y, "path"))
        words = title(f"{name}, stretch {label}: {ratio:.3f} of the leader")
        parts.append(tag("circle", {"cx": x, "cy": y, "r": 2.8, "class": "window"}, words))
        before = (x, y)
    return parts
