"""The built-in apps for real: correct responses by threads and loops, and calls as named."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import msgspec
import pytest
from tests.samples.meeting import upstream

from whichworker.bench import overlays, services
from whichworker.bench.running import Bench, Running, running
from whichworker.config.options import RaceOptions
from whichworker.load.generator import Generator
from whichworker.load.http1 import Response, fetch, judge_answer
from whichworker.model import Load, Request, Workload
from whichworker.question.ask import ask, discover
from whichworker.store import places
from whichworker.workloads.definition import read_definition
from whichworker.workloads.table import ALL, DJANGO, FASTAPI, MIXED, STUDIED, WORKLOADS, workload

pytestmark = pytest.mark.servers

PATIENCE_SECONDS = 60.0
GATEWAYS = {"gateway-1s": 1.0, "gateway-3s": 3.0, "gateway-10s": 10.0}
THREADED = "gunicorn-gthread[workers=1,threads=64]"


@contextmanager
def serving(
    folder: Path,
    app: str,
    server: str,
    *,
    beside: bool = True,
    environment: dict[str, str] | None = None,
    **options: str,
) -> Iterator[Running]:
    """One server on a built-in app in its larger environment, with services `beside` it, if any."""
    cache = places.cache_folder()
    values = {"workload": "brotli", **options}
    asked = RaceOptions(servers=server, **values)  # type: ignore[arg-type]
    question = discover(ask(app, asked, folder, cache)).question
    arms = tuple(
        msgspec.structs.replace(arm, environment={**arm.environment, **(environment or {})})
        for arm in question.arms
    )
    question = msgspec.structs.replace(question, arms=arms)
    environments, without = overlays.build(question, cache, lambda _: None)
    assert not without, without
    needs = msgspec.structs.replace(services.needs_of(question), upstream=beside)
    cores = services.cores_of(question.budget)
    with services.backing(
        needs, question.apps.values(), cores=cores, folder=folder, cache=cache
    ) as backing:
        bench = Bench(question, environments, folder, cache, backing)
        with running(bench, question.arms[0]) as run:
            yield run


def ask_once(run: Running, request: Request) -> tuple[Response, float]:
    """The answer, and how long it took (seconds)."""
    began = time.monotonic()
    return fetch(run.address, request, "localhost", PATIENCE_SECONDS), time.monotonic() - began


def known_to(app: str) -> list[Workload]:
    """Every workload of the table that an app has."""
    return [
        workload(name, app) for name, row in {**WORKLOADS, **STUDIED}.items() if app in row.apps
    ]


@pytest.mark.parametrize(
    ("app", "server", "environment"),
    [
        (DJANGO, THREADED, {}),
        (DJANGO, "uvicorn", {}),
        (FASTAPI, "uvicorn", {}),
        (MIXED, "uvicorn", {"WHICHWORKER_MOUNT": "asgi"}),
        (MIXED, "uvicorn", {"WHICHWORKER_MOUNT": "wsgi"}),
    ],
    ids=[
        "django-gthread",
        "django-uvicorn",
        "fastapi-uvicorn",
        "django-in-fastapi",
        "wsgi-in-fastapi",
    ],
)
def test_every_workload_is_answered_rightly_and_not_too_soon(
    app: str, server: str, environment: dict[str, str], tmp_path: Path
) -> None:
    asked = [(what, request) for what in known_to(app) for request in what.requests]
    slow = [each for each in asked if each[0].minimum_service_seconds >= 1]
    with (
        serving(tmp_path, app, server, environment=environment) as run,
        ThreadPoolExecutor(len(slow)) as pool,
    ):
        waiting = [(what, request, pool.submit(ask_once, run, request)) for what, request in slow]
        quick = [
            (what, request, ask_once(run, request))
            for what, request in asked
            if (what, request) not in slow
        ]
        found = [*quick, *((what, request, answer.result()) for what, request, answer in waiting)]
    assert len(found) > 40
    for what, request, (response, seconds) in found:
        assert judge_answer(request.answer, response) is None, (what.name, request.path, response)
        assert seconds >= what.minimum_service_seconds, what.name
        if (name := what.name.removesuffix("-async")) in GATEWAYS:
            assert msgspec.json.decode(response.body) == {"slept": GATEWAYS[name]}
            assert seconds >= GATEWAYS[name], (
                "a route takes as long as it says, in its sync and in its async form"
            )


@pytest.mark.xdist_group("sample apps")
@pytest.mark.parametrize(
    "path", ["/gateway/31", "/gateway-async/31", "/gateway/nan", "/gateway/-1", "/gateway-async/x"]
)
@pytest.mark.parametrize("app", [DJANGO, FASTAPI])
def test_no_route_sleeps_longer_than_half_a_minute(
    app: str, path: str, served: dict[str, Running]
) -> None:
    assert ask_once(served[app], Request(path=path))[0].status in (404, 422)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    """The Django project and the FastAPI app, both by uvicorn."""
    folder = tmp_path_factory.mktemp("served")
    with (
        serving(folder, DJANGO, "uvicorn", beside=False) as django,
        serving(folder, FASTAPI, "uvicorn", beside=False) as fastapi,
    ):
        yield {DJANGO: django, FASTAPI: fastapi}


@pytest.mark.parametrize(
    ("server", "names"),
    [
        (THREADED, ["fanout", "fanout-reused", "fanout-async", "fanout-async-reused"]),
        ("gunicorn-gevent[workers=1]", ["fanout", "fanout-reused"]),
        ("uvicorn", ["fanout", "fanout-reused", "fanout-async", "fanout-async-reused"]),
    ],
)
def test_three_calls_are_made_at_once(
    server: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with upstream(parties=3) as above:
        monkeypatch.setenv("WHICHWORKER_UPSTREAM", above.url)
        with serving(tmp_path, DJANGO, server, beside=False) as run:
            for name in names:
                for request in workload(name).requests:
                    response, _ = ask_once(run, request)
                    assert judge_answer(request.answer, response) is None, (name, response)


def test_requests_stops_its_loop_and_the_others_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_at_once(name: str, patience_seconds: float) -> list[int]:
        with upstream(parties=2, patience_seconds=patience_seconds) as above:
            monkeypatch.setenv("WHICHWORKER_UPSTREAM", above.url)
            with (
                serving(tmp_path, DJANGO, "uvicorn[workers=1]", beside=False) as run,
                ThreadPoolExecutor(2) as pool,
            ):
                request = workload(name).requests[0]
                return [
                    found.result()[0].status
                    for found in [pool.submit(ask_once, run, request) for _ in range(2)]
                ]

    assert two_at_once("http-requests-async", 1.0) == [500, 500], (
        "two calls never meet: the second begins when the first has ended"
    )
    for name in (
        "http-httpx-async",
        "http-httpx-async-reused",
        "http-aiohttp-async",
        "http-aiohttp-async-reused",
    ):
        assert two_at_once(name, 20.0) == [200, 200], name


@pytest.mark.parametrize(
    ("app", "server", "name"),
    [
        (DJANGO, THREADED, "http-requests"),
        (DJANGO, THREADED, "http-httpx"),
        (DJANGO, "uvicorn", "http-requests-async"),
        (DJANGO, "uvicorn", "http-httpx-async"),
        (DJANGO, "uvicorn", "http-aiohttp-async"),
        (FASTAPI, "uvicorn", "http-httpx"),
        (FASTAPI, "uvicorn", "http-aiohttp-async"),
    ],
)
def test_a_reused_client_keeps_its_connection(
    app: str, server: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = {}
    with upstream() as above:
        monkeypatch.setenv("WHICHWORKER_UPSTREAM", above.url)
        with serving(tmp_path, app, server, beside=False) as run:
            for kind in ("", "-reused"):
                before = above.connections
                for request in workload(name + kind, app).requests * 2:
                    response, _ = ask_once(run, request)
                    assert judge_answer(request.answer, response) is None, response
                opened[kind] = above.connections - before
    assert opened == {"": 6, "-reused": 1}


def test_the_circus_behind_fastapi(tmp_path: Path, generator: Generator) -> None:
    with as_file(files("whichworker.workloads") / "circus.toml") as path:
        sessions = read_definition(path).sessions
    with serving(tmp_path, MIXED, "uvicorn", beside=False) as run:
        load = Load(
            address=run.address,
            host="localhost",
            requests=(),
            sessions=sessions,
            connections=2,
            settle_seconds=0.0,
            window_seconds=60.0,
            limit=4,
            deadline_seconds=20.0,
        )
        tally = generator.run(load, lambda opens, closes: None)
    assert tally.failures == ()
    assert (tally.iterations, tally.requests) == (4, 20)
    assert all((check.passes, check.fails) == (4, 0) for check in tally.checks)


@pytest.mark.xdist_group("postgres")
@pytest.mark.parametrize(
    ("app", "server"), [(DJANGO, THREADED), (DJANGO, "uvicorn"), (FASTAPI, "uvicorn")]
)
def test_rows_from_postgres_and_values_from_redis(app: str, server: str, tmp_path: Path) -> None:
    names = [
        "query-json",
        "query-html",
        "troupe",
        "clowncollege",
        "real-cache-hit",
        "real-cache-set",
    ]
    with serving(
        tmp_path,
        app,
        server,
        beside=False,
        database="postgres",
        cache="redis",
        workload="troupe-async",
    ) as run:
        for what in known_to(app):
            if any(what.name.startswith(name) for name in names):
                for request in what.requests * 2:
                    response, _ = ask_once(run, request)
                    assert judge_answer(request.answer, response) is None, (what.name, response)


def test_each_app_has_what_the_table_says() -> None:
    lacking = {name for name, row in STUDIED.items() if row.apps != ALL}
    assert lacking == {"clowncollege-tortoise-async", "troupe-tortoise-async"}
