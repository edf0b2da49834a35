"""The measuring of a study: blocks of fresh launches in random order, each launch asked everything; journalled, resumable."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from whichworker.bench.running import Bench, Running, running
from whichworker.bench.window import ArmFailed, failed, load_and_probe
from whichworker.design.validity import MOST_TRIES, refusal
from whichworker.errors import ServerFailed
from whichworker.load.generator import Generator
from whichworker.model import Failure, Load, Reading
from whichworker.servers import table
from whichworker.store.journal import Journal
from whichworker.store.records import Session, StandFailed, StandWindow
from whichworker.studies.plan import Ask, Plan, Stand

FEWEST_ANSWERS = 30
PILOT_SECONDS = 0.4
PILOT_USERS = 16
WAITING = 0.7
"""A pilot that reaches this share of users ÷ service time shows a server that mostly waits: only then more users are worth asking."""
SLOTS_ASKED = 4
"""An arm with a bound on what it works on is asked by no more than so many users a slot: more would only wait in line."""
SLOW_SECONDS = 1.0
SECOND_CHANCES = 1
SPARE_SECONDS = 1.0


class StudyProgress(Struct, frozen=True, kw_only=True):
    """How far a study is: cells with all their launches, of all."""

    block: int
    done: int
    cells: int
    spent_seconds: float
    budget_seconds: float


class Size(Struct, frozen=True):
    """How a cell is asked: by how many users, for how long."""

    users: int
    seconds: float


class StudyWatch(Protocol):
    """The events of a study; every method may do nothing."""

    def note(self, text: str) -> None:
        """Something takes a while, such as the first build of an environment."""

    def asked(self, stand: str, ask: str, reading: Reading, progress: StudyProgress) -> None:
        """One window is done."""

    def out(self, stand: str, ask: str, failures: tuple[Failure, ...]) -> None:
        """A cell, or with an empty `ask` a whole stand, is out."""


def measure_study(planned: Plan, journal: Journal, watch: StudyWatch, clock: Callable[[], float] = time.monotonic) -> None:
    """Measure blocks until every cell has its launches or time is spent; KeyboardInterrupt passes through, nothing measured is lost."""
    began, spent = clock(), sum(session.seconds for session in journal.of(Session))
    ended = "interrupted"
    try:
        with Generator() as generator:
            generator.start(next(iter(planned.benches.values())).question.budget.generator_cores)
            campaign = Campaign(planned, generator, journal, watch, lambda: planned.seconds - spent - (clock() - began))
            campaign.run()
        ended = "finished"
    finally:
        journal.append(Session(seconds=clock() - began, ended=ended))


class Campaign:
    """What is known so far, and what is done next."""

    def __init__(self, planned: Plan, generator: Generator, journal: Journal, watch: StudyWatch, left: Callable[[], float]) -> None:
        self.planned, self.generator, self.journal, self.watch, self.left = planned, generator, journal, watch, left
        self.launches: dict[tuple[str, str], int] = {}
        self.sizes: dict[tuple[str, str], Size] = {}
        self.failed: dict[tuple[str, str], int] = {}
        self.block = 0
        for record in journal.records:
            if isinstance(record, StandWindow):
                self._remember(record)
                self.block = max(self.block, record.block - 1)  # the block that was cut short goes on
            elif isinstance(record, StandFailed):
                self.failed[record.stand, record.ask] = self.failed.get((record.stand, record.ask), 0) + 1

    def run(self) -> None:
        """Block after block: a stand is left out when it has nothing more to give, or when its part would not end in time."""
        last = max((ask.launches for stand in self.planned.stands for ask in stand.asks), default=0)
        progress = True
        while self.left() > 0 and (progress or self.block < last):
            self.block += 1
            progress = False
            for stand in self._ordered():
                pending = self._pending(stand)
                if pending and self.left() > min(cost(ask) for ask in pending):
                    self._visit(stand, pending)
                    progress = True

    def _ordered(self) -> list[Stand]:
        stands = list(self.planned.stands)
        if not self.planned.fixed_order:
            random.Random(f"{self.planned.seed}/{self.block}").shuffle(stands)
        return stands

    def _pending(self, stand: Stand) -> list[Ask]:
        """What this launch is asked: quick things in random order, then slow ones, which leave sleepers behind in the server."""
        if self._is_out(stand, ""):
            return []
        asks = [ask for ask in stand.asks if self.launches.get((stand.key, ask.key), 0) < min(ask.launches, self.block)]
        asks = [ask for ask in asks if not self._is_out(stand, ask.key)]
        if not self.planned.fixed_order:
            random.Random(f"{self.planned.seed}/{self.block}/{stand.key}").shuffle(asks)
        return sorted(asks, key=lambda ask: (ask.service_seconds if ask.service_seconds >= SLOW_SECONDS else 0.0, lasting(ask)))

    def _is_out(self, stand: Stand, ask: str) -> bool:
        return self.failed.get((stand.key, ask), 0) > SECOND_CHANCES

    def _visit(self, stand: Stand, pending: Sequence[Ask]) -> None:
        """One launch; one that breaks is followed by another for what was not asked yet."""
        bench = self.planned.benches[stand.app]
        left = list(pending)
        while left and self.left() > 0 and not self._is_out(stand, ""):
            try:
                with running(bench, stand.arm) as run:
                    for record in self._ask_all(bench, run, stand, left):
                        self.journal.append(record)
                        self._remember(record)
                        self.watch.asked(stand.key, record.ask, record.reading, self._progress())
            except ServerFailed as error:
                self._give_up(stand, "", failed(error).failures)

    def _ask_all(self, bench: Bench, run: Running, stand: Stand, left: list[Ask]) -> Iterator[StandWindow]:
        """Ask in turn; what was asked leaves the list. A failure ends its ask, and the launch: the others go on with another."""
        while left:
            ask = left[0]
            if self.left() <= cost(ask):
                left.clear()
                return
            left.pop(0)
            try:
                reading = self._window(bench, run, stand, ask)
            except ServerFailed as error:  # it died of this ask, which is not the fault of the others
                self._give_up(stand, ask.key, failed(error).failures)
                return
            except ArmFailed as error:
                self._give_up(stand, ask.key, error.failures)
                return  # what it left in the server would be waited for by the next
            yield StandWindow(block=self.block, stand=stand.key, ask=ask.key, reading=reading)

    def _window(self, bench: Bench, run: Running, stand: Stand, ask: Ask) -> Reading:
        """One window, after a pilot where its length is not known yet; again where others used the machine."""
        if (stand.key, ask.key) not in self.sizes:
            self.sizes[stand.key, ask.key] = self._size(bench, run, stand, ask)
        size = self.sizes[stand.key, ask.key]
        repeats = 0
        while True:
            load = load_of(bench, run, stand, ask, size, self.planned.seed + self.block)
            tally, probes = load_and_probe(bench, self.generator, run, load)
            refused = refusal(probes, tally, shared=bench.question.budget.shared)
            reading = Reading(
                tally=tally,
                probes=probes,
                cold_start_seconds=run.cold_start_seconds,
                connections=load.connections,
                repeats=repeats,
                refused=refused,
            )
            if not refused or repeats == MOST_TRIES - 1 or self.left() <= cost(ask):
                return reading
            repeats += 1

    def _size(self, bench: Bench, run: Running, stand: Stand, ask: Ask) -> Size:
        """How many users for how long: as planned, or by a pilot where neither follows from the service time."""
        most = users_of(stand, ask)
        if ask.service_seconds >= SLOW_SECONDS or ask.longest_seconds <= ask.window_seconds:
            return Size(most, ask.window_seconds)
        few = min(most, PILOT_USERS)
        try:
            load = load_of(bench, run, stand, ask, Size(few, PILOT_SECONDS + 2 * ask.service_seconds), self.planned.seed)
            tally, _ = load_and_probe(bench, self.generator, run, load)
        except ArmFailed as error:
            if {failure.kind for failure in error.failures} != {"timeout"}:
                raise
            return Size(few, ask.longest_seconds)  # too slow for a pilot is not wrong
        rate = tally.requests / tally.seconds
        waits = ask.service_seconds and rate >= WAITING * few / ask.service_seconds
        return Size(most if waits else few, min(ask.longest_seconds, max(ask.window_seconds, FEWEST_ANSWERS / rate)))

    def _give_up(self, stand: Stand, ask: str, failures: tuple[Failure, ...]) -> None:
        self.journal.append(StandFailed(block=self.block, stand=stand.key, ask=ask, failures=failures))
        self.failed[stand.key, ask] = self.failed.get((stand.key, ask), 0) + 1
        if self._is_out(stand, ask):
            self.watch.out(stand.key, ask, failures)

    def _remember(self, record: StandWindow) -> None:
        if not record.reading.refused:
            self.launches[record.stand, record.ask] = self.launches.get((record.stand, record.ask), 0) + 1
        self.sizes.setdefault((record.stand, record.ask), Size(record.reading.connections, record.reading.tally.seconds))

    def _progress(self) -> StudyProgress:
        cells = [(stand.key, ask) for stand in self.planned.stands for ask in stand.asks]
        return StudyProgress(
            block=self.block,
            done=sum(self.launches.get((key, ask.key), 0) >= ask.launches for key, ask in cells),
            cells=len(cells),
            spent_seconds=self.planned.seconds - self.left(),
            budget_seconds=self.planned.seconds,
        )


def lasting(ask: Ask) -> float:
    """What leaves requests in the server comes last, the most settling at the very end: that is over when the others' rest has gone."""
    return 0.0 if ask.drain else ask.settle_seconds


def users_of(stand: Stand, ask: Ask) -> int:
    """As many as were meant, or what fills the slots of the arm several times over, where it has fewer."""
    limit = limit_of(stand)
    return ask.users if limit is None or ask.overfull or not ask.service_seconds else min(ask.users, max(1, SLOTS_ASKED * limit))


def limit_of(stand: Stand) -> int | None:
    """How many requests the arm works on at once, at most."""
    return table.load(stand.arm.server).in_flight_limit(stand.arm.settings)


def cost(ask: Ask) -> float:
    """About how long a window of it takes, settling included."""
    return settle_of(ask) + ask.window_seconds + SPARE_SECONDS


def settle_of(ask: Ask) -> float:
    """Until the flow is even: the first answers of a slow workload arrive a whole service time after the last user has begun."""
    return ask.settle_seconds + ask.service_seconds * (1.1 if ask.service_seconds >= SLOW_SECONDS else 2.0)


def load_of(bench: Bench, run: Running, stand: Stand, ask: Ask, size: Size, seed: int) -> Load:
    """A closed loop whose users begin evenly; slow work in flight at its end is not waited for."""
    slow = ask.service_seconds >= SLOW_SECONDS
    return Load(
        address=run.address,
        host=bench.question.app.host,
        requests=() if ask.sessions else ask.workload.requests,
        sessions=ask.sessions,
        connections=size.users,
        settle_seconds=settle_of(ask),
        window_seconds=size.seconds,
        stagger_seconds=stagger_of(stand, ask, size.users),
        deadline_seconds=ask.deadline_seconds,
        seed=seed,
        engine="epoll" if slow else "auto",
        drain=ask.drain and not slow,
        keep_alive=ask.keep_alive,
    )


def stagger_of(stand: Stand, ask: Ask, users: int) -> float:
    """Over how long the users begin: slots filled evenly over one service time are freed evenly, and no wave ever comes of it."""
    if not ask.service_seconds:
        return ask.settle_seconds / 2
    slots = limit_of(stand)
    return ask.service_seconds * (1.0 if ask.overfull or slots is None else max(1.0, users / slots))
