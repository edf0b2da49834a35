"""Study C, "ASGI python benchmarks": a visitor's session by server, interpreter, Django and ORM.

Published with k6, a ramp to 10 virtual users in one minute, on PostgreSQL: five requests, one of
them the login. The published login never succeeded (a wrong field name, the response unchecked),
so it never paid for a password. Here it does, and all eleven checks count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files

import msgspec
from msgspec import Struct, field

from whichworker.model import Finding, Reading, Session, Step
from whichworker.model.histogram import Histogram
from whichworker.result.study import Card, Cell, StudyResult, StudyRow
from whichworker.studies import cells
from whichworker.studies.assembly import Wish, assemble, carry_out
from whichworker.studies.gino import GINO_EVIDENCE
from whichworker.studies.options import StudyRun
from whichworker.studies.plan import StandAsk
from whichworker.studies.watch import StudyWatch
from whichworker.workloads.definition import read_definition
from whichworker.workloads.table import workload

NAME = "asgi-benchmarks"
TITLE = "ASGI python benchmarks: a session behind a login, by server, interpreter and ORM"
USERS = 10
QUICK_SECONDS, FULL_SECONDS = 25 * 60.0, 3 * 3600.0
"""Time bounds of a quick and of a full run."""
DJANGO, MIXED, FASTAPI = "builtin:django", "builtin:fastapi-django", "builtin:fastapi"
LISTS = ("/clowncollege", "/troupe")

Published = Mapping[str, float]


class Served(Struct, frozen=True, kw_only=True):
    """One row: the study's SERVED_BY, its arm, and the published numbers.

    These are iterations, requests/s, and milliseconds.
    """

    title: str
    arm: str
    app: str = DJANGO
    kind: str = "session"
    published: Published = field(default_factory=dict)
    pythons: tuple[str, ...] = ("",)
    variant: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    postgres_only: bool = False
    absent: str = ""
    evidence: str = ""
    remark: str = ""


def _published(
    iterations: float, rate: float, mean: float, median: float, p90: float, p95: float, most: float
) -> Published:
    return {
        "iterations": iterations,
        cells.RATE: rate,
        "duration mean": mean / 1000,
        "duration median": median / 1000,
        "duration p90": p90 / 1000,
        "duration p95": p95 / 1000,
        "duration max": most / 1000,
    }


def _historical(django: str, python: str) -> tuple[Served, ...]:
    """The rows with the study's own Django versions and interpreters, as far as they install."""
    app, label = f"{DJANGO}@{django}", f"historical, Django {django}"
    gunicorn = "21.2.0" if python == "3.6" else "23.0.0"
    arms = [
        f"gunicorn-gthread@{gunicorn}",
        f"gunicorn-gevent@{gunicorn}",
        f"gunicorn-eventlet@{gunicorn}",
    ]
    if django != "2.2":  # the first Django with ASGI is 3.0
        arms += ["uvicorn", f"gunicorn-uvicorn@{gunicorn}"]
    return tuple(
        Served(
            title=f"{arm.partition('@')[0]}, {label}",
            arm=f"{arm}[workers=1]",
            app=app,
            pythons=(python,),
        )
        for arm in arms
    )


def _drivers() -> tuple[Served, ...]:
    """psycopg2 waits in C: under gevent, a query stops all greenlets unless psycogreen is used."""
    rows = []
    for variant, environment in (
        ("psycopg2", {}),
        ("psycopg2 + psycogreen", {"WHICHWORKER_PSYCOGREEN": "1"}),
    ):
        rows.append(
            Served(
                title=f"gunicorn-gevent, {variant}, Django 3.2",
                arm="gunicorn-gevent@23.0.0[workers=1]",
                app=f"{DJANGO}@3.2",
                pythons=("3.8",),
                variant=variant,
                environment=environment,
                postgres_only=True,
            )
        )
    return tuple(rows)


UNPATCHED = "psycopg2 was not patched under eventlet, so a query stopped every greenlet"
WORKERS = "18 workers were compared with 1"
ROWS: tuple[Served, ...] = (
    Served(
        title="gunicorn-eventlet",
        arm="gunicorn-eventlet[workers=1]",
        published=_published(771, 64.08, 77.93, 18.28, 249.7, 310.36, 512.33),
        remark=UNPATCHED,
    ),
    Served(
        title="gunicorn-uvicornworker, sync views",
        arm="gunicorn-uvicorn[workers=1]",
        published=_published(661, 54.65, 91.37, 89.88, 163.25, 175.74, 206.28),
        pythons=("", "3.12", "3.13"),
    ),
    Served(
        title="uvicorn-wsgimiddleware-with-cling",
        arm="uvicorn-a2wsgi-static[workers=1]",
        published=_published(598, 49.52, 100.91, 71.11, 234.24, 300.93, 832.66),
    ),
    Served(
        title="gunicorn-uvicornworker, async views",
        arm="gunicorn-uvicorn[workers=1]",
        kind="session-async",
        published=_published(681, 56.23, 89.14, 84.2, 155.36, 194.25, 250.6),
        pythons=("", "3.12", "3.13"),
    ),
    Served(title="asgi-with-static", arm="uvicorn-static[workers=1]"),
    Served(title="uvicorn", arm="uvicorn[workers=1]", pythons=("", "3.12", "3.13")),
    Served(title="uvicorn, its own WSGI mode", arm="uvicorn-wsgi-httptools[workers=1]"),
    Served(title="uvicorn, WSGI through a2wsgi", arm="uvicorn-a2wsgi[workers=1]"),
    Served(title="FastAPI with Django mounted", arm="uvicorn[workers=1]", app=MIXED),
    Served(title="gunicorn-gevent", arm="gunicorn-gevent[workers=1]"),
    Served(
        title="gunicorn-gthread", arm="gunicorn-gthread[workers=1]", pythons=("", "3.12", "3.13")
    ),
    Served(title="18 workers", arm="gunicorn-uvicorn[workers=18]", remark=WORKERS),
    Served(title="hypercorn", arm="hypercorn[workers=1]"),
    Served(title="daphne", arm="daphne"),
    Served(title="granian-asgi", arm="granian-asgi[workers=1]"),
    *_historical("2.2", "3.6"),
    *_historical("2.2", "3.8"),
    *_historical("3.2", "3.6"),
    *_historical("3.2", "3.8"),
    *_drivers(),
    Served(title="Django ORM, sync", arm="uvicorn[workers=1]", kind="lists"),
    Served(title="Django ORM, async", arm="uvicorn[workers=1]", kind="lists-async"),
    Served(title="FastAPI, SQLAlchemy, sync", arm="uvicorn[workers=1]", app=FASTAPI, kind="lists"),
    Served(
        title="FastAPI, SQLAlchemy asyncio",
        arm="uvicorn[workers=1]",
        app=FASTAPI,
        kind="lists-async",
    ),
    Served(
        title="FastAPI, Tortoise",
        arm="uvicorn[workers=1]",
        app=FASTAPI,
        kind="lists-tortoise-async",
    ),
    Served(
        title="FastAPI, GINO",
        arm="uvicorn[workers=1]",
        app=FASTAPI,
        kind="lists",
        variant="GINO",
        absent="dead project",
        evidence=GINO_EVIDENCE,
    ),
)


def run(asked: StudyRun, watch: StudyWatch) -> StudyResult:
    """Measure what is missing and make the table."""
    asked.check_servers(row.arm for row in ROWS)
    wishes = [
        _wish(row, python, asked)
        for row in ROWS
        for python in (row.pythons if not asked.quick else row.pythons[:2])
        if asked.wants(row.arm)
    ]
    planned = assemble(asked, merged(wishes), watch, QUICK_SECONDS if asked.quick else FULL_SECONDS)
    return carry_out(asked, planned, watch, TITLE, tabulate)


def _wish(row: Served, python: str, asked: StudyRun) -> Wish:
    absent, evidence = row.absent, row.evidence
    if row.postgres_only and asked.database != "postgres":
        absent, evidence = "not applicable", "a driver of PostgreSQL: --database postgres"
    return Wish(
        app=row.app,
        arm=row.arm,
        python=python,
        variant=row.variant,
        environment=row.environment,
        asks=(_ask(row, asked),),
        absent=absent,
        evidence=evidence,
    )


def merged(wishes: Sequence[Wish]) -> list[Wish]:
    """Rows of the same arm on the same app share their launches."""
    found: dict[tuple[str, str], Wish] = {}
    for wish in wishes:
        key = (wish.key, wish.absent)
        known = found.get(key)
        asks = {ask.key: ask for ask in (*(known.asks if known else ()), *wish.asks)}
        found[key] = msgspec.structs.replace(wish, asks=tuple(asks.values()))
    return list(found.values())


def _ask(row: Served, asked: StudyRun) -> StandAsk:
    return StandAsk(
        key=row.kind,
        workload=workload("json", row.app),
        sessions=(session_of(row.kind, row.app),),
        users=USERS,
        window_seconds=60.0 if asked.as_published else (2.0 if asked.quick else 6.0),
        longest_seconds=60.0 if asked.as_published else (8.0 if asked.quick else 20.0),
        settle_seconds=0.0 if asked.as_published else 1.0,
        launches=1 if asked.as_published else (3 if asked.quick else 6),
    )


def session_of(kind: str, app: str) -> Session:
    """A virtual user: the whole session, by sync or async views, or only the two open lists."""
    if kind.startswith("lists"):
        suffix = kind.removeprefix("lists")
        steps = [
            request
            for name in ("clowncollege", "troupe")
            for request in workload(f"{name}{suffix}", app).requests
        ]
        return Session(name=kind, steps=tuple(Step(request=request) for request in steps))
    with as_file(files("whichworker.workloads") / "circus.toml") as path:
        (session,) = read_definition(path).sessions
    if kind == "session":
        return session
    return msgspec.structs.replace(
        session, name=kind, steps=tuple(_by_async_view(step) for step in session.steps)
    )


def _by_async_view(step: Step) -> Step:
    if step.request.path not in LISTS:
        return step
    return msgspec.structs.replace(
        step, request=msgspec.structs.replace(step.request, path=f"{step.request.path}-async")
    )


def tabulate(
    table: cells.Table, asked: StudyRun
) -> tuple[tuple[StudyRow, ...], tuple[Card, ...], tuple[str, ...], tuple[Finding, ...]]:
    """One row for each SERVED_BY and interpreter, with every k6 metric."""
    rows = [
        _row(row, python, table)
        for row in ROWS
        for python in (row.pythons if not asked.quick else row.pythons[:2])
        if asked.wants(row.arm)
    ]
    return tuple(rows), (), tuple(_conclusions(rows)), ()


def _row(row: Served, python: str, table: cells.Table) -> StudyRow:
    key = cells.stand_key(row.app, row.arm, python, row.variant)
    found: list[Cell] = []
    for metric, unit, measure in METRICS:
        published = None if python else row.published.get(metric)
        found.append(
            table.cell(key, row.kind, measure, metric=metric, unit=unit, published=published)
        )
    title = f"{row.title}, Python {python}" if python else row.title
    return StudyRow(
        workload=title,
        variant=row.kind,
        cells=tuple(found),
        remark=row.remark if not python else "",
    )


def _iterations(reading: Reading) -> float | None:
    count = reading.tally.iterations
    return None if count is None else count / reading.tally.seconds


def _checks(reading: Reading) -> float | None:
    passes, fails = (
        sum(check.passes for check in reading.tally.checks),
        sum(check.fails for check in reading.tally.checks),
    )
    return passes / (passes + fails) if passes + fails else None


def _sent(reading: Reading) -> float:
    return reading.tally.bytes_sent / reading.tally.seconds


def _phase(name: str) -> cells.Measure:
    def mean(reading: Reading) -> float | None:
        text = reading.tally.phases.get(name)
        found = Histogram.from_hdr(text).mean if text else None
        return None if found is None else found / 1e9

    return mean


METRICS: tuple[tuple[str, str, cells.Measure], ...] = (
    (cells.RATE, "1/s", cells.rate),
    ("iterations per second", "1/s", _iterations),
    ("duration mean", "s", cells.latency_mean),
    ("duration median", "s", cells.latency(0.5)),
    ("duration p90", "s", cells.latency(0.9)),
    ("duration p95", "s", cells.latency(0.95)),
    ("duration min", "s", cells.latency_least),
    ("duration max", "s", cells.latency_most),
    ("checks passed", "share", _checks),
    ("data received", "B/s", cells.received),
    ("data sent", "B/s", _sent),
    ("connecting mean", "s", _phase("connecting")),
    ("sending mean", "s", _phase("sending")),
    ("waiting mean", "s", _phase("waiting")),
    ("receiving mean", "s", _phase("receiving")),
)


def _conclusions(rows: Sequence[StudyRow]) -> list[str]:
    """The share of the login in the session, if the lists were measured alone beside it."""
    rates = {
        row.workload: cell.value
        for row in rows
        for cell in row.cells
        if cell.metric == cells.RATE and cell.value
    }
    said = []
    whole, lists = rates.get("uvicorn"), rates.get("Django ORM, sync")
    if whole and lists:
        alone = f"the two lists alone reach {lists:,.0f}/s, the whole session {whole:,.0f}/s"
        said.append(f"{alone}: most of the session's time is the login, which hashes a password")
    return said
