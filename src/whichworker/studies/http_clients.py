"""The second table of study A: HTTP clients, one site many times and twenty sites once.

The published table had several faults: two columns look swapped against the raw output, one script
made 100 requests instead of 1000, only one client read the bodies, only one client was pooled, the
order was fixed, and the sites were the public internet. Here every client fetches the same bodies,
both ways (a client for each request, and one client), in random order, from the local upstream.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.resources import as_file, files
from itertools import product
from pathlib import Path

from msgspec import Struct, convert

from whichworker.bench import services
from whichworker.environments import venvs
from whichworker.errors import EnvironmentFailed, UsageError
from whichworker.model import App
from whichworker.process import contained
from whichworker.question.ask import budget_of
from whichworker.result.study import Cell, StudyResult, StudyRow
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import ClientRun, RunSession
from whichworker.studies import pooled
from whichworker.studies.assembly import app_of, begin, conclude
from whichworker.studies.cells import estimate_of
from whichworker.studies.options import StudyRun
from whichworker.studies.pooled import Cells
from whichworker.studies.watch import StudyWatch
from whichworker.workloads import answers

TITLE = "HTTP clients: one site many times, and twenty sites once"
CLIENTS = ("requests", "httpx", "httpx-async", "aiohttp")
MANNERS = ("each", "reused")
SITES = 20
REQUESTS = 1000
DELAY_SECONDS = 0.005
"""The upstream's delay for each response: a site nearby."""
QUICK_SECONDS, FULL_SECONDS = 12 * 60.0, 3600.0
"""Time bounds of a quick and of a full run."""
CHILD_SECONDS = 300.0
"""Longest run of one script; the slowest takes a minute."""
PUBLISHED = {
    ("requests", "one site"): 48.43,
    ("requests", "twenty sites"): 7.15,
    ("httpx", "one site"): 19.02,
    ("httpx", "twenty sites"): 4.37,
    ("httpx-async", "one site"): 37.86,
    ("httpx-async", "twenty sites"): 2.28,
    ("aiohttp", "one site"): 13.03,
    ("aiohttp", "twenty sites"): 0.72,
}
SWAPPED = (
    "the raw output beside the table has 37.25 for httpx sync and 19.80 for async, so the two"
    " columns look swapped"
)
HUNDRED = "the sync script made 100 requests, not 1000"
REMARKS = {
    "requests": "the sites were the public internet",
    "httpx": f"{SWAPPED}; {HUNDRED}",
    "httpx-async": SWAPPED,
}
AS_PUBLISHED = {"requests": "each", "httpx": "each", "httpx-async": "reused", "aiohttp": "reused"}
"""The manner of each published script, as far as the article shows it."""


class ScriptRun(Struct, frozen=True):
    """The output of one run of the script."""

    seconds: float
    answers: int
    sha256: str


class Column(Struct, frozen=True):
    """One column: the pages to fetch, and the digest of the correct bodies."""

    name: str
    paths: tuple[str, ...]
    sha256: str


def columns(upstreams: Sequence[str], requests: int) -> tuple[Column, Column]:
    """One site `requests` times, and each of the sites once, with the known correct bodies."""
    numbers = range(len(answers.countries()))
    many = [numbers[at % len(numbers)] for at in range(requests)]
    few = [numbers[at] for at in range(len(upstreams))]
    return (
        _column("one site", [(upstreams[0], number) for number in many]),
        _column("twenty sites", list(zip(upstreams, few, strict=True))),
    )


def _column(name: str, wanted: Sequence[tuple[str, int]]) -> Column:
    digest = hashlib.sha256(
        b"".join(answers.country(number)(answers.write_spaced) for _, number in wanted)
    ).hexdigest()
    return Column(
        name,
        tuple(f"{base}/countries/{number}?delay={DELAY_SECONDS:g}" for base, number in wanted),
        digest,
    )


def run(asked: StudyRun, watch: StudyWatch) -> StudyResult:
    """Measure what is missing and make the table."""
    if (
        asked.servers
        or asked.as_published
        or asked.database != "sqlite"
        or asked.cache_kind != "memory"
    ):
        fact = "the study http-clients measures clients: it has no servers, database, cache or"
        fact += " published parameters to choose"
        raise UsageError(fact, hint="leave --servers, --as-published, --database and --cache out")
    app = app_of("builtin:django", "", asked.cache, asked.resolution)
    seconds = asked.seconds or (QUICK_SECONDS if asked.quick else FULL_SECONDS)
    budget = budget_of(seconds)
    with Journal(asked.folder / FILE) as journal:
        begin(journal, asked, venvs.digest(f"{app.python}{asked.quick}"))
        started, spent = (
            time.monotonic(),
            sum(session.seconds for session in journal.of(RunSession)),
        )
        ended = "interrupted"
        try:
            with ExitStack() as stack:
                needs = services.Needs(upstream=True, database="sqlite", cache="memory")
                sites = []
                for _ in range(SITES):
                    place = services.backing(
                        needs,
                        [app],
                        cores=services.cores_of(budget),
                        folder=asked.folder,
                        cache=asked.cache,
                    )
                    sites.append(stack.enter_context(place).variables["WHICHWORKER_UPSTREAM"])
                _measure(
                    asked,
                    app,
                    budget.server_cores,
                    columns(sites, REQUESTS),
                    journal,
                    watch,
                    started + seconds - spent,
                )
            ended = "finished"
        except KeyboardInterrupt:
            watch.note("interrupted")
        finally:
            journal.append(RunSession(seconds=time.monotonic() - started, ended=ended))
        return conclude(
            journal,
            asked,
            TITLE,
            (_rows(journal), (), tuple(_conclusions(journal)), ()),
            seconds=seconds,
        )


def _measure(
    asked: StudyRun,
    app: App,
    cores: tuple[int, ...],
    wanted: Sequence[Column],
    journal: Journal,
    watch: StudyWatch,
    ends: float,
) -> None:
    known = list(journal.of(ClientRun))
    for launch in range(3 if asked.quick else 8):
        order = list(product(CLIENTS, MANNERS, wanted))
        random.Random(f"{asked.seed}/{launch}").shuffle(order)
        for client, manner, column in order:
            done = sum(
                (one.client, one.manner, one.column) == (client, manner, column.name)
                for one in known
            )
            if done > launch:
                continue
            if time.monotonic() > ends:
                return
            watch.note(f"{client}, {manner}, {column.name}")
            journal.append(_fetch(app, cores, client, manner, column, asked.folder))


def _fetch(
    app: App, cores: tuple[int, ...], client: str, manner: str, column: Column, folder: Path
) -> ClientRun:
    """One run in a process of its own, on a server's core.

    Raises EnvironmentFailed for wrong bodies.
    """
    targets, log = folder / "targets.json", folder / "fetch.log"
    targets.write_text(json.dumps(column.paths))
    log.unlink(missing_ok=True)
    with as_file(files("whichworker.samples") / "http_clients" / "fetch.py") as script:
        argv = (app.python, "-I", "-B", str(script), client, manner, str(targets))
        status = contained.run(argv, "/", os.environ, log, CHILD_SECONDS, cores)
    said = log.read_text(encoding="utf-8", errors="replace")
    if status is None:
        raise EnvironmentFailed(f"{client} took more than {CHILD_SECONDS:g} s", seen=said[-2000:])
    if status:
        raise EnvironmentFailed(f"{client} failed", seen=said[-2000:])
    told = convert(json.loads(said.splitlines()[-1]), ScriptRun)
    if told.sha256 != column.sha256:
        raise EnvironmentFailed(f"{client} did not fetch the correct bodies", seen=said[-500:])
    return ClientRun(
        client=client, manner=manner, column=column.name, seconds=told.seconds, answers=told.answers
    )


def _pools(journal: Journal) -> dict[str, Cells]:
    """By column, its cells: a client in a manner, with the logarithms of its seconds."""
    logs: dict[str, dict[str, dict[int, float]]] = {}
    for one in journal.of(ClientRun):
        launches = logs.setdefault(one.column, {}).setdefault(f"{one.client}, {one.manner}", {})
        launches[len(launches)] = math.log(one.seconds)
    return {column: pooled.gather(values, side_by_side=False) for column, values in logs.items()}


def _rows(journal: Journal) -> tuple[StudyRow, ...]:
    pools = _pools(journal)
    rows = []
    for client, manner in product(CLIENTS, MANNERS):
        found = []
        for column in ("one site", "twenty sites"):
            published = PUBLISHED[client, column] if AS_PUBLISHED[client] == manner else None
            found.append(_cell((client, manner), column, pools.get(column), published))
        variant = "a client for each request" if manner == "each" else "one client"
        rows.append(
            StudyRow(
                workload=client, variant=variant, cells=tuple(found), remark=_remark(client, manner)
            )
        )
    return tuple(rows)


def _remark(client: str, manner: str) -> str:
    return REMARKS.get(client, "") if AS_PUBLISHED[client] == manner else ""


def _cell(who: tuple[str, str], column: str, pool: Cells | None, published: float | None) -> Cell:
    client, name = who[0], ", ".join(who)
    metric = "1000 requests to one site" if column == "one site" else f"{SITES} sites once"
    if pool is None or name not in pool.means:
        return Cell(
            arm=client,
            metric=metric,
            unit="s",
            published=published,
            state="absent",
            note="not reached",
        )
    estimate = estimate_of(pool, name, None)
    return Cell(
        arm=client,
        metric=metric,
        unit="s",
        published=published,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        launches=pool.launches[name],
    )


def _conclusions(journal: Journal) -> list[str]:
    """The gain of one client over a client for each request."""
    pool = _pools(journal).get("one site")
    said = []
    for client in CLIENTS:
        each, reused = (
            pool.means.get(f"{client}, {manner}") if pool is not None else None
            for manner in MANNERS
        )
        if each is not None and reused is not None:
            said.append(
                f"{client}: a client for each request takes {math.exp(each - reused):.1f} times"
                " as long as one client"
            )
    return said
