"""The second stage: at which rate of arrivals does each finalist keep the objective? Shots at all of them in turn, in random order."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from msgspec import Struct

from whichworker.design import hunt, objectives
from whichworker.design.capacity import Seen
from whichworker.design.hunt import Hunt
from whichworker.design.validity import MOST_TRIES
from whichworker.errors import ServerFailed
from whichworker.lab import open_files
from whichworker.lab.measure import WARM_UP_SECONDS, ArmFailed, failed
from whichworker.lab.running import Bench, Running, running
from whichworker.lab.shots import deadline_of, shoot
from whichworker.lab.watch import Watch
from whichworker.load.generator import Generator
from whichworker.model import Question, Slo
from whichworker.probes import stalls
from whichworker.store.journal import Journal
from whichworker.store.records import Prepared, Shot, Sought, Unsought

FINALISTS, SECONDS_EACH = 3, 60.0
"""At most so many, and no more than have about a minute each: search, confirmation and curve take that long where answers come quickly."""
STALL_SECONDS = 1.0
SHOTS_PER_LAUNCH = 12
LAUNCH_SECONDS, STOP_SECONDS = 1.0, 0.5
STALLS_OF_OBJECTIVE = 3.0
"""An objective is as many times as long as the machine stalls by itself, or longer: else it is the machine that misses it."""
CONNECTIONS, MOST_CONNECTIONS = 64, 1024
IN_FLIGHT_TIMES, UNKNOWN_SECONDS = 2.0, 0.005
PREFLIGHT_SECONDS, WINDOW_SECONDS, BLOCKS = 7.0, 1.8, 6
"""What the race needs first: the preflight of each arm, and so many blocks of all arms and the twin, launches included."""
SHARE, MOST_SECONDS, LEAST_SECONDS = 0.4, 240.0, 30.0
"""The second stage has what is left, where that is worth beginning; where it was asked for, at least this share of all."""


def reserved_seconds(question: Question) -> float:
    """How much of the time the race must leave."""
    if question.budget.shared or question.search is not None:
        return 0.0
    seconds, arms = question.budget.seconds, len(question.arms)
    left = min(MOST_SECONDS, seconds - arms * PREFLIGHT_SECONDS - BLOCKS * (arms + 1) * WINDOW_SECONDS)
    if question.slo is not None or question.rate is not None:
        return max(left, SHARE * seconds)
    return left if left >= LEAST_SECONDS else 0.0


def places_of(question: Question) -> int:
    """How many finalists there is time for."""
    return min(FINALISTS, max(1, int(reserved_seconds(question) / SECONDS_EACH)))


def seek(question: Question, ready: Sequence[Prepared], throughput: dict[str, float], connections: int) -> Sought:
    """The objective, and on how many connections: twice what may be in flight when the longest allowed time passes at full rate."""
    unloaded = sorted(1 / record.ladder[1] for record in ready if record.arm in throughput and 1 in record.ladder) or [UNKNOWN_SECONDS]
    slo = question.slo or objectives.derive(unloaded[len(unloaded) // 2])
    in_flight = IN_FLIGHT_TIMES * max(throughput.values()) * max(slo.longest_seconds, unloaded[-1])
    room = open_files.most_connections() or MOST_CONNECTIONS
    seen = stalls.look(question.budget.generator_cores[0], STALL_SECONDS)
    return Sought(
        slo=slo,
        finalists=tuple(throughput),
        throughput=throughput,
        connections=min(room, MOST_CONNECTIONS, max(CONNECTIONS, connections, round(in_flight))),
        stall_seconds=seen.p99 if seen else None,
        patience=_patience(question, len(throughput)),
    )


def _patience(question: Question, finalists: int) -> float:
    return (reserved_seconds(question) or question.budget.seconds) / max(1, finalists)


def hunts_of(question: Question, sought: Sought, journal: Journal) -> dict[str, Hunt]:
    """The finalists' hunts as the journal left them, those that broke left out; of another version's, what this one asks, too."""
    patience = sought.patience or _patience(question, len(sought.finalists))
    hunts = {
        name: Hunt(sought.slo, sought.throughput[name], seed=question.seed + at, rate=question.rate, patience=patience)
        for at, name in enumerate(sought.finalists)
    }
    for record in journal.of(Shot):
        if record.refused:
            continue
        wanted, shot = hunts[record.arm].next_shot(), shot_of(record)  # asking begins what comes next
        tested = shot.phase in ("confirm", "holds")
        if wanted is not None and wanted.phase == shot.phase and not (tested and not math.isclose(wanted.rate, shot.rate, rel_tol=1e-6)):
            hunts[record.arm].take(shot, seen_of(record))
    gone = {record.arm for record in journal.of(Unsought) if record.phase not in ("curve", "recovery")}
    return {name: found for name, found in hunts.items() if name not in gone}


def shot_of(record: Shot) -> hunt.Shot:
    """What was asked by a shot."""
    seconds = {"settle_seconds": record.settle_seconds, "window_seconds": record.window_seconds}
    return hunt.Shot(phase=record.phase, rate=record.rate, **seconds)


def seen_of(record: Shot) -> Seen:
    """What the design is told of a shot."""
    return Seen(rate=record.rate, count=record.count, missed=record.missed)


class Contest:
    """All hunts side by side: each round is one shot at every finalist, in random order, with the same arrivals."""

    def __init__(
        self, bench: Bench, generator: Generator, journal: Journal, watch: Watch, sought: Sought, left: Callable[[], float]
    ) -> None:
        self.bench, self.generator, self.journal, self.watch, self.sought, self.left = bench, generator, journal, watch, sought, left
        self.hunts = hunts_of(bench.question, sought, journal)
        for record in journal.of(Unsought):
            self.hunts.pop(record.arm, None)
        self.round = sum(1 for _ in journal.of(Shot))
        self.places: dict[str, Place] = {}
        self.warm_ups = {record.arm: max(WARM_UP_SECONDS, record.warm_up_seconds or 0.0) for record in journal.of(Prepared)}

    def run(self) -> None:
        """Until every hunt is over or time is; the servers of all finalists run meanwhile, and one after the other is asked."""
        with ExitStack() as every:
            every.callback(self._leave_all)
            while self.left() > 0:
                asked = [name for name in self.hunts if self.hunts[name].next_shot() is not None]
                if not asked:
                    return
                self.round += 1
                random.Random(f"{self.bench.question.seed}/shots/{self.round}").shuffle(asked)
                if not [name for name in asked if self._visit(name)]:
                    return  # no shot is short enough for the time that is left

    def _visit(self, name: str) -> bool:
        """One shot that counts, repeated while the machine is busy; false where the time is too short for it."""
        shot = self.hunts[name].next_shot()
        assert shot is not None
        for _ in range(MOST_TRIES):
            if self.left() < self._cost(name, shot):
                return False
            try:
                record = self._shoot(name, shot)
            except ServerFailed as error:
                self._lose(name, failed(error), shot.phase)
                return True
            except ArmFailed as error:
                self._lose(name, error, shot.phase)
                return True
            self.journal.append(record)
            if record.refused:
                self.watch.repeated(name, record.refused)
                continue
            self.hunts[name].take(shot, seen_of(record))
            self.watch.shot(name, record, self.hunts[name], self.left())
            return True
        self.watch.note(f"{name}: {MOST_TRIES} windows were refused one after the other, others go first")
        return True

    def _cost(self, name: str, shot: hunt.Shot) -> float:
        """Arrivals, what is awaited after them, and a launch where there is none."""
        starts = 0.0 if name in self.places else self.warm_ups.get(name, 0.0) + LAUNCH_SECONDS
        return shot.seconds + starts + (deadline_of(self.sought.slo) if shot.rate > self.sought.throughput[name] else 0.0) + STOP_SECONDS

    def _shoot(self, name: str, shot: hunt.Shot) -> Shot:
        place = self.places.get(name)
        if place is not None and (place.shots >= SHOTS_PER_LAUNCH or (place.phase != shot.phase and shot.phase in ("confirm", "holds"))):
            self._leave(name)  # what is certified is seen on launches of its own
            place = None
        if place is None:
            stack = ExitStack()
            run = stack.enter_context(running(self.bench, self.bench.question.arm(name)))
            place = self.places[name] = Place(run, stack, self._launches(name) + 1)
        warm_up = 0.0 if place.shots else self.warm_ups.get(name, WARM_UP_SECONDS)
        place.shots += 1
        place.phase = shot.phase
        plan = (self.sought.connections, self.bench.question.seed * 1009 + self.round)
        return shoot(self.bench, self.generator, place.run, name, place.launch, shot, self.sought.slo, plan, warm_up)

    def _launches(self, name: str) -> int:
        return max((record.launch for record in self.journal.of(Shot) if record.arm == name), default=0)

    def _lose(self, name: str, error: ArmFailed, phase: str) -> None:
        """Nothing more is asked of it; what was known before it broke far above its capacity stays known."""
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
    """A finalist's running server, and what was asked of this launch."""

    run: Running
    stack: ExitStack
    launch: int
    shots: int = 0
    phase: str = ""


def contest(
    bench: Bench,
    generator: Generator,
    journal: Journal,
    watch: Watch,
    throughput: dict[str, float],
    connections: int,
    left: Callable[[], float],
) -> None:
    """The second stage of a race for these finalists, begun or gone on with; everything found is in the journal, shot by shot."""
    sought = next(journal.of(Sought), None)
    if sought is None:
        ready = [record for record in journal.of(Prepared) if record.arm in throughput]
        sought = seek(bench.question, ready, throughput, connections)
        journal.append(sought)
    watch.sought(sought)
    if blind(sought.slo, sought.stall_seconds):
        return
    open_files.allow(sought.connections)
    Contest(bench, generator, journal, watch, sought, left).run()


def blind(slo: Slo, stall_seconds: float | None) -> bool:
    """Whether this machine stalls too long by itself to certify this objective."""
    return stall_seconds is not None and bool(slo.shortest_seconds) and STALLS_OF_OBJECTIVE * stall_seconds > slo.shortest_seconds
