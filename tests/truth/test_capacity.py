"""Capacities of live servers with a known law of service, against exact queueing theory."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest
from tests.conftest import calibrations_of, changed
from tests.oracle.queues import Queue, capacity
from tests.silent import Silent
from tests.truth.test_attribution import question_of

from whichworker.bench import overlays
from whichworker.bench.running import Bench, running
from whichworker.bench.window import check, load_of
from whichworker.capacity import contest as second_stage
from whichworker.design.capacity import slo
from whichworker.judge.second_stage import SecondStage
from whichworker.load.generator import Generator
from whichworker.result import ArmResult
from whichworker.store import places
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Prepared

pytestmark = [pytest.mark.truth, pytest.mark.timeout(900)]

SLO = slo.parse("p99<150ms")
SECONDS = 180.0  # of one search for a capacity
FLOOD_SECONDS = 5.0  # of a closed loop, for the mean service time
CASES = {
    "eight threads, 20 ms each": ("sleep", 8, 0.02),
    "four threads, 10 ms each": ("sleep", 4, 0.01),
    "eight threads, 20 ms on average": ("exponential", 8, 0.02),
}


def flood(bench: Bench, generator: Generator, threads: int) -> float:
    """Responses per second of a fresh launch in which every thread always has a request waiting."""
    with running(bench, bench.question.arms[0]) as run:
        tally = generator.run(load_of(bench, run, 2 * threads, FLOOD_SECONDS, 1.0), lambda *_: None)
        check(run, tally, FLOOD_SECONDS)
        return tally.requests / tally.seconds


@pytest.mark.parametrize("repeat", [1, 2, 3])
@pytest.mark.parametrize("case", CASES)
def test_the_capacity_is_that_of_theory(
    case: str, repeat: int, tmp_path: Path, generator: Generator
) -> None:
    kind, threads, seconds = CASES[case]
    name = f"gunicorn-gthread[workers=1,threads={threads}]"
    question = question_of({name: {"BOTTLENECK": kind, "SECONDS": str(seconds)}}, seconds=SECONDS)
    question = changed(question, slo=SLO, seed=repeat)
    environments, without = overlays.build(question, places.cache_folder(), lambda _: None)
    assert not without
    bench = Bench(question, environments, tmp_path, places.cache_folder())
    (ready,) = calibrations_of(bench, generator).values()
    assert isinstance(ready, Prepared), ready
    with Journal(tmp_path / "second" / FILE) as journal:
        journal.append(ready)
        before = [flood(bench, generator, threads) for _ in range(2)]
        ends = time.monotonic() + SECONDS
        throughput = {ready.arm: max(ready.ladder.values())}
        second_stage.contest(
            bench, generator, journal, Silent(), throughput, 16, lambda: ends - time.monotonic()
        )
        arm = ArmResult(
            name=ready.arm,
            server="gunicorn",
            kind="gthread",
            version=None,
            python=None,
            interface="wsgi",
            settings={},
            state="ranked",
        )
        found = SecondStage(question, journal).add_to(arm).capacity_per_second
    assert found is not None
    floods = [*before, *(flood(bench, generator, threads) for _ in range(2))]
    service = threads / statistics.median(
        floods
    )  # what holds a thread, and nothing of the way there and back
    exact = capacity(Queue(threads, service, constant=kind == "sleep"), 0.15, 0.01)
    print(f"\n{case}: floods {min(floods):.0f}-{max(floods):.0f}/s, exact {exact:.0f}/s")
    print(
        f"found {found.value:.0f} ({found.low:.0f}-{found.high:.0f}), certified {found.certified}"
    )
    assert abs(found.value / exact - 1) < 0.10
    assert found.certified is None or found.certified <= 1.03 * exact, (
        "the exact capacity follows from a service time measured to a few percent"
    )
