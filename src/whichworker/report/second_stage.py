"""The second stage for a terminal: capacity, response times and limit of each finalist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.report.curves import finalists
from whichworker.result import ArmResult, Capacity, CurvePoint, Result, RouteTimes

ABSENT = "–"
USUAL = 0.7
"""Latency is shown at this share of the capacity, or at the nearest rate that was measured."""
CAUSES = {"cpu": "CPU", "worker slots": "all workers and threads are busy"}
"""Causes whose names are short for a table; the others are clear as they are."""


def print_capacities(console: Console, result: Result) -> None:
    """A table of the finalists, the limit of each, and its result at the user's rate, if any."""
    shown = finalists(result)
    if not shown:
        return
    console.print()
    console.print(
        Text.assemble(("capacity ", "bold"), f"the highest rate with {result.question.slo}")
    )
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("setup", no_wrap=True)
    for name in ("validated", "capacity (90 %)", "p50", "p99", "at rate", "recovery"):
        table.add_column(name, justify="right", no_wrap=True)
    for arm in shown:
        table.add_row(*map(Text, _row(arm)))
    console.print(table)
    every = all(arm.capacity_per_second and arm.capacity_per_second.certified for arm in shown)
    unvalidated = "" if every else f" validated {ABSENT}: no rate passed the test."
    for arm in shown:
        if arm.attribution is not None:
            cause, evidence = arm.attribution.cause, "; ".join(arm.attribution.evidence)
            console.print(
                Text.assemble(
                    ("what limits ", "dim"),
                    (arm.name, "bold"),
                    f": {CAUSES.get(cause, cause)} ({evidence})",
                )
            )
    console.print(
        Text(
            "validated: does not cover what happens less often than once in its test."
            " capacity (90 %): a 90 % interval. p50 and p99: at the rate beside them."
            " recovery: from the end of an overload until responses are on time again."
            + unvalidated,
            "dim",
        )
    )
    for sentence in promises(shown):
        console.print(Text(sentence))
    if speed := core_speeds(shown):
        console.print(Text(speed, "dim"))
    _print_routes(console, shown)
    _print_at_rate(console, result, shown)
    _print_profiles(console, result)


def promises(arms: Sequence[ArmResult]) -> Iterator[str]:
    """The test of each validated rate, in a sentence."""
    for arm in arms:
        capacity = arm.capacity_per_second
        if capacity is None or capacity.passed is None or capacity.certified is None:
            continue
        test = capacity.passed
        between = ""
        if test.low is not None and test.high is not None:
            between = f" ({units.show_seconds(test.low)} to {units.show_seconds(test.high)})"
        middle = ""
        if test.response_seconds is not None:
            middle = f" {test.percentile} {units.show_seconds(test.response_seconds)}{between},"
        yield (
            f"{arm.name} is validated at {units.show_rate(capacity.certified)}/s. Its test:"
            f" {test.seconds:.0f} s at {units.show_rate(test.rate_per_second)}/s,{middle}"
            f" {test.late:,} of {test.requests:,} requests over"
            f" {units.show_seconds(test.limit_seconds)}"
        )


def core_speeds(arms: Sequence[ArmResult]) -> str:
    """How fast the cores were while capacities were measured, in a sentence, or nothing."""
    known = [
        speed
        for arm in arms
        if arm.capacity_per_second and (speed := arm.capacity_per_second.core_speed) is not None
    ]
    if not known:
        return ""
    low, high = (f"{one:.0%}" for one in (min(s.low for s in known), max(s.high for s in known)))
    return f"Meanwhile the servers' cores had {low} to {high} of their median speed."


def _print_routes(console: Console, shown: list[ArmResult]) -> None:
    """Each route in the windows that tested the validated rate, and the clause missed first."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("routes at the validated rate", overflow="fold")
    for name in ("requests", "p50", "p99", "missed"):
        table.add_column(name, justify="right", no_wrap=name != "missed")
    for arm in shown:
        capacity = arm.capacity_per_second
        if capacity is None or not capacity.routes:
            continue
        first = f", first missed: {capacity.binding}" if "," in capacity.slo else ""
        rate = units.show_rate(capacity.routes_rate_per_second or 0.0)
        table.add_row(Text.assemble((arm.name, "bold"), f" at {rate}/s{first}"))
        for route in capacity.routes:
            table.add_row(*map(Text, _route_row(route)))
    if table.row_count:
        console.print(table)


def _route_row(route: RouteTimes) -> list[str]:
    missed = "; ".join(
        f"{count:,} {clause.partition(' on ')[0]}" for clause, count in route.missed.items()
    )
    return [f"  {route.name}", f"{route.requests:,}", *_two(route), missed or ABSENT]


def _print_profiles(console: Console, result: Result) -> None:
    for arm in result.arms:
        if arm.profile is None:
            continue
        lock = (
            f", the interpreter lock held in {arm.profile.lock_share:.0%}"
            if arm.profile.lock_share is not None
            else ""
        )
        late = arm.profile.loop_lag_seconds
        if late is not None:
            lock += f", the event loop {units.show_seconds(late['p50'])} late"
            lock += f" (p99 {units.show_seconds(late['p99'])})"
        console.print(
            Text.assemble("samples of ", (arm.name, "bold"), f": {arm.profile.samples:,}{lock}")
        )
        for hot in arm.profile.functions[:5]:
            console.print(Text(f"    {hot.share:4.0%}  {hot.function}"))


def _row(arm: ArmResult) -> list[str]:
    capacity, point = arm.capacity_per_second, usual(arm)
    assert capacity is not None
    certified = f"{units.show_rate(capacity.certified)}/s" if capacity.certified else ABSENT
    return [arm.name, certified, interval(capacity), *_waits(point), recovery(capacity)]


def interval(capacity: Capacity) -> str:
    """`410-440/s`, or the part of it that is known."""
    return f"{units.show_rate(capacity.low)}-{units.show_rate(capacity.high)}/s"


def recovery(capacity: Capacity) -> str:
    """The time until an overload has no more effect, if it was measured."""
    if capacity.recovery_seconds is not None:
        return (
            units.show_seconds(capacity.recovery_seconds)
            if capacity.recovery_seconds
            else "at once"
        )
    return (
        f"over {units.show_seconds(capacity.recovery_watched_seconds)}"
        if capacity.recovery_watched_seconds
        else ABSENT
    )


def usual(arm: ArmResult) -> CurvePoint | None:
    """The point of the curve nearest to the usual load."""
    capacity = arm.capacity_per_second
    if capacity is None or not arm.latency_curve:
        return None
    return min(
        arm.latency_curve, key=lambda point: abs(point.rate_per_second - USUAL * capacity.value)
    )


def _waits(point: CurvePoint | None) -> list[str]:
    if point is None:
        return [ABSENT] * 3
    return [*_two(point), f"{units.show_rate(point.rate_per_second)}/s"]


def _two(times: CurvePoint | RouteTimes) -> list[str]:
    """p50 and p99, as far as the sample supports them."""
    return [
        units.show_seconds(value) if value is not None else ABSENT
        for value in (times.p50, times.p99)
    ]


def _print_at_rate(console: Console, result: Result, shown: list[ArmResult]) -> None:
    rate = result.question.rate_per_second
    if rate is None:
        return
    for arm in shown:
        if arm.at_rate is None:
            continue
        words = {True: "meets", False: "does not meet", None: "may or may not meet"}[
            arm.at_rate.holds
        ]
        known = arm.at_rate.headroom if arm.at_rate.holds else None
        room = f"; its capacity is {known:.1f} times this rate" if known else ""
        console.print(
            Text.assemble(
                (arm.name, "bold"),
                f" {words} {result.question.slo} at {units.show_rate(rate)}/s{room}",
            )
        )
