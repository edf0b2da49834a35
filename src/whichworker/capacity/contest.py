"""The second stage: shots at all finalists in turn, to find the rate that meets the objective."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack

from msgspec import Struct

from whichworker.bench import open_files
from whichworker.bench.lineup import most_connections
from whichworker.bench.running import Bench, Running, running
from whichworker.bench.window import WARM_UP_SECONDS, ArmFailed, beside_thermometer, failed
from whichworker.capacity.shots import deadline_of, settling, shoot
from whichworker.capacity.watch import CapacityWatch
from whichworker.design.capacity import hunt
from whichworker.design.validity import MOST_TRIES
from whichworker.errors import ServerFailed
from whichworker.judge.hunts import blind, hunts_of, patience, seen_of
from whichworker.judge.slices import Sliced
from whichworker.load.generator import Generator
from whichworker.model import Question
from whichworker.probes import stalls
from whichworker.store.journal import Journal
from whichworker.store.open_loop import Shot, Sought, Unsought
from whichworker.store.records import Prepared

STALL_SECONDS = 1.0
"""For the stalls of the generator's core: about a thousand naps, enough for their p99."""
SHOTS_PER_LAUNCH = 12
"""Then a new launch, so that a capacity does not depend on a single one."""
LAUNCH_SECONDS, STOP_SECONDS = 1.0, 0.5
"""Usual times, to plan the rest of the time."""
CONNECTIONS, MOST_CONNECTIONS = 64, 1024
"""The bounds of their number; the generator stays far from its own limits."""
IN_FLIGHT_TIMES, UNKNOWN_SECONDS = 2.0, 0.005
"""Room above Little's law for bursts, and a response time if no journal record has one."""


def seek(
    question: Question, journal: Journal, throughput: dict[str, float], connections: int
) -> Sought:
    """The objective and the connections, twice the requests in flight at its longest time."""
    ready = [record for record in journal.of(Prepared) if record.arm in throughput]
    ranked = Sliced(journal)
    unloaded = sorted(1 / record.ladder[1] for record in ready if 1 in record.ladder) or [
        UNKNOWN_SECONDS
    ]
    slo = question.terms.slo
    assert slo is not None, "no capacity is sought without an objective"
    in_flight = IN_FLIGHT_TIMES * max(throughput.values()) * max(slo.longest_seconds, unloaded[-1])
    room = open_files.most_connections() or MOST_CONNECTIONS
    seen = stalls.look(question.budget.generator_cores[0], STALL_SECONDS)
    return Sought(
        slo=slo,
        finalists=tuple(throughput),
        throughput=throughput,
        connections=min(room, MOST_CONNECTIONS, max(CONNECTIONS, connections, round(in_flight))),
        stall_seconds=seen.p99 if seen else None,
        patience=patience(question, len(throughput)),
        busy={name: ranked.busy(name) for name in throughput},
    )


def connections_of(question: Question, name: str, wanted: int) -> int:
    """The connections of an arm: as many as wanted, but none that its server would let starve.

    Requests that are due meanwhile wait for one of them, as they do in a proxy's pool.
    """
    arm = question.arm(name)
    return min(wanted, most_connections(arm.server, arm.settings) or wanted)


class Contest:
    """All hunts side by side: each round is one shot at each finalist, in random order."""

    def __init__(
        self,
        bench: Bench,
        generator: Generator,
        journal: Journal,
        watch: CapacityWatch,
        sought: Sought,
        left: Callable[[], float],
    ) -> None:
        self.bench, self.generator, self.journal, self.watch, self.sought, self.left = (
            bench,
            generator,
            journal,
            watch,
            sought,
            left,
        )
        self.hunts = hunts_of(bench.question, sought, journal)
        for record in journal.of(Unsought):
            self.hunts.pop(record.arm, None)
        self.round = sum(1 for _ in journal.of(Shot))
        self.places: dict[str, Place] = {}
        self.warm_ups = {
            record.arm: max(WARM_UP_SECONDS, record.warm_up_seconds or 0.0)
            for record in journal.of(Prepared)
        }
        self.responses = {record.arm: record.response_seconds for record in journal.of(Prepared)}

    def run(self) -> None:
        """Shoot until every hunt or time is over; all finalists run, one at a time has load."""
        with ExitStack() as every:
            every.callback(self._leave_all)
            while self.left() > 0:
                if not (asked := self._asked()):
                    return
                self.round += 1
                random.Random(f"{self.bench.question.terms.seed}/shots/{self.round}").shuffle(asked)
                if not [name for name in asked if self._visit(name)]:
                    return  # no shot is short enough for the time that is left

    def _asked(self) -> list[str]:
        """Every finalist until its rates are tested, then the best one for its curve."""
        plans = {name: one.next_shot() for name, one in self.hunts.items()}
        tested = [name for name, plan in plans.items() if plan and plan.phase in hunt.BOUNDED]
        best = max(self.hunts, key=self._promise, default=None)
        return tested or [name for name, plan in plans.items() if plan and name == best]

    def _promise(self, name: str) -> tuple[float, float]:
        found = self.hunts[name]
        return found.certified or 0.0, found.search.found().value

    def _visit(self, name: str) -> bool:
        """One valid shot, repeated while the machine is busy; false if the time is too short."""
        shot = self.hunts[name].next_shot()
        assert shot is not None
        for _ in range(MOST_TRIES):
            if self.left() < self._cost(name, shot):
                return False
            try:
                record = self._shoot(name, shot)
            except ServerFailed as error:
                self._lose(name, failed(error), shot)
                return True
            except ArmFailed as error:
                self._lose(name, error, shot)
                return True
            self.journal.append(record)
            if record.refused and record.phase not in hunt.BOUNDED:
                self.watch.repeated(name, record.refused)
                continue
            self.hunts[name].take(shot, seen_of(record))
            self.watch.shot(name, record, self.hunts[name], self.left())
            return True
        self.watch.note(f"{name}: {MOST_TRIES} windows in a row were refused; the others go first")
        return True

    def _cost(self, name: str, shot: hunt.ShotPlan) -> float:
        """Seconds for the arrivals, the late responses, and a launch if necessary."""
        starts = 0.0 if name in self.places else self.warm_ups.get(name, 0.0) + LAUNCH_SECONDS
        longest, full = self.responses.get(name, 0.0), self.sought.throughput[name]
        return (
            shot.seconds
            + settling(shot, longest)
            + starts
            + (deadline_of(self.sought.slo, longest) if shot.rate > full else 0.0)
            + STOP_SECONDS
        )

    def _shoot(self, name: str, shot: hunt.ShotPlan) -> Shot:
        place = self.places.get(name)
        if place is not None and (
            place.shots >= SHOTS_PER_LAUNCH
            or (place.phase != shot.phase and shot.phase in ("confirm", "holds"))
        ):
            self._leave(name)  # new launches validate a rate
            place = None
        if place is None:
            stack = ExitStack()
            run = stack.enter_context(running(self.bench, self.bench.question.arm(name)))
            place = self.places[name] = Place(run, stack, self._launches(name) + 1)
        warm_up = 0.0 if place.shots else self.warm_ups.get(name, WARM_UP_SECONDS)
        place.shots += 1
        place.phase = shot.phase
        connections = connections_of(self.bench.question, name, self.sought.connections)
        plan = (connections, self.bench.question.terms.seed * 1009 + self.round)
        return shoot(
            self.bench,
            self.generator,
            place.run,
            name,
            place.launch,
            shot,
            self.sought.slo,
            plan,
            warm_up,
            self.hunts[name].search.usual_turn,
            self.responses.get(name, 0.0),
        )

    def _launches(self, name: str) -> int:
        return max(
            (record.launch for record in self.journal.of(Shot) if record.arm == name), default=0
        )

    def _lose(self, name: str, error: ArmFailed, shot: hunt.ShotPlan) -> None:
        """Drop an arm that broke; earlier results stay if it broke above its capacity."""
        phase = shot.phase if shot.rate > self.hunts[name].search.found().value else ""
        self.journal.append(Unsought(arm=name, failures=error.failures, phase=phase))
        del self.hunts[name]
        self._leave(name)
        self.watch.failed(name, error.failures)

    def _leave(self, name: str) -> None:
        place = self.places.pop(name, None)
        if place is not None:
            place.stack.close()

    def _leave_all(self) -> None:
        for name in list(self.places):
            self._leave(name)


class Place(Struct):
    """A finalist's running server, and how many shots this launch had."""

    run: Running
    stack: ExitStack
    launch: int
    shots: int = 0
    phase: str = ""


def contest(
    bench: Bench,
    generator: Generator,
    journal: Journal,
    watch: CapacityWatch,
    throughput: dict[str, float],
    connections: int,
    left: Callable[[], float],
) -> None:
    """The second stage of a race for these finalists, new or resumed; journaled shot by shot."""
    sought = next(journal.of(Sought), None)
    if sought is None:
        sought = seek(bench.question, journal, throughput, connections)
        journal.append(sought)
    watch.sought(sought)
    if blind(sought.slo, sought.stall_seconds):
        return
    open_files.allow(sought.connections)
    with beside_thermometer(bench) as beside:
        Contest(beside, generator, journal, watch, sought, left).run()
