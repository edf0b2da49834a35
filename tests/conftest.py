"""Shared by many tests: private folders, apps that misbehave on purpose, a check for leftovers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import msgspec
import pytest

from tests.silent import Silent
from whichworker.bench import overlays
from whichworker.bench.lineup import Lineup
from whichworker.bench.running import Bench
from whichworker.bench.slices import Court
from whichworker.config.options import RaceOptions
from whichworker.environments.interpreters import inspect, own_base
from whichworker.load.generator import Generator
from whichworker.model import Answer, App, Arm, Permits, Question, Request, Subject, Terms, Workload
from whichworker.probes.thermometer import Thermometer
from whichworker.question.ask import budget_of
from whichworker.question.stages import Asked, Discovered, Planned
from whichworker.race.calibration import calibrate
from whichworker.servers import names
from whichworker.store import places
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Failed, Prepared

# The tests start hundreds of Pythons. Without byte code each compiles the tool again: a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell's background job is born ignoring Ctrl-C, and so would be all tools under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECTS = Path(__file__).parent / "projects"
RIGHT = Answer(status=200, headers=(("Content-Type", "application/json"),), body=b'{"answer": 42}')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """If several tests run at once, start servers first: quick tests fill the gaps at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("servers") is None)


@pytest.fixture(autouse=True)
def nobody_waits_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """`with Popen(…)` waits without limit; a test that failed or timed out kills instead."""
    leave = subprocess.Popen.__exit__

    def kill_and_leave(
        self: subprocess.Popen[bytes],
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
        leave(self, kind, error, trace)

    monkeypatch.setattr(subprocess.Popen, "__exit__", kill_and_leave)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs are stored in the test's own folder; environments stay in the user's cache."""
    folder = tmp_path / "state"
    monkeypatch.setenv("WHICHWORKER_STATE", str(folder))
    return folder


@pytest.fixture
def silent() -> Silent:
    """A watcher that does nothing."""
    return Silent()


@pytest.fixture
def generator() -> Iterator[Generator]:
    """A generator on its own core."""
    with Generator() as started:
        started.start(budget_of(1.0).generator_cores)
        yield started


def faulty_question(
    faults: Sequence[tuple[str, str]], *, seconds: float = 20.0, connections: int | None = 4
) -> Question:
    """A race of (server, fault) arms on tests/projects/faults.py."""
    python = own_base()
    label = inspect(python).short_version
    arms = []
    for server, fault in faults:
        arm = names.contender(names.parse(server), label, cores=1)
        arms.append(
            Arm(
                **{
                    **{name: getattr(arm, name) for name in arm.__struct_fields__},
                    "environment": {"FAULT": fault},
                }
            )
        )
    return Question(
        subject=Subject(
            apps={
                label: App(
                    name="faults", directory=str(PROJECTS), python=python, wsgi="faults:application"
                )
            },
            workload=Workload(
                name="answer", title="the answer", requests=(Request(path="/", answer=RIGHT),)
            ),
        ),
        terms=Terms(connections=connections),
        arms=names.number_copies(arms),
        budget=budget_of(seconds),
    )


def changed(question: Question, **fields: Any) -> Question:
    """Another question: these fields are different, whichever of its parts they stand in."""
    parts = {}
    for name in ("subject", "terms"):
        part = getattr(question, name)
        own = {key: fields.pop(key) for key in part.__struct_fields__ if key in fields}
        parts[name] = msgspec.structs.replace(part, **own)
    return msgspec.structs.replace(question, **parts, **fields)


def discovered(question: Question, permits: Permits | None = None) -> Discovered:
    """The stage before the reference run, as if its app and its requests had been discovered."""
    asked = Asked(
        app=None,
        here=Path(),
        cache=places.cache_folder(),
        options=RaceOptions(),
        servers=(),
        terms=question.terms,
        budget=question.budget,
        permits=permits or Permits(),
    )
    return Discovered(asked=asked, subject=question.subject, arms=question.arms)


def faulty_bench(faults: Sequence[tuple[str, str]], folder: Path) -> Bench:
    """A bench with those arms and their environments."""
    question, cache = faulty_question(faults), places.cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    environments, without = overlays.build(question, cache, lambda _: None)
    assert not without
    return Bench(question, environments, folder, cache)


def calibrations_of(bench: Bench, generator: Generator) -> dict[str, Prepared | Failed]:
    """The calibration of a race for each arm; all launches have ended afterwards."""
    cores = bench.question.budget.server_cores
    with (
        Journal(bench.folder / FILE) as journal,
        Thermometer(cores) as thermometer,
        Lineup(bench, generator) as lineup,
    ):
        calibrate(lineup, Court(bench, generator, thermometer), journal, Silent(), lambda: 60.0)
        return {
            record.arm: record
            for record in journal.records
            if isinstance(record, Prepared | Failed)
        }


def planned(bench: Bench, *, seconds: float = 20.0) -> Planned:
    """A plan of this bench, as if everything had been built and asked."""
    budget = msgspec.structs.replace(bench.question.budget, seconds=seconds)
    question = msgspec.structs.replace(bench.question, budget=budget)
    return Planned(
        question, dict(bench.environments), (), (), bench.folder, bench.cache, bench.folder
    )


def missing(fact: str) -> NoReturn:
    """Give up a test whose program is missing: a failure in CI, which installs it, else a skip."""
    if os.environ.get("CI"):
        pytest.fail(fact)
    pytest.skip(fact)


def processes_with(mark: str) -> list[int]:
    """Living processes with this text in their environment; zombies count until reaped."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found
