"""Whatever a server or an app does wrong is a failure with its reason, never a number, and no other arm suffers."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from tests.conftest import faulty_bench, faulty_question, processes_with

from whichworker.lab import investigation, running
from whichworker.lab.measure import ArmFailed, measure
from whichworker.lab.prepare import prepare
from whichworker.lab.watch import Silent
from whichworker.load.generator import Generator
from whichworker.model import Failure
from whichworker.process.launch import LAUNCH_VARIABLE
from whichworker.process.sockets import free_port
from whichworker.store import places
from whichworker.store.records import Failed, Prepared

pytestmark = pytest.mark.servers


def failures_of(fault: str, folder: Path, generator: Generator, server: str = "waitress") -> tuple[Failure, ...]:
    """How the preflight of an arm with this fault fails."""
    bench = faulty_bench([(server, fault)], folder)
    record = prepare(bench, generator, bench.question.arms[0])
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
def test_each_fault_has_its_kind_and_its_sample(fault: str, kind: str, sample: str, tmp_path: Path, generator: Generator) -> None:
    failures = failures_of(fault, tmp_path, generator)
    assert kind in {failure.kind for failure in failures}, failures
    assert any(sample in failure.sample for failure in failures), failures


def test_a_server_that_never_answers_is_given_up(tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "READY_SECONDS", 1.0)
    (failure,) = failures_of("hang", tmp_path, generator)
    assert failure.kind == "start"
    assert "no right answer within 1 s" in failure.sample


def test_a_child_that_forks_away_ends_with_its_launch(tmp_path: Path, generator: Generator) -> None:
    bench = faulty_bench([("gunicorn-sync", "double-fork")], tmp_path)
    record = prepare(bench, generator, bench.question.arms[0])
    assert isinstance(record, Prepared)
    assert not processes_with(f"TMPDIR={tmp_path}")
    assert not processes_with(f"{LAUNCH_VARIABLE}={os.getpid()}-")


def test_a_port_taken_once_is_met_by_another(tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = faulty_bench([("gunicorn-sync", "")], tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], free_port(), free_port()])
        monkeypatch.setattr(running, "free_port", lambda: next(ports))
        monkeypatch.setattr(running, "READY_SECONDS", 6.0)
        assert isinstance(prepare(bench, generator, bench.question.arms[0]), Prepared)


@pytest.mark.parametrize("server", ["gunicorn-sync", "waitress", "uwsgi"])
def test_a_port_that_stays_taken_is_a_failure_that_says_so(
    server: str, tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(running, "free_port", lambda: taken.getsockname()[1])
        monkeypatch.setattr(running, "READY_SECONDS", 3.0)
        (failure,) = failures_of("", tmp_path, generator, server)
    assert failure.kind == "start"
    assert "in use" in failure.sample.lower()


def test_a_window_of_a_dying_server_is_a_failure_not_a_number(tmp_path: Path, generator: Generator) -> None:
    bench = faulty_bench([("waitress", "dies")], tmp_path)
    with pytest.raises(ArmFailed) as caught:
        measure(bench, generator, bench.question.arms[0], connections=4, seconds=0.5, repeated=lambda _: None, left=lambda: 60.0)
    assert not caught.value.wrong
    assert list((tmp_path / "launches").glob("*.log")), "the log of a launch that went wrong is kept"


def test_the_other_arms_are_unharmed(tmp_path: Path, state: Path) -> None:
    faults = [("waitress", ""), ("gunicorn-sync", "dies"), ("gunicorn-gthread", "late-body"), ("uwsgi", "import")]
    question = faulty_question(faults, seconds=60)
    planned = investigation.plan(question, [], tmp_path, places.cache_folder(), Silent())
    result = investigation.carry_out(planned, Silent(), "whichworker race")
    arms = {arm.name: arm for arm in result.arms}
    assert arms["waitress"].windows >= 4
    assert {name: arms[name].state for name in ("gunicorn-sync", "gunicorn-gthread", "uwsgi")} == dict.fromkeys(
        ("gunicorn-sync", "gunicorn-gthread", "uwsgi"), "failed"
    )
    assert all(arms[name].throughput_per_second is None for name in ("gunicorn-sync", "gunicorn-gthread", "uwsgi"))
    assert {"arm-start", "arm-body"} <= {finding.code for finding in result.findings}
