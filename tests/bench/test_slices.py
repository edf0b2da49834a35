"""A slice: its record, and how the CPU of others is separated from the contender's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from tests.conftest import faulty_bench, faulty_question

from whichworker.bench import services, slices
from whichworker.bench.lineup import Contender, Lineup
from whichworker.bench.running import Bench
from whichworker.bench.slices import MOST_FOREIGN, TICK_SECONDS, Court, refusal
from whichworker.bench.window import ArmFailed
from whichworker.errors import ServerFailed
from whichworker.load.generator import Generator
from whichworker.model import Budget, Failure, SliceOrder, SliceTally
from whichworker.probes import cpu
from whichworker.probes.thermometer import Thermometer

ORDER = SliceOrder(seat="waitress/1", uncounted=10, counted=100, most_seconds=1.0)
SECONDS = 0.4
BURN = (
    "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\n"
    "print(flush=True)\nwhile True: pass"
)


@pytest.mark.parametrize(
    ("foreign", "seconds", "refused"),
    [
        (None, 0.04, False),
        (0.0, 0.04, False),
        (MOST_FOREIGN, 1000.0, False),
        (MOST_FOREIGN + 0.01, 1000.0, True),
        (MOST_FOREIGN + 0.12, 0.04, False),
        (MOST_FOREIGN + 0.13, 0.04, True),
        (1.0, 0.04, True),
    ],
)
def test_a_slice_is_refused_by_what_others_used_and_half_a_tick(
    foreign: float | None, seconds: float, refused: bool
) -> None:
    """Half a tick of 10 ms is an eighth of a slice of 40 ms."""
    assert bool(refusal(foreign, 0.0, seconds)) is refused
    if refused:
        assert f"{foreign:.0%}" in refusal(foreign, 0.0, seconds)


@pytest.mark.parametrize(("delay", "refused"), [(0.0, False), (0.010, False), (0.011, True)])
def test_a_generator_that_waited_for_its_core_refuses_a_slice(delay: float, refused: bool) -> None:
    assert bool(refusal(0.0, delay, 0.04)) is refused
    assert bool(refusal(None, delay, 0.04)) is refused


class Clocks:
    """The clocks of processes and cores before and after a slice, read once at both ends."""

    SERVER, GENERATOR, THERMOMETER = 11, 22, 33

    def __init__(
        self,
        seconds: float,
        server: float | None,
        generator: float,
        thermometer: float,
        idle: dict[int, float],
    ) -> None:
        self.now = 0.0
        self.ended = False
        self.seconds, self.idle = seconds, idle
        self.used = {self.SERVER: server, self.GENERATOR: generator, self.THERMOMETER: thermometer}

    def monotonic(self) -> float:
        return self.now

    def end(self) -> None:
        self.now, self.ended = self.seconds, True

    def of(self, pids: tuple[int, ...]) -> dict[int, float]:
        """What these have used; a server that is unknown is gone at the end."""
        if self.SERVER in pids and self.ended and self.used[self.SERVER] is None:
            return {}
        return {pid: 100.0 + (self.used.get(pid) or 0.0 if self.ended else 0.0) for pid in pids}

    def core_idle_seconds(self, cores: set[int]) -> dict[int, float]:
        return {
            core: 50.0 + (self.idle[core] if self.ended else 0.0)
            for core in cores
            if core in self.idle
        }


class Scripted:
    """A generator that gives this tally and lets the time of the clocks go by."""

    pid = Clocks.GENERATOR

    def __init__(self, clocks: Clocks, tally: SliceTally) -> None:
        self.clocks, self.tally = clocks, tally

    def slice(self, order: SliceOrder) -> SliceTally:
        self.clocks.end()
        return self.tally


class Launched:
    """A launch that lives, or has ended."""

    def __init__(self, ended: bool = False) -> None:
        self._ended = ended

    def ended(self) -> bool:
        return self._ended

    def failure(self, kind: str, fact: str) -> ServerFailed:
        return ServerFailed(kind, fact)

    ending = ""

    def log_tail(self, lines: int = 12) -> str:
        return "the end of the log"


def tally(requests: int = 100, *failures: Failure) -> SliceTally:
    return SliceTally(
        engine="native",
        requests=requests,
        seconds=0.8 if requests else 0.0,
        opened_ns=1_000_000_000,
        closed_ns=1_800_000_000,
        began_ns=900_000_000,
        ended_ns=1_900_000_000,
        responses=requests + 14,
        failures=failures,
        reopened=0,
        reconnects=0,
        cpu_seconds=0.1,
        run_delay_seconds=0.0,
        most_in_flight=4,
    )


@contextmanager
def court(
    clocks: Clocks,
    seen: SliceTally,
    monkeypatch: pytest.MonkeyPatch,
    *,
    shared: bool = False,
    ended: bool = False,
) -> Iterator[tuple[Court, Contender]]:
    """A court with scripted clocks: servers on core 0, generator on core 1 (or both on core 0)."""
    monkeypatch.setattr(cpu, "core_idle_seconds", clocks.core_idle_seconds)
    monkeypatch.setattr(cpu, "tree_cpu_seconds", lambda pids: clocks.of(tuple(pids)))
    monkeypatch.setattr(slices, "own_cpu_seconds", lambda *pids: sum(clocks.of(pids).values()))
    monkeypatch.setattr(slices, "time", clocks)
    question = faulty_question([("waitress", "")])
    budget = Budget(
        seconds=10.0, server_cores=(0,), generator_cores=(0,) if shared else (1,), shared=shared
    )
    bench = Bench(msgspec.structs.replace(question, budget=budget), {}, Path(), Path())
    warm = SimpleNamespace(pids=(Clocks.THERMOMETER,), seconds=lambda opened, closed: 0.0001)
    run = SimpleNamespace(launch=Launched(ended), workers=())
    contender = SimpleNamespace(
        name="waitress",
        generation=3,
        run=run,
        loaded_seconds=0.5,
        cpu_seconds=lambda: clocks.of((Clocks.SERVER,)),
    )
    yield Court(bench, cast(Any, Scripted(clocks, seen)), cast(Any, warm)), cast(Any, contender)


@pytest.mark.parametrize(
    ("server", "thermometer", "idle", "foreign"),
    [
        (0.90, 0.02, 0.08, 0.0),
        (0.50, 0.02, 0.08, 0.40),
        (0.50, 0.02, 0.48, 0.0),
        (0.98, 0.02, 0.08, 0.0),
        (0.00, 0.02, 0.00, 0.98),
        (None, 0.02, 0.08, None),
    ],
)
def test_foreign_cpu_is_what_nobody_here_used_of_the_servers_core(
    server: float | None,
    thermometer: float,
    idle: float,
    foreign: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody: the server and the thermometer. The generator has a core of its own."""
    with court(Clocks(1.0, server, 0.3, thermometer, {0: idle, 1: 0.0}), tally(), monkeypatch) as (
        found,
        contender,
    ):
        record, _ = found.slice_of(contender, ORDER)
    assert record.foreign_share == (None if foreign is None else pytest.approx(foreign))
    assert bool(record.refused) is ((foreign or 0.0) > MOST_FOREIGN)
    assert record.server_cpu_seconds == (None if server is None else pytest.approx(server))


@pytest.mark.parametrize(("served", "foreign"), [(0.1, 0.3), (0.4, 0.0), (0.9, 0.0)])
def test_the_app_s_own_database_is_no_stranger(
    served: float, foreign: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = iter((5.0, 5.0 + served))
    monkeypatch.setattr(services.Backing, "others_cpu_seconds", lambda _: next(spent))
    with court(Clocks(1.0, 0.5, 0.3, 0.02, {0: 0.08, 1: 0.0}), tally(), monkeypatch) as (
        found,
        contender,
    ):
        record, _ = found.slice_of(contender, ORDER)
    assert record.foreign_share == pytest.approx(foreign)
    assert record.server_cpu_seconds == pytest.approx(0.5)


def test_where_all_share_a_core_all_of_them_are_subtracted_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the generator cannot be blamed for waiting."""
    clocks, seen = (
        Clocks(1.0, 0.5, 0.2, 0.02, {0: 0.1}),
        msgspec.structs.replace(tally(), run_delay_seconds=0.9),
    )
    with court(clocks, seen, monkeypatch, shared=True) as (found, contender):
        record, _ = found.slice_of(contender, ORDER)
    assert record.foreign_share == pytest.approx(0.18)
    assert not record.refused


def test_a_generator_on_a_core_of_its_own_can(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = msgspec.structs.replace(tally(), run_delay_seconds=0.3)
    with court(Clocks(1.0, 0.9, 0.2, 0.02, {0: 0.08}), seen, monkeypatch) as (found, contender):
        record, _ = found.slice_of(contender, ORDER)
    assert "30%" in record.refused


@pytest.mark.parametrize("server", [0.9, 0.4])
def test_whether_a_slice_is_refused_does_not_depend_on_its_rate(
    server: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = set()
    for requests in (1, 100, 100_000):
        with court(
            Clocks(1.0, server, 0.3, 0.02, {0: 0.08, 1: 0.7}), tally(requests), monkeypatch
        ) as (found, contender):
            reasons.add(found.slice_of(contender, ORDER)[0].refused)
    assert len(reasons) == 1
    assert bool(reasons.pop()) is (server == 0.4)


def test_the_record_is_the_tally_and_the_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(1.0, 0.9, 0.3, 0.02, {0: 0.08, 1: 0.7})
    with court(clocks, tally(), monkeypatch) as (found, contender):
        record, seen = found.slice_of(contender, ORDER)
    assert (record.arm, record.generation, record.round, record.place) == ("waitress", 3, 0, 0)
    assert (record.requests, record.seconds, record.responses) == (100, 0.8, 114)
    assert record.at == pytest.approx(1.4)
    assert record.whole_seconds == pytest.approx(1.0)
    assert (record.turn_seconds, record.generator_cpu_seconds) == (0.0001, 0.1)
    assert seen == tally()
    assert contender.loaded_seconds == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("seen", "kind", "sample"),
    [
        (tally(100, Failure(kind="body", count=2, sample="got '1}'")), "body", "got '1}'"),
        (
            tally(100, Failure(kind="status", count=1, sample="expected status 200, got 500")),
            "status",
            "the end of the log",
        ),
        (tally(0), "timeout", "not one response"),
    ],
)
def test_a_failure_in_a_slice_is_no_number(
    seen: SliceTally, kind: str, sample: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = Clocks(1.0, 0.9, 0.3, 0.02, {0: 0.08, 1: 0.7})
    with court(clocks, seen, monkeypatch) as (found, contender), pytest.raises(ArmFailed) as caught:
        found.slice_of(contender, ORDER)
    assert [failure.kind for failure in caught.value.failures] == [kind]
    assert sample in caught.value.failures[0].sample


def test_a_server_that_ended_in_a_slice_died_whatever_was_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = Clocks(1.0, 0.9, 0.3, 0.02, {0: 0.08, 1: 0.7})
    with (
        court(clocks, tally(), monkeypatch, ended=True) as (found, contender),
        pytest.raises(ServerFailed) as caught,
    ):
        found.slice_of(contender, ORDER)
    assert caught.value.kind == "died"


@contextmanager
def burning(core: int) -> Iterator[None]:
    """Somebody else's process that never stops, on this core."""
    with subprocess.Popen([sys.executable, "-c", BURN, str(core)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            yield
        finally:
            other.kill()


@pytest.mark.alone
@pytest.mark.servers
def test_somebody_on_the_servers_core_is_seen(tmp_path: Path, generator: Generator) -> None:
    bench = faulty_bench([("waitress", "")], tmp_path)
    budget = bench.question.budget
    with Thermometer(budget.server_cores) as thermometer, Lineup(bench, generator) as lineup:
        found = Court(bench, generator, thermometer)
        contender = lineup.enter("waitress", bench.question.arms[0], 1)
        lineup.sit(contender, 4, 0.001)
        order = SliceOrder(seat=contender.seat, uncounted=10, counted=10**6, most_seconds=SECONDS)
        alone, seen = found.slice_of(contender, order)
        assert alone.requests == seen.requests > 0
        assert alone.server_cpu_seconds and alone.turn_seconds
        with burning(budget.server_cores[0]):
            beside, _ = found.slice_of(contender, order)
    assert (
        beside.foreign_share is not None
        and beside.foreign_share > MOST_FOREIGN + TICK_SECONDS / SECONDS
    )
    assert f"{beside.foreign_share:.0%}" in beside.refused or "generator" in beside.refused
    assert contender.loaded_seconds >= 2 * SECONDS
