"""A fault of a server or an app is a failure with its reason; no other arm suffers."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.conftest import (
    calibrations_of,
    changed,
    faulty_bench,
    faulty_question,
    planned,
    processes_with,
)
from tests.silent import Silent

from whichworker.bench import running
from whichworker.design.heats import MOST_IDLE_SHARE
from whichworker.load.generator import Generator
from whichworker.model import Answer, Failure, Request
from whichworker.process.launch import LAUNCH_VARIABLE
from whichworker.process.sockets import free_port
from whichworker.race import investigation
from whichworker.race.watch import Progress
from whichworker.result import Result
from whichworker.store import places
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Failed, Launched, Left, Noted, Prepared, Settled, Slice

pytestmark = pytest.mark.servers


def failures_of(
    fault: str, folder: Path, generator: Generator, server: str = "waitress"
) -> tuple[Failure, ...]:
    """How the preflight of an arm with this fault fails."""
    bench = faulty_bench([(server, fault)], folder)
    record = calibrations_of(bench, generator)[server]
    assert isinstance(record, Failed), record
    return record.failures


@pytest.mark.parametrize(
    ("fault", "kind", "sample"),
    [
        ("import", "start", "the app refuses to be imported"),
        ("status", "status", "expected status 200, got 500"),
        ("body", "body", "got '1}'"),
        ("late-body", "body", "got '1}'"),
        ("late-status", "status", "503"),
        ("dies", "died", "ended under load"),
        ("late-hang", "timeout", ""),
    ],
)
def test_each_fault_has_its_kind_and_its_sample(
    fault: str, kind: str, sample: str, tmp_path: Path, generator: Generator
) -> None:
    failures = failures_of(fault, tmp_path, generator)
    assert kind in {failure.kind for failure in failures}, failures
    assert any(sample in failure.sample for failure in failures), failures


def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "READY_SECONDS", 1.0)
    (failure,) = failures_of("hang", tmp_path, generator)
    assert failure.kind == "start"
    assert "no correct response within 1 s" in failure.sample


def test_a_child_that_forks_away_ends_with_its_launch(tmp_path: Path, generator: Generator) -> None:
    bench = faulty_bench([("gunicorn-sync", "double-fork")], tmp_path)
    assert isinstance(calibrations_of(bench, generator)["gunicorn-sync"], Prepared)
    assert not processes_with(f"TMPDIR={tmp_path}")
    assert not processes_with(f"{LAUNCH_VARIABLE}={os.getpid()}-")


def test_a_port_taken_once_is_met_by_another(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = faulty_bench([("gunicorn-sync", "")], tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], free_port(), free_port()])
        monkeypatch.setattr(running, "free_port", lambda: next(ports))
        monkeypatch.setattr(running, "READY_SECONDS", 6.0)
        assert isinstance(calibrations_of(bench, generator)["gunicorn-sync"], Prepared)


@pytest.mark.parametrize("server", ["gunicorn-sync", "waitress", "uwsgi"])
def test_a_port_that_stays_taken_is_a_failure_that_says_so(
    server: str, tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(running, "free_port", lambda: taken.getsockname()[1])
        monkeypatch.setattr(running, "READY_SECONDS", 1.5)
        (failure,) = failures_of("", tmp_path, generator, server)
    assert failure.kind == "start"
    assert "in use" in failure.sample.lower()


def test_a_server_that_dies_under_load_keeps_its_log(tmp_path: Path, generator: Generator) -> None:
    failures_of("dies", tmp_path, generator)
    assert list((tmp_path / "launches").glob("*.log")), (
        "the log of a launch that went wrong is kept"
    )


class Director(Silent):
    """Ends the race after so many rounds; `begins` is called with the first slice of all."""

    def __init__(self, begins: Callable[[], object], rounds: int = 10) -> None:
        self.begins: Callable[[], object] | None = begins
        self.rounds = rounds

    def slice(self, arm: str, seen: Slice, progress: Progress) -> None:
        if self.begins is not None:
            self.begins()
            self.begins = None
        if seen.round > self.rounds:
            raise KeyboardInterrupt


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that makes an app fail once it exists; the race's environment has its path."""
    path = tmp_path / "now"
    monkeypatch.setenv("FAULT_MARK", str(path))
    return path


def raced(faults: list[tuple[str, str]], folder: Path, mark: Path) -> tuple[Result, Journal]:
    """A race in which the apps go wrong after the first slice, and its journal."""
    plan = planned(faulty_bench(faults, folder), seconds=45)
    result = investigation.carry_out(plan, Director(mark.touch), "whichworker race")
    assert not processes_with(f"FAULT_MARK={mark}")
    with Journal(folder / FILE) as journal:
        return result, journal


def codes_of(result: Result, arm: str) -> list[str]:
    return [finding.code for finding in result.findings if finding.arm == arm]


def generations(journal: Journal, arm: str) -> list[int]:
    return [record.generation for record in journal.of(Launched) if record.arm == arm]


def assert_unharmed(result: Result, *names: str) -> None:
    """These went on to the end of the race."""
    arms = {arm.name: arm for arm in result.arms}
    for name in names:
        assert (arms[name].state == "failed", arms[name].failures) == (False, ())
        assert arms[name].windows + arms[name].repeats >= 4, (
            "a busy machine may have had all of them refused"
        )


@pytest.mark.alone
def test_a_server_that_dies_in_mid_slice_has_a_second_launch_and_is_out_if_that_dies_too(
    tmp_path: Path, mark: Path
) -> None:
    result, journal = raced(
        [("waitress", ""), ("gunicorn-sync", "dies-when"), ("waitress", "slow")], tmp_path, mark
    )
    out = next(arm for arm in result.arms if arm.name == "gunicorn-sync")
    assert (out.state, out.throughput_per_second, out.rank_low) == ("failed", None, None)
    (failed,) = journal.of(Failed)
    assert failed.arm == "gunicorn-sync" and failed.block, "in the race"
    assert out.failures == failed.failures and failed.failures[0].kind in ("died", "start", "reset")
    codes = codes_of(result, "gunicorn-sync")
    assert codes.count("second-chance") == 1
    assert f"arm-{failed.failures[0].kind}" in codes
    assert_unharmed(result, "waitress", "waitress#2")


@pytest.mark.alone
def test_a_server_that_dies_once_goes_on_with_another_launch(tmp_path: Path, mark: Path) -> None:
    result, journal = raced([("waitress", ""), ("gunicorn-sync", "dies-once-when")], tmp_path, mark)
    assert not mark.exists(), "it died"
    assert not list(journal.of(Failed))
    assert generations(journal, "gunicorn-sync")[:2] == [1, 2]
    (noted,) = [record.finding for record in journal.of(Noted)]
    assert (noted.code, noted.arm) == ("second-chance", "gunicorn-sync")
    assert {record.generation for record in journal.of(Slice) if record.arm == "gunicorn-sync"} >= {
        2
    }
    assert_unharmed(result, "waitress", "gunicorn-sync")


@pytest.mark.alone
def test_a_wrong_response_in_a_slice_ends_an_arm_at_once(tmp_path: Path, mark: Path) -> None:
    result, journal = raced(
        [("waitress", ""), ("gunicorn-sync", "wrong-when"), ("waitress", "slow")], tmp_path, mark
    )
    (failed,) = journal.of(Failed)
    assert (failed.arm, failed.failures[0].kind, failed.alone) == ("gunicorn-sync", "body", False)
    assert failed.block in (1, 2), "it may have had its first slice before the mark came"
    assert "got '1}'" in failed.failures[0].sample
    assert generations(journal, "gunicorn-sync") == [1]
    assert codes_of(result, "gunicorn-sync") == ["arm-body", "wrong-under-load"]
    assert_unharmed(result, "waitress", "waitress#2")


def test_an_arm_that_is_wrong_alone_is_not_said_to_be_wrong_under_load_only(
    tmp_path: Path, generator: Generator
) -> None:
    """Its second request is asked before there is any load."""
    bench = faulty_bench([("waitress", "")], tmp_path)
    other = Request(path="/other", answer=Answer(status=200, body=b"other"))
    what = msgspec.structs.replace(
        bench.question.workload, requests=(*bench.question.workload.requests, other)
    )
    bench = msgspec.structs.replace(bench, question=changed(bench.question, workload=what))
    record = calibrations_of(bench, generator)["waitress"]
    assert isinstance(record, Failed)
    assert (record.failures[0].kind, record.alone) == ("body", True)


@pytest.mark.alone
def test_the_other_arms_are_unharmed(tmp_path: Path, state: Path) -> None:
    faults = [
        ("waitress", ""),
        ("gunicorn-sync", "dies"),
        ("gunicorn-gthread", "late-body"),
        ("uwsgi", "import"),
    ]
    question = faulty_question(faults, seconds=15)
    plan = investigation.plan(question, [], tmp_path, places.cache_folder(), Silent())
    result = investigation.carry_out(plan, Director(lambda: None), "whichworker race")
    arms = {arm.name: arm for arm in result.arms}
    assert arms["waitress"].windows + arms["waitress"].repeats >= 4
    assert {
        name: arms[name].state for name in ("gunicorn-sync", "gunicorn-gthread", "uwsgi")
    } == dict.fromkeys(("gunicorn-sync", "gunicorn-gthread", "uwsgi"), "failed")
    assert all(
        arms[name].throughput_per_second is None
        for name in ("gunicorn-sync", "gunicorn-gthread", "uwsgi")
    )
    assert {"arm-start", "arm-body"} <= {finding.code for finding in result.findings}


@pytest.mark.alone
def test_an_arm_that_keeps_a_core_busy_while_idle_runs_in_a_heat_of_its_own(tmp_path: Path) -> None:
    bench = faulty_bench(
        [("waitress", ""), ("gunicorn-sync", "slow"), ("waitress", "spins")], tmp_path
    )
    result = investigation.carry_out(
        planned(bench, seconds=30), Director(lambda: None, rounds=1), "whichworker race"
    )
    with Journal(tmp_path / FILE) as journal:
        (settled,) = journal.of(Settled)
        shares = {record.arm: record.idle_share for record in journal.of(Prepared)}
        first = next(record for record in journal.of(Slice))
        before = journal.records[: journal.records.index(first)]
    assert settled.twin_of == "waitress"
    assert set(settled.heats) == {("waitress", "gunicorn-sync"), ("waitress", "waitress#2")}
    assert (shares["waitress#2"] or 0) > MOST_IDLE_SHARE >= (shares["waitress"] or 0)
    gone = next(place for place, record in enumerate(before) if isinstance(record, Left))
    assert before[gone] == Left(arm="waitress#2", generation=1) and gone < before.index(settled), (
        "it is stopped in the preflight"
    )
    assert codes_of(result, "waitress#2") == ["busy-while-idle"]
    assert "heats" in [finding.code for finding in result.findings]
