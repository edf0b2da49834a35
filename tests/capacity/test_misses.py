"""Servers that freeze, end, stall or neglect connections miss the objective, and it is reported."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from tests.conftest import faulty_bench

from whichworker.bench.running import Bench, Running, running
from whichworker.bench.window import ArmFailed
from whichworker.capacity.shots import deadline_of, overtime_of, settling, shoot
from whichworker.design.capacity.hunt import ShotPlan
from whichworker.design.capacity.slo import parse
from whichworker.judge import silences
from whichworker.load.generator import Generator
from whichworker.store.open_loop import Shot

SLO = parse("p99<100ms")
RATE = 100.0


def plan(phase: str, *, rate: float = RATE, settle: float = 0.4, window: float = 1.2) -> ShotPlan:
    return ShotPlan(
        phase=phase,  # type: ignore[arg-type]
        rate=rate,
        settle_seconds=settle,
        window_seconds=window,
    )


@contextmanager
def served(folder: Path, server: str, fault: str, **env: str) -> Iterator[tuple[Bench, Running]]:
    """A running server of an app with this fault."""
    bench = faulty_bench([(server, fault)], folder)
    (arm,) = bench.question.arms
    arm = msgspec.structs.replace(arm, environment={**arm.environment, **env})
    bench = msgspec.structs.replace(
        bench, question=msgspec.structs.replace(bench.question, arms=(arm,))
    )
    with running(bench, arm) as run:
        yield bench, run


def shot(
    generator: Generator,
    at: tuple[Bench, Running],
    planned: ShotPlan,
    *,
    connections: int = 16,
    slo: str = SLO.text,
) -> Shot:
    bench, run = at
    name = bench.question.arms[0].name
    return shoot(bench, generator, run, name, 1, planned, parse(slo), (connections, 1))


def missed_share(record: Shot) -> float:
    return record.missed[0] / record.count


@pytest.mark.servers
@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread", "waitress"])
def test_a_server_that_hangs_misses_and_then_is_given_up(
    tmp_path: Path, generator: Generator, server: str
) -> None:
    with served(tmp_path, server, "late-hang") as at:
        assert missed_share(shot(generator, at, plan("search", settle=0.3))) > 0.5
        with pytest.raises(ArmFailed, match=r"none of \d+ requests at 100/s had a response"):
            shot(generator, at, plan("search"))


@pytest.mark.servers
def test_workers_that_are_stopped_during_a_window_miss(
    tmp_path: Path, generator: Generator
) -> None:
    with served(tmp_path, "gunicorn-sync", "") as at:
        pids = at[1].launch.pids()

        def freeze() -> None:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)

        timer = threading.Timer(1.0, freeze)
        timer.start()
        try:
            record = shot(generator, at, plan("confirm", window=2.0))
        finally:
            timer.join()
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert missed_share(record) > 0.2
        assert [failure.kind for failure in record.failures] == ["timeout"]


@pytest.mark.servers
def test_a_server_that_ends_in_a_window_is_no_result(tmp_path: Path, generator: Generator) -> None:
    with served(tmp_path, "waitress", "dies") as at, pytest.raises(ArmFailed):
        shot(generator, at, plan("search"))


@pytest.mark.servers
def test_a_server_that_neglects_connections_is_never_validated(
    tmp_path: Path, generator: Generator
) -> None:
    with served(tmp_path, "uwsgi[threads=2]", "") as at:
        record = shot(generator, at, plan("confirm", rate=3000.0), connections=12)
    assert record.starved
    assert record.missed[0] >= record.starved
    (finding,) = silences.findings(record.arm, [record])
    assert finding.code == "connections-starved"
    assert "while it served others" in finding.text


@pytest.mark.servers
def test_a_stall_is_seen_and_reported(tmp_path: Path, generator: Generator) -> None:
    stalling = {"FAULT_S": "0.5", "FAULT_E": "2.5"}
    with served(tmp_path, "gunicorn-sync", "stalls", **stalling) as at:
        seen = [shot(generator, at, plan("confirm", settle=0.3, window=3.0)) for _ in range(2)]
    records = [msgspec.structs.replace(one, refused="") for one in seen]  # of other tests' load
    stalled = [record for record in records if silences.silence_of(record)]
    assert stalled
    for record in stalled:
        assert 0.4 < silences.silence_of(record) < 1.0
        assert missed_share(record) > 0.05
    texts = [finding.text for finding in silences.findings("gunicorn-sync", records)]
    assert len(texts) == 1
    assert "did not respond for up to" in texts[0]


@pytest.mark.servers
def test_a_steady_server_neither_stalls_nor_neglects(tmp_path: Path, generator: Generator) -> None:
    with served(tmp_path, "gunicorn-gthread", "") as at:
        record = shot(generator, at, plan("confirm", window=2.0))
    assert record.starved == 0
    assert not [
        finding for finding in silences.findings("x", [record]) if finding.code != "server-stalls"
    ]


def test_an_overtime_is_as_short_as_the_outcome_allows() -> None:
    search, test = plan("search"), plan("confirm")
    assert overtime_of(search, SLO) == 1.0
    assert overtime_of(search, parse("p99<3s")) == 3.0
    assert overtime_of(search, SLO, response_seconds=2.0) == 6.0
    assert overtime_of(search, parse("p99<100ms,errors<1%")) == deadline_of(SLO) == 4.0
    assert overtime_of(test, SLO) == 4.0


def test_a_slow_request_has_time_to_settle_and_to_come() -> None:
    assert deadline_of(SLO, response_seconds=2.0) == 6.0
    assert settling(plan("search"), 0.1) == 0.0
    assert settling(plan("search"), 2.0) == pytest.approx(1.6)
    assert settling(plan("search"), 60.0) == pytest.approx(1.6)
    assert settling(plan("confirm"), 60.0) == pytest.approx(14.6)
    assert settling(plan("recovery"), 2.0) == 0.0
