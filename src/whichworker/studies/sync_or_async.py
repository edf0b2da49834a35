"""Study B, "Sync or async, that's the question": three parallel calls and a page, six services.

Published with locust, 100 users for 30 s, ramp included, DEBUG on; every service one process. The
calls take 300, 600 and 150 ms, so a response takes at least 0.6 s, and 100 users can get at most
100 ÷ 0.6 = 167 responses a second. The sweep over users is added here.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from whichworker.model import Finding
from whichworker.result.study import Card, Cell, StudyResult, StudyRow
from whichworker.studies import cells
from whichworker.studies.assembly import Wish, assemble, carry_out
from whichworker.studies.options import StudyRun
from whichworker.studies.plan import StandAsk
from whichworker.studies.published import PublishedManner, judge_row
from whichworker.studies.watch import StudyWatch
from whichworker.workloads.table import workload

NAME = "sync-or-async"
TITLE = "Sync or async: three upstream calls in parallel, then a page"
MANNER = PublishedManner(tool="locust", users=100, seconds=30.0)
SERVICE_SECONDS = 0.6
SWEEP = (1, 3, 10, 30, 100, 300, 1000, 2000)
QUICK_SWEEP = (1, 10, 100, 300, 1000, 2000)
PATIENCE_SECONDS = 45.0
"""Longest time in which every user has one response: users × 0.6 s ÷ slots of the service.

If it is longer, the cell is only computed.
"""
PATIENCE_OF_USERS = 10.0
"""Seconds that a user waits for a response, at least."""
TURNS, FEWEST = 4, 30
"""Once every user waits in line the state is steady.

A window of four service times, or of thirty responses, shows rate and times.
"""
QUICK_SECONDS, FULL_SECONDS = 25 * 60.0, 2 * 3600.0


class StudiedService(Struct, frozen=True):
    """One service of the study: its exact arm, and the published numbers.

    These are min, p95 and mean in ms, and the best requests/s. Without `keep_alive` each request
    has a connection of its own: a thread of uWSGI stays with a kept connection, so users above the
    number of threads would never get a response. The study built clients and pools for each
    request; the services that keep them (`kept`) are added here.
    """

    title: str
    arm: str
    workload: str
    slots: int
    published: tuple[float, float, float, float] | None = None
    keep_alive: bool = True
    kept: bool = False

    @property
    def column(self) -> str:
        """The title of its column: the arm, and whether it keeps its clients."""
        return f"{self.arm}, clients kept" if self.kept else self.arm


SERVICES = (
    StudiedService(
        "uwsgi, 2 threads",
        "uwsgi[workers=1,threads=2]",
        "fanout",
        2,
        (783, 22000, 12108, 3),
        keep_alive=False,
    ),
    StudiedService(
        "uwsgi, 100 threads",
        "uwsgi[workers=1,threads=100]",
        "fanout",
        100,
        (613, 950, 782, 131),
        keep_alive=False,
    ),
    StudiedService(
        "uwsgi gevent",
        "uwsgi-gevent[workers=1,connections=100]",
        "fanout",
        100,
        (614, 1100, 857, 110),
    ),
    StudiedService(
        "gunicorn gthread",
        "gunicorn-gthread[workers=1,threads=100]",
        "fanout",
        100,
        (612, 1000, 717, 140),
    ),
    StudiedService(
        "gunicorn gevent",
        "gunicorn-gevent[workers=1,connections=100]",
        "fanout",
        100,
        (619, 1400, 1039, 91),
    ),
    StudiedService("uvicorn", "uvicorn[workers=1]", "fanout-async", 100_000, (616, 1000, 854, 115)),
)
KEPT = (
    StudiedService(
        "gunicorn gthread, clients kept",
        "gunicorn-gthread[workers=1,threads=100]",
        "fanout-reused",
        100,
        kept=True,
    ),
    StudiedService(
        "uvicorn, clients kept", "uvicorn[workers=1]", "fanout-async-reused", 100_000, kept=True
    ),
)
AT = 100


def run(asked: StudyRun, watch: StudyWatch) -> StudyResult:
    """Measure what is missing and make the table."""
    asked.check_servers(service.arm for service in SERVICES)
    chosen = [service for service in SERVICES if asked.wants(service.arm)]
    every = (*chosen, *(() if asked.as_published else KEPT))

    def asks(arm: str) -> tuple[StandAsk, ...]:
        return tuple(
            ask for service in every if service.arm == arm for ask in _asks(service, asked)
        )

    wishes = [
        Wish(app="builtin:django", arm=service.arm, asks=asks(service.arm)) for service in chosen
    ]
    planned = assemble(asked, wishes, watch, QUICK_SECONDS if asked.quick else FULL_SECONDS)
    return carry_out(asked, planned, watch, TITLE, tabulate)


def _asks(service: StudiedService, asked: StudyRun) -> tuple[StandAsk, ...]:
    counts = (AT,) if asked.as_published else sweep(asked)
    return tuple(
        _ask(service, users, asked)
        for users in counts
        if turn_seconds(service, users) <= PATIENCE_SECONDS
    )


def sweep(asked: StudyRun) -> tuple[int, ...]:
    """The numbers of users."""
    return QUICK_SWEEP if asked.quick else SWEEP


def turn_seconds(service: StudiedService, users: int) -> float:
    """Seconds until every user has had one response."""
    return SERVICE_SECONDS * max(1.0, users / service.slots)


def _ask(service: StudiedService, users: int, asked: StudyRun) -> StandAsk:
    turn = turn_seconds(service, users)
    window = (
        MANNER.seconds
        if asked.as_published
        else max(TURNS * SERVICE_SECONDS, turn_seconds(service, FEWEST))
        * (1.0 if asked.quick else 3.0)
    )
    return StandAsk(
        key=f"{service.workload} {users}",
        workload=workload(service.workload),
        users=users,
        service_seconds=SERVICE_SECONDS,
        window_seconds=window,
        longest_seconds=window,
        settle_seconds=0.0 if asked.as_published else turn,
        deadline_seconds=60.0 if asked.as_published else max(PATIENCE_OF_USERS, 2 * turn),
        launches=1 if asked.as_published else (3 if asked.quick else 5),
        upstream=True,
        overfull=True,
        keep_alive=service.keep_alive,
        drain=asked.as_published or turn <= TURNS * SERVICE_SECONDS,
    )


def tabulate(
    table: cells.Table, asked: StudyRun
) -> tuple[tuple[StudyRow, ...], tuple[Card, ...], tuple[str, ...], tuple[Finding, ...]]:
    """The published row of each service at 100 users, then the sweep."""
    rows = [
        _published(service, table)
        for service in (SERVICES if asked.as_published else (*SERVICES, *KEPT))
    ]
    if not asked.as_published:
        rows += [_sweep(users, table) for users in sweep(asked)]
    return tuple(rows), (), tuple(_conclusions(rows)), ()


def _published(service: StudiedService, table: cells.Table) -> StudyRow:
    key, ask = cells.stand_key("builtin:django", service.arm), f"{service.workload} {AT}"
    least, p95, mean, best = service.published or (None, None, None, None)
    found = (
        table.cell(
            key, ask, cells.latency_least, metric="latency min", unit="s", published=_seconds(least)
        ),
        table.cell(
            key, ask, cells.latency(0.95), metric="latency p95", unit="s", published=_seconds(p95)
        ),
        table.cell(
            key, ask, cells.latency_mean, metric="latency mean", unit="s", published=_seconds(mean)
        ),
        table.cell(key, ask, cells.rate, published=best),
    )
    return StudyRow(
        workload=service.title,
        variant="async" if "async" in service.workload else "sync",
        cells=found,
        remark=_remark(service),
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _remark(service: StudiedService) -> str:
    """Little's law on the published row: users ÷ rate is the mean time in a steady state."""
    if service.published is None:
        return ""
    _, _, mean, best = service.published
    expected = MANNER.users / best
    said = [judge_row([best], SERVICE_SECONDS, MANNER)]
    if abs(expected - mean / 1000) > 0.2 * expected:
        said.append(
            f"{MANNER.users} users ÷ {best:g}/s = {expected:.2g} s, but a mean of"
            f" {mean / 1000:.2g} s: the ramp was averaged in"
        )
    return "; ".join(filter(None, said))


def _sweep(users: int, table: cells.Table) -> StudyRow:
    found: list[Cell] = []
    for service in (*SERVICES, *KEPT):
        key, ask = cells.stand_key("builtin:django", service.arm), f"{service.workload} {users}"
        rate = table.cell(key, ask, cells.rate)
        p95 = table.cell(key, ask, cells.latency(0.95), metric="latency p95", unit="s")
        found += [msgspec.structs.replace(cell, arm=service.column) for cell in (rate, p95)]
    return StudyRow(workload=f"{users} users", variant="sweep", cells=tuple(found))


def _conclusions(rows: Sequence[StudyRow]) -> list[str]:
    """The first number of users at which a service's interval is below the best service's."""
    said = []
    for row in rows:
        if row.variant != "sweep":
            continue
        rates = [
            cell
            for cell in row.cells
            if cell.metric == cells.RATE and cell.low is not None and cell.high is not None
        ]
        if len(rates) < 2:
            continue
        best = max(rates, key=lambda cell: cell.value or 0.0)
        behind = [
            cell.arm
            for cell in rates
            if cell.high is not None and best.low is not None and cell.high < best.low
        ]
        if behind:
            said.append(
                f"at {row.workload}, {best.arm} is ahead of {', '.join(behind)}:"
                " the intervals do not touch"
            )
    return said
