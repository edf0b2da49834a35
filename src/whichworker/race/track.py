"""The state of a running race: who is alive, in which generation, at which cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from whichworker.bench.lineup import Contender, Lineup
from whichworker.bench.slices import MOST_TRIES, Court
from whichworker.bench.window import ArmFailed, failed
from whichworker.design.heats import MOST_IDLE_SHARE
from whichworker.design.rounds import TWIN, Heard, Round
from whichworker.design.selection import Race
from whichworker.errors import ServerFailed
from whichworker.judge.replay import heard, replay
from whichworker.model import Arm, Finding, SliceOrder, codes
from whichworker.race.ready import warm
from whichworker.race.second_opinion import out, refused
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
    TimeUp,
)

GENERATION_SECONDS = 0.5
"""Load on each launch before it is replaced. Launches that differ by 1-2 % limit a claim sooner
than the noise within a launch does: of four setups, one 5 % slower, 76 % of simulated races of a
minute found it with 1 s of load each, 92 % with half of that."""
GENERATION_TIMES = 1.5
"""A generation lasts at least this many times as long as its launches, so that most of a race is
load."""
SECOND_CHANCES = 1
"""Launches after a crash: one may be bad luck, two are a property of the server."""
SLICE_PATIENCE = 5.0
"""A slice may take this many times its planned time (at least 0.5 s), so that a round ends."""
STOP_SECONDS = 1.0
"""Left for the graceful stop of all launches."""
PATIENCE_SLICES = 100
"""Slices before a session may be given up because other programs use the machine."""
MOST_LOST = 0.5
"""Share of lost slices above which it is given up."""


class Track:
    """One race from its settled plan on; `left` returns the seconds that remain."""

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
        self.time_is_up = False

    # Who runs.

    def heats(self) -> Iterator[tuple[str, ...]]:
        """The heats, each with its share of the remaining time, by how many arms it has."""
        every = self.settled.heats or (self.settled.contenders,)
        for number, heat in enumerate(every):
            later = sum(map(len, every[number + 1 :]))
            self.heat_ends = self.whole_left() * later / (later + len(heat))
            yield self._led(heat)

    def _led(self, heat: tuple[str, ...]) -> tuple[str, ...]:
        """The heat, with the present leader in place of one that has left the race."""
        leader = self.race.leader()
        return (
            heat
            if leader is None or leader in heat or heat[0] in self.race.alive
            else (leader, *heat[1:])
        )

    def left(self) -> float:
        """Seconds that remain for this heat, without the time to stop the launches."""
        return self.whole_left() - self.heat_ends - STOP_SECONDS

    def next_round(self, heat: Sequence[str]) -> Round | None:
        """The next round of the arms alive; None if all is decided, or if time is short."""
        round_ = self.race.next_round()
        if round_ is None or self.hopeless or refused(self.court, self.journal):
            return None
        order = tuple(name for name in round_.order if name in heat or name == TWIN)
        here, working = set(order) - {TWIN}, set(self.race.arms) - self.race.failed
        if not here or len(here) < 2 <= len(working):
            return None  # its rivals run in another heat; the last one of all goes on alone
        if self.left() <= self._cost(order):
            self.time_is_up = True
            return None
        self._enter(  # an arm returns if another one failed
            [name for name in dict.fromkeys(order) if name not in self.lineup.alive]
        )
        return msgspec.structs.replace(round_, order=order)

    @property
    def hopeless(self) -> bool:
        """Whether other programs spoiled so many slices that this session is useless."""
        return self.slices >= PATIENCE_SLICES and self.lost > MOST_LOST * self.slices

    def launch(self, heat: Sequence[str]) -> None:
        """Launch the arms of a heat that do not run yet, and stop the others if necessary."""
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
        """Whether the arms do not fit together, so that those outside the heat must stop."""
        return len(self.settled.heats) > 1 + sum(map(self._restless, self.settled.contenders))

    def _restless(self, name: str) -> bool:
        return (
            name != self.settled.twin_of
            and (self.prepared(name).idle_share or 0.0) > MOST_IDLE_SHARE
        )

    def due(self) -> list[str]:
        """The arms to relaunch: all that run, once each had its load, if time permits."""
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
        """A new generation of these arms; the others stop."""
        if due:
            self._leave(list(self.lineup.alive))
            self._enter(due)
            self.generation_began = time.monotonic()

    def end(self) -> None:
        """Stop all launches, and take the last look if time was up before all was decided."""
        self._leave(list(self.lineup.alive))
        if self.time_is_up:
            self.journal.append(TimeUp(rounds=self.race.rounds))
            self.race.close()

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
        """The arm of this name; for the twin, the arm that it copies."""
        return self.question.arm(self.settled.twin_of if name == TWIN else name)

    def prepared(self, name: str) -> Prepared:
        """The calibration of an arm; for the twin, of the arm that it copies."""
        return self.ready[self.settled.twin_of if name == TWIN else name]

    # What is measured.

    def slice(self, name: str, round_: Round, place: int) -> Heard | None:
        """One slice, journaled, and repeated while other programs use the cores.

        None if it stays refused, or its arm broke.
        """
        repeats = 0
        while name in self.lineup.alive and not refused(self.court, self.journal):
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
        """Add a whole round to the journal and to the race."""
        self.journal.append(RoundEnd(number=round_.number, seconds=seconds))
        self.race.enter(round_.number, [one for one in slices if one is not None])
        self.costs = [*self.costs[-9:], seconds / len(round_.order)]

    def _seat(self, contender: Contender) -> None:
        """Give a contender its connections for the race."""
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
        """Seconds for a round, from recent slices, at first from the calibration."""
        planned = sum(self.part(name).seconds for name in order)
        return max(
            planned, sum(self.costs) / len(self.costs) * len(order) if self.costs else planned
        )

    def _broken(self, name: str, error: ArmFailed, round_: int | None = None) -> None:
        """Relaunch a server that broke, once; one with wrong responses is out."""
        self._leave([name])
        if self.chances[name] and not error.wrong and self.left() > 0:
            self.chances[name] -= 1
            self.journal.append(Noted(finding=second_chance(self.arm(name).name, error)))
            self._enter([name])
            return
        block = round_ or self.race.rounds + 1
        record = Failed(arm=name, failures=error.failures, block=block)
        out(self.court, self.journal, self.watch, record, self.arm(name))
        self.race.fail(name)

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
    """The finding that a server broke once and was started again."""
    sample = error.failures[0].sample.partition("\n")[0]
    text = f"{name} broke once and was started again: {sample}"
    return codes.SECOND_CHANCE.finding(text, arm=name, evidence=str(error))


def close_torn_round(journal: Journal) -> None:
    """Close the round that a crash or kill left open as abandoned, so that it is run again."""
    for record in reversed(journal.records):
        if isinstance(record, RoundEnd):
            return
        if isinstance(record, Slice):
            journal.append(RoundEnd(number=record.round, abandoned=True))
            return
