"""The measuring of a study: passes over all stands on fresh launches, quick asks in slices."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from whichworker.bench.running import Bench, Running, running
from whichworker.bench.window import ArmFailed, failed, load_and_probe
from whichworker.design.rounds import random_round
from whichworker.design.validity import MOST_TRIES, refusal
from whichworker.errors import ServerFailed
from whichworker.load.generator import Generator
from whichworker.model import Failure, Reading
from whichworker.race.track import close_torn_round
from whichworker.store.journal import Journal
from whichworker.store.records import RoundEnd, RunSession, StandFailed, StandWindow
from whichworker.studies.amounts import (
    PILOT_USERS,
    SLOW_SECONDS,
    WAITING,
    Size,
    cost,
    is_quick,
    lasting,
    settle_of,
    users_load,
    users_of,
)
from whichworker.studies.ledger import Ledger
from whichworker.studies.plan import Stand, StandAsk, StudyPlan
from whichworker.studies.side_by_side import Calibrated, Heat, rounds_of, times_of
from whichworker.studies.watch import StudyProgress, StudyWatch

FEWEST_ANSWERS = 30
"""Responses of a window: with fewer, one more or less is several percent."""
PILOT_SECONDS = 0.4
"""A pilot only finds the size of a window, within a factor of two."""
SLICES_SHARE = 0.6
"""Share of a window's time for slices; a portrait, for latency and memory, gets the rest."""
LEAST_PORTRAIT_SECONDS, PORTRAIT_SETTLE_SECONDS = 0.3, 0.05
"""A portrait comes after slices of the same ask, so there is little to settle."""
LEAST_ROUNDS, MOST_ROUNDS = 2, 12
"""A launch counts once, however many rounds: after twelve, launches differ more than rounds."""


def measure_study(
    planned: StudyPlan,
    journal: Journal,
    watch: StudyWatch,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Measure until every cell has its launches or time is over; an interrupt passes through."""
    began, spent = clock(), sum(session.seconds for session in journal.of(RunSession))
    ended = "interrupted"
    close_torn_round(journal)
    try:
        with Generator() as generator:
            generator.start(next(iter(planned.benches.values())).question.budget.generator_cores)
            campaign = Campaign(
                planned,
                generator,
                journal,
                watch,
                lambda: planned.seconds - spent - (clock() - began),
            )
            campaign.run()
        ended = "finished"
    finally:
        journal.append(RunSession(seconds=clock() - began, ended=ended))


class Campaign:
    """The state of a study, and its next steps."""

    def __init__(
        self,
        planned: StudyPlan,
        generator: Generator,
        journal: Journal,
        watch: StudyWatch,
        left: Callable[[], float],
    ) -> None:
        self.planned, self.generator, self.journal = planned, generator, journal
        self.watch, self.left = watch, left
        self.ledger = Ledger(planned, journal)
        self.restless: set[str] = set()
        self.block, self.round = self.ledger.blocks, self.ledger.rounds

    def run(self) -> None:
        """Pass after pass; a stand is left out when it is complete, or would end too late."""
        last = max((ask.launches for stand in self.planned.stands for ask in stand.asks), default=0)
        progress = True
        while self.left() > 0 and (progress or self.block < last):
            self.block += 1
            progress = self._side_by_side()
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

    def _pending(self, stand: Stand) -> list[StandAsk]:
        """The asks of this launch, slow ones last: they leave sleeping requests in the server."""
        if self.ledger.is_out(stand.key, ""):
            return []
        asks = [
            ask
            for ask in stand.asks
            if self.ledger.launches.get((stand.key, ask.key), 0) < min(ask.launches, self.block)
        ]
        asks = [ask for ask in asks if not self.ledger.is_out(stand.key, ask.key)]
        if not self.planned.fixed_order:
            random.Random(f"{self.planned.seed}/{self.block}/{stand.key}").shuffle(asks)
        return sorted(
            asks,
            key=lambda ask: (
                ask.service_seconds if ask.service_seconds >= SLOW_SECONDS else 0.0,
                lasting(ask),
            ),
        )

    def _side_by_side(self) -> bool:
        """Quick asks on launches alive together, then their other asks; False if none began."""
        waiting = (
            []
            if self.planned.fixed_order
            else [stand for stand in self._ordered() if self._quick(stand)]
        )
        if len(waiting) < 2:
            return False
        began = False
        while waiting and self.left() > min(cost(ask) for ask in self._quick(waiting[0])):
            began = True
            with Heat(self.planned, self.generator) as heat:
                while waiting and not heat.full:
                    self._enter(heat, waiting.pop(0))
                for key in heat.restless():
                    self.restless.add(key)
                    heat.leave(key)
                asks = dict.fromkeys(
                    ask.key for stand in heat.stands.values() for ask in self._quick(stand)
                )
                for key in random_round(self.block, list(asks), self.planned.seed).order:
                    self._compare(heat, key)
                for stand in list(heat.stands.values()):
                    self._ask_rest(heat, stand)
        return began

    def _quick(self, stand: Stand) -> list[StandAsk]:
        """The asks of a stand that still need slices."""
        return (
            [ask for ask in self._pending(stand) if is_quick(ask)]
            if stand.key not in self.restless
            else []
        )

    def _enter(self, heat: Heat, stand: Stand) -> None:
        try:
            heat.enter(stand, self.block)
        except ServerFailed as error:
            self._give_up(stand, "", failed(error).failures)

    def _compare(self, heat: Heat, key: str) -> None:
        """One ask of every stand of a heat: rounds of slices, then a portrait of each.

        A stand whose slices would be as long as a window gets a window.
        """
        asks = {
            stand.key: ask
            for stand in heat.stands.values()
            for ask in self._quick(stand)
            if ask.key == key
        }
        if len(asks) < 2 or self.left() <= sum(
            settle_of(ask) + ask.window_seconds for ask in asks.values()
        ):
            return
        self.watch.note(f"{key}: {len(asks)} launches side by side")
        cells: dict[str, Calibrated] = {}
        for name, ask in asks.items():
            try:
                cells[name] = self._calibrated(heat, heat.stands[name], ask)
            except (ServerFailed, ArmFailed) as error:
                self._replace(heat, name, ask, error)
        in_slices = {
            name: cell
            for name, cell in cells.items()
            if cell.part.seconds <= asks[name].window_seconds
        }
        broken = self._rounds(heat, asks, in_slices) if len(in_slices) > 1 else set()
        heat.stand_up(cells)
        for name in random_round(
            self.block, [name for name in cells if name not in broken], self.planned.seed
        ).order:
            self._portrait(
                heat,
                heat.stands[name],
                asks[name],
                shorter=name in in_slices and len(in_slices) > 1,
            )

    def _calibrated(self, heat: Heat, stand: Stand, ask: StandAsk) -> Calibrated:
        """The slice of a cell, after its launch was warmed for it."""
        known = self.ledger.calibrated.get((stand.key, ask.key))
        if known is not None:
            heat.sit(stand, ask, known.users)
            return known
        known = self.ledger.calibrated[stand.key, ask.key] = heat.calibrate(stand, ask)
        self.journal.append(heat.record(stand, ask, known))
        return known

    def _rounds(
        self, heat: Heat, asks: Mapping[str, StandAsk], cells: dict[str, Calibrated]
    ) -> set[str]:
        """Measure rounds of slices of these cells; returns the stands whose launch broke."""
        share = SLICES_SHARE * min(asks[name].window_seconds for name in cells)
        broken: set[str] = set()
        times = times_of(cells)
        for _ in range(rounds_of(cells, share, LEAST_ROUNDS, MOST_ROUNDS)):
            names = [name for name in cells if name not in broken]
            if len(names) < 2 or self.left() <= 0:
                break
            self.round += 1
            began = time.monotonic()
            slices = [name for name in names for _ in range(times[name])]
            for place, name in enumerate(random_round(self.round, slices, self.planned.seed).order):
                if name in broken:
                    continue
                try:
                    for record in heat.slice(name, asks[name].key, cells[name], self.round, place):
                        self.journal.append(record)
                except (ServerFailed, ArmFailed) as error:
                    broken.add(name)
                    self._replace(heat, name, asks[name], error)
            self.journal.append(RoundEnd(number=self.round, seconds=time.monotonic() - began))
        return broken

    def _portrait(self, heat: Heat, stand: Stand, ask: StandAsk, *, shorter: bool) -> None:
        """A window of one launch of the heat; shorter if slices already show its rate."""
        cell = self.ledger.calibrated[stand.key, ask.key]
        least = (
            max(LEAST_PORTRAIT_SECONDS, (1 - SLICES_SHARE) * ask.window_seconds)
            if shorter
            else ask.window_seconds
        )
        self.ledger.sizes[stand.key, ask.key] = Size(
            cell.users, min(ask.longest_seconds, max(least, FEWEST_ANSWERS / cell.per_second))
        )
        settled = (
            msgspec.structs.replace(ask, settle_seconds=PORTRAIT_SETTLE_SECONDS) if shorter else ask
        )
        try:
            reading = self._window(heat.bench(stand), heat.contender(stand.key).run, stand, settled)
        except (ServerFailed, ArmFailed) as error:
            self._replace(heat, stand.key, ask, error)
            return
        self._keep(StandWindow(block=self.block, stand=stand.key, ask=ask.key, reading=reading))

    def _replace(
        self, heat: Heat, key: str, ask: StandAsk, error: ServerFailed | ArmFailed
    ) -> None:
        """After a failure its ask is over; another launch continues with the other asks."""
        stand = heat.stands[key]
        heat.leave(key)
        self._give_up(
            stand, ask.key, (error if isinstance(error, ArmFailed) else failed(error)).failures
        )
        if not self.ledger.is_out(stand.key, ""):
            self._enter(heat, stand)

    def _ask_rest(self, heat: Heat, stand: Stand) -> None:
        """Measure the windows of this launch, then stop it with the requests left in it."""
        left = self._pending(stand)
        try:
            for record in self._ask_all(
                heat.bench(stand), heat.contender(stand.key).run, stand, left
            ):
                self._keep(record)
        finally:
            heat.leave(stand.key)

    def _keep(self, record: StandWindow) -> None:
        self.journal.append(record)
        self.ledger.remember(record)
        self.watch.asked(record.stand, record.ask, record.reading, self._progress())

    def _visit(self, stand: Stand, pending: Sequence[StandAsk]) -> None:
        """One launch; if it breaks, another one continues with the remaining asks."""
        bench = self.planned.benches[stand.app]
        left = list(pending)
        while left and self.left() > 0 and not self.ledger.is_out(stand.key, ""):
            try:
                with running(bench, stand.arm) as run:
                    for record in self._ask_all(bench, run, stand, left):
                        self._keep(record)
            except ServerFailed as error:
                self._give_up(stand, "", failed(error).failures)

    def _ask_all(
        self, bench: Bench, run: Running, stand: Stand, left: list[StandAsk]
    ) -> Iterator[StandWindow]:
        """Measure each ask in turn and take it off the list.

        After a failure its ask is over; another launch continues with the others.
        """
        while left:
            ask = left[0]
            if self.left() <= cost(ask):
                left.clear()
                return
            left.pop(0)
            try:
                reading = self._window(bench, run, stand, ask)
            except ServerFailed as error:  # this ask ended it; the other asks are not at fault
                self._give_up(stand, ask.key, failed(error).failures)
                return
            except ArmFailed as error:
                self._give_up(stand, ask.key, error.failures)
                return  # the next ask would wait for the requests left in the server
            yield StandWindow(block=self.block, stand=stand.key, ask=ask.key, reading=reading)

    def _window(self, bench: Bench, run: Running, stand: Stand, ask: StandAsk) -> Reading:
        """One window, after a pilot if its length is unknown; repeated if others used the cores."""
        if (stand.key, ask.key) not in self.ledger.sizes:
            self.ledger.sizes[stand.key, ask.key] = self._size(bench, run, stand, ask)
        size = self.ledger.sizes[stand.key, ask.key]
        repeats = 0
        while True:
            load = users_load(bench, run, stand, ask, size, self.planned.seed + self.block)
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

    def _size(self, bench: Bench, run: Running, stand: Stand, ask: StandAsk) -> Size:
        """Users and seconds: as planned, or by a pilot if the service time decides neither."""
        most = users_of(stand, ask)
        if ask.service_seconds >= SLOW_SECONDS or ask.longest_seconds <= ask.window_seconds:
            return Size(most, ask.window_seconds)
        few = min(most, PILOT_USERS)
        try:
            load = users_load(
                bench,
                run,
                stand,
                ask,
                Size(few, PILOT_SECONDS + 2 * ask.service_seconds),
                self.planned.seed,
            )
            tally, _ = load_and_probe(bench, self.generator, run, load)
        except ArmFailed as error:
            if {failure.kind for failure in error.failures} != {"timeout"}:
                raise
            return Size(few, ask.longest_seconds)  # too slow for a pilot is no failure
        rate = tally.requests / tally.seconds
        waits = ask.service_seconds and rate >= WAITING * few / ask.service_seconds
        return Size(
            most if waits else few,
            min(ask.longest_seconds, max(ask.window_seconds, FEWEST_ANSWERS / rate)),
        )

    def _give_up(self, stand: Stand, ask: str, failures: tuple[Failure, ...]) -> None:
        self.journal.append(
            StandFailed(block=self.block, stand=stand.key, ask=ask, failures=failures)
        )
        self.ledger.fail(stand.key, ask)
        if self.ledger.is_out(stand.key, ask):
            self.watch.out(stand.key, ask, failures)

    def _progress(self) -> StudyProgress:
        cells = [(stand.key, ask) for stand in self.planned.stands for ask in stand.asks]
        return StudyProgress(
            block=self.block,
            done=sum(
                self.ledger.launches.get((key, ask.key), 0) >= ask.launches for key, ask in cells
            ),
            cells=len(cells),
            spent_seconds=self.planned.seconds - self.left(),
            budget_seconds=self.planned.seconds,
        )
