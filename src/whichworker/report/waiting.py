"""The table of response times for a terminal: how long users wait at moderate rates."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.report import standings
from whichworker.result import ArmResult, Result, RouteTimes, WaitPoint

ABSENT = "–"
CAPTION = (
    "Random arrivals; a response time begins when its request was due. p50 / p99; "
    f"{ABSENT}: too few requests, too many lost, or more than the setup can do."
)

OF_SESSIONS = (
    "Random arrivals of whole sessions; a response time is of one request, from when it was due:"
    " the first when its session arrives, a later one after the step before it. p50 / p99; "
    f"{ABSENT}: too few requests, too many lost, or more than the setup can do."
)


def shown(result: Result) -> list[ArmResult]:
    """The arms that have response times, the fastest first."""
    return [one.arm for one in standings.standings(result) if one.arm.waits]


def rates(arms: Sequence[ArmResult]) -> dict[float, str]:
    """The arrivals at each share of the leader's throughput, over all arms, with their unit."""
    found = {point.share: arrivals(point) for arm in arms for point in arm.waits}
    return dict(sorted(found.items()))


def arrivals(point: WaitPoint) -> str:
    """The rate of a point: of requests, or of whole sessions and of their requests."""
    requests = units.show_rate(point.rate_per_second)
    if point.sessions_per_second is None:
        return f"{requests}/s"
    return f"{units.show_rate(point.sessions_per_second)} sessions/s, {requests} requests/s"


def point_of(arm: ArmResult, share: float) -> WaitPoint | None:
    """The response times of an arm at a share of the leader's throughput."""
    return next((point for point in arm.waits if point.share == share), None)


def routes(arm: ArmResult) -> list[str]:
    """The routes of an arm's response times; empty if the requests have one, or many."""
    return list(dict.fromkeys(route.name for point in arm.waits for route in point.routes))


def route_of(point: WaitPoint | None, name: str) -> RouteTimes | None:
    """The response times of a route at a rate."""
    return next((route for route in point.routes if route.name == name), None) if point else None


def print_waits(console: Console, result: Result) -> None:
    """A row for each arm and a column for each rate; nothing if nothing was measured."""
    arms = shown(result)
    if not arms:
        return
    sessions = any(point.sessions_per_second is not None for arm in arms for point in arm.waits)
    console.print()
    console.print(Text.assemble(("response times ", "bold"), "at shares of the leader's rate"))
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("setup", no_wrap=False, overflow="fold")
    for share, rate in rates(arms).items():
        header = f"{share:.0%}: {rate}".replace(", ", "\n")
        table.add_column(header, justify="right", no_wrap=True)
    for arm in arms:
        points = [point_of(arm, share) for share in rates(arms)]
        table.add_row(Text(arm.name), *(Text(_times(point)) for point in points))
        for name in routes(arm):
            of_route = [_times(route_of(point, name)) for point in points]
            table.add_row(Text(f"  {name}", "dim"), *(Text(times, "dim") for times in of_route))
    console.print(table)
    console.print(Text(OF_SESSIONS if sessions else CAPTION, "dim"))
    for arm in arms:
        for point in arm.waits:
            if point.lost:
                lost = f"{point.lost:,} of {point.requests:,} requests had no correct response"
                console.print(Text(f"! {arm.name}: {lost} at {arrivals(point)}", "yellow"))


def _times(point: WaitPoint | RouteTimes | None) -> str:
    if point is None or point.p50 is None:
        return ABSENT
    late = units.show_seconds(point.p99) if point.p99 is not None else ABSENT
    return f"{units.show_seconds(point.p50)} / {late}"
