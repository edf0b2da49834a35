"""Study A, "Better Django worker": 23 workloads on its three workers, and on unpublished ones.

Published with wrk, 20 threads and 2000 connections for 22 s, against 20 worker processes on the
same cores.
"""

from __future__ import annotations

from collections.abc import Sequence

from whichworker.model import Finding
from whichworker.result.study import Card, Cell, StudyResult, StudyRow
from whichworker.studies import cells
from whichworker.studies.assembly import Wish, assemble, carry_out
from whichworker.studies.options import StudyRun
from whichworker.studies.plan import StandAsk
from whichworker.studies.published import PublishedManner, judge_row
from whichworker.studies.rows_of_a import ARMS, ASYNC, PUBLISHED_ARMS, ROWS, SYNC
from whichworker.studies.table import PublishedRow
from whichworker.studies.watch import StudyWatch
from whichworker.workloads.table import workload

NAME = "better-django-worker"
TITLE = "Better Django worker: 23 workloads, servers and worker classes"
MANNER = PublishedManner(tool="wrk", users=2000, seconds=22.0, timeout_seconds=2.0)
USERS, USERS_WAITING = 16, 200
"""Users of workloads that compute, and of workloads that mostly wait."""
QUICK_SECONDS, FULL_SECONDS = 29 * 60.0, 3 * 3600.0
"""Time bounds of a quick and of a full run."""
CPU = "CPU per request"
DEGRADED = 1.25
"""Ratio of ratios from which patching costs httpx more than requests; launches differ by less."""
FAKE_CACHE_SECONDS = 0.5
"""Up to this service time, a run has time for many launches."""


def run(asked: StudyRun, watch: StudyWatch) -> StudyResult:
    """Measure what is missing and make the table."""
    wishes = [
        Wish(app="builtin:django", arm=name, asks=_asks(name, asked))
        for name in asked.servers or ARMS
    ]
    planned = assemble(asked, wishes, watch, QUICK_SECONDS if asked.quick else FULL_SECONDS)
    return carry_out(asked, planned, watch, TITLE, tabulate)


def _asks(arm: str, asked: StudyRun) -> tuple[StandAsk, ...]:
    interface = SYNC if cells.interface_of(arm) == "wsgi" else (*SYNC, *ASYNC)
    return tuple(_ask(row, asked) for row in ROWS if row.variant in interface)


def _ask(row: PublishedRow, asked: StudyRun) -> StandAsk:
    what = workload(row.workload)
    if asked.as_published:
        return StandAsk(
            key=row.workload,
            workload=what,
            users=MANNER.users,
            service_seconds=0.0,
            window_seconds=MANNER.seconds,
            longest_seconds=MANNER.seconds,
            settle_seconds=0.0,
            launches=1,
            upstream=what.upstream,
        )
    service = what.minimum_service_seconds
    slow = service > FAKE_CACHE_SECONDS
    return StandAsk(
        key=row.workload,
        workload=what,
        users=USERS_WAITING if service else USERS,
        service_seconds=service,
        window_seconds=max(
            0.5 if asked.quick else 2.0, service
        ),  # a whole turn: each user gets at most one response
        longest_seconds=2.0 if asked.quick else 10.0,
        launches=(1 if slow else 3) if asked.quick else (3 if slow else 6),
        upstream=what.upstream,
    )


def tabulate(
    table: cells.Table, asked: StudyRun
) -> tuple[tuple[StudyRow, ...], tuple[Card, ...], tuple[str, ...], tuple[Finding, ...]]:
    """Rows in the article's order, each rate with the numbers of wrk, then the conclusions."""
    arms = list(asked.servers or ARMS)
    rows = tuple(_row(row, arms, table) for row in ROWS)
    cards = tuple(_card(arm, rows) for arm in arms)
    return rows, cards, tuple(_conclusions(rows)), ()


def _row(row: PublishedRow, arms: Sequence[str], table: cells.Table) -> StudyRow:
    found: list[Cell] = []
    for arm in arms:
        published = row.values.get(arm)
        found.append(
            table.cell(
                cells.stand_key("builtin:django", arm),
                row.workload,
                cells.rate,
                published=published,
            )
        )
        if found[-1].value is not None:
            found += _printed_by_wrk(table, arm, row.workload)
    remark = judge_row(
        [row.values[arm] for arm in PUBLISHED_ARMS if arm in row.values],
        row.really_seconds or row.service_seconds,
        MANNER,
    )
    if row.really_seconds is not None:
        named = judge_row(
            [row.values[arm] for arm in PUBLISHED_ARMS if arm in row.values],
            row.service_seconds,
            MANNER,
        )
        slept = f"with {row.really_seconds:g} s, {remark or 'it is possible'}"
        remark = f"{named}; so the route did not sleep as long as its name says: {slept}"
    return StudyRow(
        workload=row.title,
        variant=row.variant,
        cells=tuple(found),
        remark="; ".join(filter(None, (remark, row.remark))),
    )


def _printed_by_wrk(table: cells.Table, arm: str, ask: str) -> list[Cell]:
    key = cells.stand_key("builtin:django", arm)
    return [
        table.cell(key, ask, cells.latency_mean, metric="latency mean", unit="s"),
        table.cell(key, ask, cells.latency_stdev, metric="latency stdev", unit="s"),
        table.cell(key, ask, cells.latency_most, metric="latency max", unit="s"),
        table.cell(key, ask, cells.within_stdev, metric="within one stdev", unit="share"),
        table.cell(key, ask, cells.received, metric="transfer", unit="B/s"),
        table.cell(key, ask, cells.cpu_per_request, metric=CPU, unit="s"),
    ]


def _rates(rows: Sequence[StudyRow], arm: str) -> dict[tuple[str, str], Cell]:
    return {
        (row.workload, row.variant): cell
        for row in rows
        for cell in row.cells
        if cell.arm == arm and cell.metric == cells.RATE
    }


def _card(arm: str, rows: Sequence[StudyRow]) -> Card:
    """The article's card: stability, blocking, non-blocking, async, and the best clients."""
    mine = {key: cell for key, cell in _rates(rows, arm).items() if cell.note != "not applicable"}
    failed = [
        f"{variant} {name}" for (name, variant), cell in mine.items() if cell.state == "failed"
    ]
    lines = {
        "stability": f"wrong or missing responses for {', '.join(failed)}"
        if failed
        else f"all {len(mine)} workloads correct"
    }
    for line, name, variant in (
        ("blocking", "Gateway 1 s", "sync"),
        ("non-blocking", "Gateway 1 s", "async"),
        ("plain", "JSON", "sync"),
    ):
        cell = mine.get((name, variant))
        if cell is not None and cell.value is not None:
            limit = f" ({cell.evidence})" if cell.state == "ceiling" else ""
            lines[line] = f"{cell.value:,.0f}/s of {variant} {name}{limit}"
    for variant in ("sync", "async"):
        clients = {
            name: cell.value
            for (name, kind), cell in mine.items()
            if kind == variant and name in CLIENTS and cell.value is not None
        }
        if clients:
            best = max(clients, key=lambda name: clients[name])
            lines[f"best {variant} client"] = f"{best}, {clients[best]:,.0f}/s"
    return Card(arm=arm, lines=lines)


CLIENTS = tuple(dict.fromkeys(row.title for row in ROWS if row.upstream))


def _conclusions(rows: Sequence[StudyRow]) -> list[str]:
    """Whether HTTPX suffers from monkey-patching, as the article guessed: gevent beside threads.

    By CPU per request, because the slots of the threads limit the rate. The client requests shows
    what patching itself costs.
    """
    said = []
    for names, manner in (
        (("HTTPX", "Requests"), "a client per request"),
        (("HTTPX, reused", "Requests, reused"), "one client"),
    ):
        factors = [_factor(rows, name) for name in names]
        if None in factors:
            continue
        httpx, requests = (factor or 0.0 for factor in factors)
        verdict = (
            "monkey-patching degrades httpx"
            if httpx > DEGRADED * requests
            else "no sign that monkey-patching degrades httpx"
        )
        said.append(
            f"CPU per request, gevent ÷ threads, {manner}: httpx {httpx:.2f},"
            f" requests {requests:.2f}: {verdict}"
        )
    return said


def _factor(rows: Sequence[StudyRow], workload: str) -> float | None:
    """CPU per request of a client under gevent ÷ under threads."""
    mine = [row for row in rows if (row.workload, row.variant) == (workload, "sync")]
    found = {cell.arm: cell.value for row in mine for cell in row.cells if cell.metric == CPU}
    patched, plain = found.get("gunicorn-gevent"), found.get("gunicorn-gthread")
    return patched / plain if patched and plain else None
