"""A real session on the built-in project: a login behind a token, two lists, eleven checks."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import msgspec
import pytest

from whichworker.bench import overlays
from whichworker.bench.running import Bench, Running, running
from whichworker.config.options import RaceOptions
from whichworker.load.generator import Generator
from whichworker.model import Load, Session, Tally
from whichworker.question.ask import ask, discover
from whichworker.store import places
from whichworker.workloads.definition import read_definition

pytestmark = pytest.mark.servers


def circus() -> tuple[Session, ...]:
    with as_file(files("whichworker.workloads") / "circus.toml") as path:
        return read_definition(path).sessions


@pytest.fixture(params=["gunicorn-gthread", "uvicorn"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    cache = places.cache_folder()
    question = discover(
        ask("builtin:django", RaceOptions(servers=request.param), tmp_path, cache)
    ).question
    environments, without = overlays.build(question, cache, lambda _: None)
    assert not without
    with running(Bench(question, environments, tmp_path, cache), question.arms[0]) as run:
        yield run


def visit(served: Running, generator: Generator, sessions: tuple[Session, ...]) -> Tally:
    load = Load(
        address=served.address,
        host="localhost",
        requests=(),
        sessions=sessions,
        connections=2,
        settle_seconds=0.0,
        window_seconds=60.0,
        limit=4,
        deadline_seconds=20.0,
    )
    return generator.run(load, lambda opens, closes: None)


def test_all_eleven_checks_pass(served: Running, generator: Generator) -> None:
    tally = visit(served, generator, circus())
    assert tally.failures == ()
    assert tally.iterations == 4
    assert tally.requests == 20
    assert len(tally.checks) == 11
    assert all((check.passes, check.fails) == (4, 0) for check in tally.checks)


def test_a_refused_login_is_loud(served: Running, generator: Generator) -> None:
    (session,) = circus()
    steps = list(session.steps)
    body = steps[1].request.body.replace(b"password=keeper", b"password=wrong")
    steps[1] = msgspec.structs.replace(
        steps[1], request=msgspec.structs.replace(steps[1].request, body=body)
    )
    tally = visit(served, generator, (msgspec.structs.replace(session, steps=tuple(steps)),))
    assert tally.iterations == 0
    assert [(failure.kind, failure.count) for failure in tally.failures] == [("status", 4)]
    assert "log in: expected status 302, got 200" in tally.failures[0].sample
    assert {check.name: (check.passes, check.fails) for check in tally.checks}[
        "login is accepted"
    ] == (0, 4)
