"""Response time by arrival rate, a panel for each finalist, up to the capacity and beyond."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from whichworker.report.charts import shortened
from whichworker.report.svg import (
    Scale,
    axis,
    chart,
    inner,
    line,
    logarithmic,
    percent,
    tag,
    text,
    title,
)
from whichworker.result import ArmResult, CurvePoint, Result
from whichworker.units import show_rate, show_seconds

PANEL, PLOT, TOP = 190, 120, 26
"""Pixels: a panel with its name and axis, its plot, and the space above it."""
SERIES = ("p50", "p99")
SLOWEST_TICKS = (1, 10)
"""Ticks of each decade of seconds: more would overlap in a panel of this height."""
NEAR_THE_EDGE = 80.0
"""Percent of the width, beyond which a label is put beside its line instead of above it."""


def finalists(result: Result) -> list[ArmResult]:
    """The arms whose capacity was measured, the highest validated or estimated first."""
    found = [arm for arm in result.arms if arm.capacity_per_second is not None]
    return sorted(found, key=lambda arm: -_of(arm))


def _of(arm: ArmResult) -> float:
    capacity = arm.capacity_per_second
    return 0.0 if capacity is None else capacity.certified or capacity.value


def latency(result: Result) -> str:
    """The curves of all finalists that have one, on common scales; empty without any."""
    shown = [arm for arm in finalists(result) if arm.latency_curve]
    rates = [point.rate_per_second for arm in shown for point in arm.latency_curve]
    times = [seconds for arm in shown for point in arm.latency_curve for seconds in _drawn(point)]
    if not rates or not times:
        return ""
    across, up = (
        logarithmic(min(rates), max(rates)),
        logarithmic(min(times), max(times), SLOWEST_TICKS),
    )
    plot: list[str] = []
    body: list[str] = []
    for number, arm in enumerate(shown):
        top = PANEL * number + TOP
        body.append(_name(arm, top + 14))
        plot += _panel(arm, across, up, top)
    about = "Response time by rate of arrivals, both axes logarithmic. " + " ".join(
        _words(arm) for arm in shown
    )
    return chart(
        "latency",
        "Response time by rate of arrivals",
        about,
        PANEL * len(shown),
        [inner(plot, 66), *body],
        66,
    )


def _drawn(point: CurvePoint) -> list[float]:
    """The times of a point that are drawn: its percentiles and the ends of their intervals."""
    shown = [name for name in SERIES if getattr(point, name) is not None]
    ends = [end for name in shown for end in point.intervals.get(name, ())]
    return [
        seconds for seconds in (*(getattr(point, name) for name in shown), *ends) if seconds > 0
    ]


def _panel(arm: ArmResult, across: Scale, up: Scale, top: float) -> list[str]:
    def y(seconds: float) -> float:
        return round(top + PLOT * (1 - up.position(seconds) / 100), 1)

    parts = [
        *axis(across, top, top + PLOT, show_rate),
        line(0, top + PLOT, "100%", top + PLOT, "base"),
    ]
    for tick in up.ticks:
        parts += [
            line(0, y(tick), "100%", y(tick), "grid"),
            text("100%", y(tick) + 4, show_seconds(tick), "value-after quiet", dx=5),
        ]
    capacity = arm.capacity_per_second
    if capacity is not None and capacity.certified:
        at = percent(across.position(capacity.certified))
        anchor = "end" if across.position(capacity.certified) > NEAR_THE_EDGE else "middle"
        said = f"validated {show_rate(capacity.certified)}/s"
        parts += [line(at, top, at, top + PLOT, "unity"), text(at, top - 6, said, f"tick {anchor}")]
    for name in SERIES:
        parts += _series(arm, name, across, y)
    return parts


def _series(arm: ArmResult, name: str, across: Scale, y: Callable[[float], float]) -> list[str]:
    parts: list[str] = []
    before: tuple[str, float] | None = None
    first: tuple[str, float] | None = None
    for point in arm.latency_curve:
        seconds = getattr(point, name)
        if seconds is None:
            before = None
            continue
        here = percent(across.position(point.rate_per_second)), y(seconds)
        if before:
            parts.append(line(*before, *here, f"curve {name}"))
        ends = point.intervals.get(name)
        if ends and ends[0] > 0:
            parts.append(line(here[0], y(ends[0]), here[0], y(ends[1]), f"whisker {name}"))
        said = title(
            f"{arm.name} at {show_rate(point.rate_per_second)}/s: {name} {show_seconds(seconds)}"
        )
        parts.append(
            tag("circle", {"cx": here[0], "cy": here[1], "r": 3, "class": f"window {name}"}, said)
        )
        before, first = here, first or here
    if first:
        parts.append(text(first[0], first[1] - 8, name, "tick start"))
    return parts


def _name(arm: ArmResult, y: float) -> str:
    return tag(
        "text",
        {"x": 0, "y": y, "class": "name"},
        title(arm.name),
        tag("tspan", {}, escape(shortened(arm.name))),
    )


def _words(arm: ArmResult) -> str:
    return f"{arm.name}: " + ", ".join(_point(point) for point in arm.latency_curve) + "."


def _point(point: CurvePoint) -> str:
    p99 = "no p99" if point.p99 is None else f"p99 {show_seconds(point.p99)}"
    return f"{p99} at {show_rate(point.rate_per_second)} per second"
