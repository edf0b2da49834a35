"""How long users wait: response times of the best setups at shares of the leader's throughput.

All setups are alive, one at a time has load, and the windows are in random order. Arrivals are
random (Poisson), and a response time begins when its request was due. Of sessions, whole ones
arrive, and a later step is due when the step before it has its response.
"""

from __future__ import annotations

import collections
import random
import time
from collections.abc import Mapping
from contextlib import ExitStack

from msgspec import Struct

from whichworker import units
from whichworker.bench.running import Bench, Running, running
from whichworker.bench.window import (
    WARM_UP_SECONDS,
    ArmFailed,
    beside_thermometer,
    failed,
    load_of,
)
from whichworker.capacity.by_route import Routes
from whichworker.capacity.shots import (
    BACKLOG,
    PATIENT_TIMES,
    lag_of,
    lost_of,
    sent,
    silent_failure,
    starved_of,
)
from whichworker.capacity.watch import CapacityWatch
from whichworker.design import paces
from whichworker.design.validity import MOST_TRIES, shot_refusal
from whichworker.errors import ServerFailed
from whichworker.load.generator import Generator
from whichworker.model import Pace, Stage
from whichworker.model.histogram import Histogram
from whichworker.store.journal import Journal
from whichworker.store.open_loop import Paced, Unpaced
from whichworker.store.records import Prepared

START_SECONDS = 1.5
"""To start a setup and fill its caches, as far as the plan is concerned."""
DEADLINE_SECONDS = 5.0
"""A response that takes longer is lost, or than several times the longest one without load."""


def measure(
    bench: Bench,
    generator: Generator,
    journal: Journal,
    watch: CapacityWatch,
    throughput: Mapping[str, float],
    connections: Mapping[str, int],
    seconds: float,
) -> None:
    """Journal windows at each rate of these arms, the leader first; one that fails is left out."""
    done = {record.arm for record in journal.of(Paced) if not record.refused}
    if not throughput or set(throughput) <= done:
        return
    began = time.monotonic()
    leader = next(iter(throughput))
    rates = " and ".join(", ".join(f"{share:.0%}" for share in paces.SHARES).rsplit(", ", 1))
    watch.pacing(f"{rates} of {units.show_rate(throughput[leader])}/s, up to {seconds:.0f} s")
    longest = max(
        (one.response_seconds for one in journal.of(Prepared) if one.arm in throughput), default=0.0
    )
    loading = seconds - START_SECONDS * len(throughput)
    passes = paces.passes(throughput, leader, loading, longest)
    plan = paces.cells(throughput, leader, loading / passes, longest)
    order = random.Random(f"{bench.question.terms.seed}/paces")
    waiting = collections.deque(
        (cell, number) for number in range(passes) for cell in order.sample(plan, len(plan))
    )
    with ExitStack() as every:
        beside = every.enter_context(beside_thermometer(bench))
        waits = Waits(beside, generator, journal, watch, connections, longest)
        for _ in range(MOST_TRIES * len(waiting)):
            if not waiting:
                break
            cell, number = waiting.popleft()
            left = seconds - (time.monotonic() - began)
            if cell.arm not in waits.lost and left > cell.seconds:
                again = waits.refused(cell, every, number)
                waiting.extend([(cell, number)] if again else [])


class Place(Struct):
    """A running server, and whether it had any load."""

    run: Running
    warm: bool = False


class Waits:
    """The servers that are alive, and the arms that are lost."""

    def __init__(
        self,
        bench: Bench,
        generator: Generator,
        journal: Journal,
        watch: CapacityWatch,
        connections: Mapping[str, int],
        longest_seconds: float,
    ) -> None:
        self.bench, self.generator, self.journal, self.watch = bench, generator, journal, watch
        self.connections = connections
        self.routes = Routes(bench.question.workload.requests)
        self.deadline = max(DEADLINE_SECONDS, PATIENT_TIMES * longest_seconds)
        self.places: dict[str, Place] = {}
        self.lost: set[str] = set()

    def refused(self, cell: paces.PacedWindow, every: ExitStack, seed: int) -> bool:
        """Measure one window; whether the machine was too busy. An arm that fails is lost."""
        try:
            record = self._window(cell, every, seed)
            self.journal.append(record)
            if record.refused:
                self.watch.repeated(cell.arm, record.refused)
            return bool(record.refused)
        except ServerFailed as error:
            self._lose(cell.arm, failed(error))
        except ArmFailed as error:
            self._lose(cell.arm, error)
        return False

    def _lose(self, arm: str, error: ArmFailed) -> None:
        self.lost.add(arm)
        self.journal.append(Unpaced(arm=arm, failures=error.failures))

    def _window(self, cell: paces.PacedWindow, every: ExitStack, seed: int) -> Paced:
        question = self.bench.question
        if cell.arm not in self.places:
            run = every.enter_context(running(self.bench, question.arm(cell.arm)))
            self.places[cell.arm] = Place(run)
        place = self.places[cell.arm]
        settle = cell.settle_seconds + (0.0 if place.warm else WARM_UP_SECONDS)
        place.warm = True
        rate = cell.rate / question.workload.requests_per_session
        load = load_of(
            self.bench,
            place.run,
            self.connections[cell.arm],
            cell.window_seconds,
            settle,
            stagger_seconds=0.0,
            deadline_seconds=self.deadline,
            overtime_seconds=self.deadline,
            seed=question.terms.seed * 1009 + seed,
            pace=Pace(
                stages=(Stage(settle + cell.window_seconds, rate, rate),),
                arrivals="poisson",
                backlog=BACKLOG,
            ),
            flood=None,
            routes=self.routes.labels,
        )
        tally, probes = sent(self.bench, self.generator, place.run, load)
        response = Histogram.from_hdr(tally.response or tally.service)
        lag = lag_of(tally)
        if failure := silent_failure(tally, response, cell.rate):
            raise ArmFailed((failure,))
        return Paced(
            arm=cell.arm,
            share=cell.share,
            rate=cell.rate,
            settle_seconds=settle,
            window_seconds=cell.window_seconds,
            count=response.count,
            lost=lost_of(tally, response),
            failures=tally.failures,
            response=tally.response or tally.service,
            slices=tuple(tally.slices),
            routes=self.routes.counts(tally, slices=True),
            starved=starved_of(tally),
            silence_seconds=tally.silence_seconds,
            lag_seconds=lag,
            probes=probes,
            refused=shot_refusal(
                probes,
                tally,
                lag,
                0.0,
                shared=question.budget.shared,
                spins=load.spins,
            ),
        )
