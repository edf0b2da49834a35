"""The state of a race while it runs: who is alive, in which generation, what a round costs, and what is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from whichworker.bench.lineup import Contender, Lineup
from whichworker.bench.slices import Court
from whichworker.bench.window import ArmFailed, failed
from whichworker.design.heats import MOST_IDLE_SHARE
from whichworker.design.rounds import TWIN, Heard, Round
from whichworker.design.selection import Race
from whichworker.errors import ServerFailed
from whichworker.judge.replay import heard, replay
from whichworker.model import Arm, Finding, SliceOrder
from whichworker.race.ready import warm
from whichworker.race.watch import Progress, Watch
from whichworker.store.journal import Journal
from whichworker.store.records import (
    Failed,
    Launched,
    Left,
    Noted,
    Part,
    Prepared,
    RoundEnd,
    Settled,
    Slice,
)

GENERATION_SECONDS = 1.0
"""Load on each launch before it is replaced: from then on another launch says more than another second of this one."""
GENERATION_TIMES = 3.0
"""A generation lasts at least so many times as long as it takes to replace it: else a race is mostly launches."""
MOST_TRIES = 3
SECOND_CHANCES = 1
SLICE_PATIENCE = 5.0
"""A slice is ended after so many times the time that it should take (half a second at least): a round must come to its end."""
STOP_SECONDS = 1.0
PATIENCE_SLICES = 100
"""Slices before a session is given up because others use the machine."""
MOST_LOST = 0.5


class Track:
    """One race from its settled plan on; `left` are the seconds that the race still has."""

    def __init__(
        self,
        lineup: Lineup,
        court: Court,
        journal: Journal,
        watch: Watch,
        settled: Settled,
        left: Callable[[], float],
    ) -> None:
        self.lineup, self.court, self.journal, self.watch, self.settled = (
            lineup,
            court,
            journal,
            watch,
            settled,
        )
        self.question = court.bench.question
        self.whole_left = left
        close_torn_round(journal)
        self.race: Race = replay(self.question, settled, journal)
        self.ready = {record.arm: record for record in journal.of(Prepared)}
        self.chances = dict.fromkeys((*settled.contenders, TWIN), SECOND_CHANCES)
        self.costs: list[float] = []
        self.launch_seconds: dict[str, float] = {}
        self.generation_began = time.monotonic()
        self.slices = self.lost = 0
        self.heat_ends = 0.0

    # Who runs.

    def heats(self) -> Iterator[tuple[str, ...]]:
        """The heats, each with its part of the time that is left."""
        every = self.settled.heats or (self.settled.contenders,)
        for number, heat in enumerate(every):
            self.heat_ends = self.whole_left() * (len(every) - number - 1) / (len(every) - number)
            yield self._led(heat)

    def _led(self, heat: tuple[str, ...]) -> tuple[str, ...]:
        """The heat; a leader of the preflight that is out by now has the place taken by who leads, as nobody would be left to race."""
        leader = self.race.leader()
        return (
            heat
            if leader is None or leader in heat or heat[0] in self.race.alive
            else (leader, *heat[1:])
        )

    def left(self) -> float:
        """Seconds that this heat still has, less what it takes to stop the launches."""
        return self.whole_left() - self.heat_ends - STOP_SECONDS

    def next_round(self, heat: Sequence[str]) -> Round | None:
        """The next round of those alive; None if nothing is left to decide between them, or the time is too short for it."""
        round_ = self.race.next_round()
        if round_ is None or self.hopeless:
            return None
        order = tuple(name for name in round_.order if name in heat or name == TWIN)
        if len(set(order) - {TWIN}) < 2 <= len(self.race.arms):
            return None
        if self.left() <= self._cost(order):
            return None
        self._enter(
            [name for name in dict.fromkeys(order) if name not in self.lineup.alive]
        )  # back because another arm failed
        return msgspec.structs.replace(round_, order=order)

    @property
    def hopeless(self) -> bool:
        """Whether others used the cores in so many slices that the session cannot be believed any more."""
        return self.slices >= PATIENCE_SLICES and self.lost > MOST_LOST * self.slices

    def launch(self, heat: Sequence[str]) -> None:
        """Launch whoever of a heat does not run yet, and stop whoever is not of it."""
        wanted = [
            name for name in heat if name not in self.race.failed and name not in self.race.dropped
        ]
        if self.settled.twin_of in wanted and TWIN not in self.race.failed and len(wanted) > 1:
            wanted.append(TWIN)
        self._leave(
            [
                name
                for name in self.lineup.alive
                if name not in wanted and (self._crowded or self._restless(name))
            ]
        )
        for contender in self.lineup.alive.values():
            self._seat(contender)
        self._enter([name for name in wanted if name not in self.lineup.alive])
        self.generation_began = time.monotonic()

    @property
    def _crowded(self) -> bool:
        """Whether there are several heats because not all fit: then whoever is not of this one is stopped."""
        return len(self.settled.heats) > 1 + sum(map(self._restless, self.settled.contenders))

    def _restless(self, name: str) -> bool:
        return (
            name != self.settled.twin_of
            and (self.prepared(name).idle_share or 0.0) > MOST_IDLE_SHARE
        )

    def due(self) -> list[str]:
        """Who must be launched anew: everyone in the running, once each has had its second and it was worth the launches."""
        round_ = self.race.next_round()
        running = [
            name
            for name in dict.fromkeys(round_.order if round_ else ())
            if name in self.lineup.alive
        ]
        if (
            not running
            or min(self.lineup.alive[name].loaded_seconds for name in running) < GENERATION_SECONDS
        ):
            return []
        cost = sum(self.launch_seconds.get(name, 0.0) for name in running)
        lasted = time.monotonic() - self.generation_began
        return running if lasted >= GENERATION_TIMES * cost and self.left() > 2 * cost else []

    def relaunch(self, due: Sequence[str]) -> None:
        """A new generation of these arms; whoever is out of the race is stopped."""
        if due:
            self._leave(list(self.lineup.alive))
            self._enter(due)
            self.generation_began = time.monotonic()

    def end(self) -> None:
        """Stop everybody; what there is to report of the last launches is in the journal, too."""
        self._leave(list(self.lineup.alive))

    def _enter(self, names: Sequence[str]) -> None:
        for name in names:
            began = time.monotonic()
            try:
                contender = self.lineup.enter(name, self.arm(name), self._generation(name) + 1)
                self.journal.append(
                    Launched(
                        arm=name,
                        generation=contender.generation,
                        cold_start_seconds=contender.run.cold_start_seconds,
                    )
                )
                self._seat(contender)
                warm(self.court, contender, self.prepared(name).response_seconds)
                contender.loaded_seconds = 0.0
            except ServerFailed as error:
                self._broken(name, failed(error))
            except ArmFailed as error:
                self._broken(name, error)
            self.launch_seconds[name] = time.monotonic() - began

    def _leave(self, names: Sequence[str]) -> None:
        for contender in self.lineup.leave(*names):
            self.journal.append(
                Left(
                    arm=contender.name,
                    generation=contender.generation,
                    findings=tuple(contender.run.findings),
                )
            )

    def _generation(self, name: str) -> int:
        return max(
            (record.generation for record in self.journal.of(Launched) if record.arm == name),
            default=0,
        )

    def arm(self, name: str) -> Arm:
        """The arm of this name; of the twin, that whose twin it is."""
        return self.question.arm(self.settled.twin_of if name == TWIN else name)

    def prepared(self, name: str) -> Prepared:
        """What is known of an arm, or of the twin, from before the race."""
        return self.ready[self.settled.twin_of if name == TWIN else name]

    # What is measured.

    def slice(self, name: str, round_: Round, place: int) -> Heard | None:
        """One slice, in the journal; measured again at once while others use the cores. None if it stays refused, or its arm broke."""
        repeats = 0
        while name in self.lineup.alive:
            try:
                with self.lineup.paused(
                    *(one for one in self.lineup.alive if one != name and self._restless(one))
                ):
                    seen, _ = self.court.slice_of(
                        self.lineup.alive[name], self._order(name, round_)
                    )
            except ServerFailed as error:
                self._broken(name, failed(error), round_.number)
                return None
            except ArmFailed as error:
                self._broken(name, error, round_.number)
                return None
            last = repeats == MOST_TRIES - 1
            seen = msgspec.structs.replace(
                seen,
                round=round_.number,
                place=place,
                repeats=repeats,
                lost=last and bool(seen.refused),
            )
            self.journal.append(seen)
            self.watch.slice(name, seen, self._progress(round_, place))
            if not seen.refused or last:
                self.slices += 1
                self.lost += seen.lost
                return None if seen.refused else heard(seen)
            repeats += 1
        return None

    def enter(self, round_: Round, slices: Sequence[Heard | None], seconds: float) -> None:
        """A whole round: in the journal, and in what is known."""
        self.journal.append(RoundEnd(number=round_.number, seconds=seconds))
        self.race.enter(round_.number, [one for one in slices if one is not None])
        self.costs = [*self.costs[-9:], seconds / len(round_.order)]

    def _seat(self, contender: Contender) -> None:
        """Give a contender the connections of the race."""
        wanted = self.part(contender.name).connections
        if contender.connections != wanted:
            self.lineup.sit(contender, wanted, self.prepared(contender.name).response_seconds)

    def part(self, name: str) -> Part:
        """The slice of an arm, or of the twin."""
        return self.settled.parts[self.settled.twin_of if name == TWIN else name]

    def _order(self, name: str, round_: Round) -> SliceOrder:
        part = self.part(name)
        return SliceOrder(
            seat=self.lineup.alive[name].seat,
            uncounted=part.uncounted,
            counted=part.counted,
            most_seconds=max(0.5, SLICE_PATIENCE * part.seconds),
            start=round_.number * max(one.counted for one in self.settled.parts.values()),
        )

    def _cost(self, order: Sequence[str]) -> float:
        """What a round takes, by what slices have taken here, or by the preflight before there are any."""
        planned = sum(self.part(name).seconds for name in order)
        return max(
            planned, sum(self.costs) / len(self.costs) * len(order) if self.costs else planned
        )

    def _broken(self, name: str, error: ArmFailed, round_: int | None = None) -> None:
        """A server that broke has another launch, once; one that gave wrong responses is out."""
        self._leave([name])
        if self.chances[name] and not error.wrong and self.left() > 0:
            self.chances[name] -= 1
            self.journal.append(Noted(finding=second_chance(self.arm(name).name, error)))
            self._enter([name])
            return
        self.journal.append(
            Failed(arm=name, failures=error.failures, block=round_ or self.race.rounds + 1)
        )
        self.race.fail(name)
        self.watch.failed(name, error.failures)

    def _progress(self, round_: Round, place: int) -> Progress:
        leader = self.race.leader()
        return Progress(
            round=round_.number,
            place=place + 1,
            places=len(round_.order),
            spent_seconds=self.question.budget.seconds - self.whole_left(),
            budget_seconds=self.question.budget.seconds,
            alive=len(self.race.alive),
            leader=leader,
            open_pairs=sum(
                pair.verdict == "undetermined"
                for pair in self.race.pairs()
                if leader in (pair.first, pair.second)
            )
            if place == 0 and leader
            else None,
        )


def second_chance(name: str, error: ArmFailed) -> Finding:
    """That a server broke once and was launched again."""
    sample = error.failures[0].sample.partition("\n")[0]
    return Finding(
        code="second-chance",
        severity="warning",
        arm=name,
        text=f"{name} broke once and was launched again: {sample}",
        evidence=str(error),
    )


def close_torn_round(journal: Journal) -> None:
    """A round that a crash or kill left open is closed as abandoned, so that it is run again whole."""
    for record in reversed(journal.records):
        if isinstance(record, RoundEnd):
            return
        if isinstance(record, Slice):
            journal.append(RoundEnd(number=record.round, abandoned=True))
            return
