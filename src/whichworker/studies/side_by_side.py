"""A heat of a study: launches alive together, so that one ask is compared within milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Self

import msgspec
import psutil
from msgspec import Struct

from whichworker.bench.lineup import Contender, Lineup, deadline_of
from whichworker.bench.running import Bench, running
from whichworker.bench.slices import Court
from whichworker.design import slice_sizes
from whichworker.design.heats import MOST_IDLE_SHARE, MOST_MEMORY_SHARE
from whichworker.design.slice_sizes import SliceSize
from whichworker.load.generator import Generator
from whichworker.model import SliceOrder
from whichworker.probes.thermometer import Thermometer
from whichworker.race.ready import idle_share
from whichworker.store.records import Prepared, Slice
from whichworker.studies.amounts import (
    PILOT_USERS,
    WAITING,
    Size,
    users_in_slices,
    users_load,
    users_of,
)
from whichworker.studies.plan import Stand, StandAsk, StudyPlan, cell_name

MOST_ALIVE = 12
"""Stands alive together, even with more memory: more would be compared over a second apart."""
WARM_SECONDS = 0.1
"""Load on a launch before its first slice of an ask: code is specialised, caches fill."""
PROFILE_SECONDS, PROFILE_TURNS, MOST_PROFILE_SECONDS = 0.15, 12, 1.0
"""Seconds and turns of a slice that shows where its beginning ends, and the longest such slice.

Slower cells are not measured in slices.
"""
MANY = 1_000_000
"""More responses than any slice that ends by time."""
PATIENCE, LEAST_PATIENCE_SECONDS = 4.0, 0.5
"""A slice is ended after four times its expected time, and half a second at least."""
MOST_TIMES = 3
"""Slices of a fast cell in one round.

In two rounds, six slices of 50 ms show as much as two of half a second of a slow cell.
"""


class Calibrated(Struct, frozen=True):
    """The load of a cell in slices: users, approximate rate, and the rate turn by turn."""

    users: int
    per_second: float
    profile: tuple[float, ...] = ()

    @classmethod
    def read(cls, record: Prepared) -> Self:
        """From a journal."""
        users = record.connections or max(record.ladder)
        return cls(users, record.ladder[users], record.profile)

    @property
    def part(self) -> SliceSize:
        """The responses that a slice leaves out and counts."""
        return slice_sizes.size(
            self.users, self.per_second, slice_sizes.skipped_turns(self.profile)
        )


class Heat:
    """The launches of a heat, from `enter` to the end of the pass."""

    def __init__(self, planned: StudyPlan, generator: Generator) -> None:
        bench = next(iter(planned.benches.values()))
        self.planned = planned
        self.generator = generator
        self.thermometer = Thermometer(bench.question.budget.server_cores)
        self.court = Court(bench, generator, self.thermometer)
        self.lineup = Lineup(bench, generator)
        self.stands: dict[str, Stand] = {}
        self._free_bytes = psutil.virtual_memory().available

    def __enter__(self) -> Self:
        self.thermometer.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.lineup.leave(*self.lineup.alive)
        finally:
            self.thermometer.stop()

    @property
    def full(self) -> bool:
        """Whether no other launch should join."""
        used = self._free_bytes - psutil.virtual_memory().available
        return len(self.stands) >= MOST_ALIVE or used > MOST_MEMORY_SHARE * self._free_bytes

    def enter(self, stand: Stand, block: int) -> None:
        """Launch a stand and wait for its first correct response; raises ServerFailed."""
        stack = ExitStack()
        run = stack.enter_context(running(self.bench(stand), stand.arm))
        self.lineup.alive[stand.key] = Contender(stand.key, stand.arm, block, run, stack)
        self.stands[stand.key] = stand

    def leave(self, key: str) -> None:
        """Stop a launch."""
        self.stands.pop(key, None)
        self.lineup.leave(key)

    def restless(self) -> list[str]:
        """The stands that use part of a core while idle: they would slow the others down."""
        return [
            key
            for key, contender in self.lineup.alive.items()
            if (idle_share(contender) or 0.0) > MOST_IDLE_SHARE
        ]

    def bench(self, stand: Stand) -> Bench:
        """The bench that runs a stand."""
        return self.planned.benches[stand.app]

    def contender(self, key: str) -> Contender:
        """The launch of a stand."""
        return self.lineup.alive[key]

    def sit(self, stand: Stand, ask: StandAsk, users: int) -> float:
        """Connect an ask's users to a launch and load it for a moment: responses per second.

        Raises ServerFailed or ArmFailed.
        """
        contender = self.contender(stand.key)
        load = users_load(
            self.bench(stand), contender.run, stand, ask, Size(users, 1.0), self.planned.seed
        )
        patient = msgspec.structs.replace(
            load, deadline_seconds=deadline_of(users * ask.service_seconds)
        )
        self.generator.seat(contender.seat, patient)
        contender.connections = users
        turn = SliceOrder(
            seat=contender.seat, uncounted=0, counted=users, most_seconds=patient.deadline_seconds
        )
        record, _ = self.court.slice_of(contender, turn)
        if record.seconds >= WARM_SECONDS:
            return record.requests / record.seconds
        return self._watch(contender, WARM_SECONDS + record.seconds)[0]

    def stand_up(self, keys: Iterable[str]) -> None:
        """Close the connections of these launches, as they may occupy all of a server's threads."""
        for key in keys:
            if key in self.lineup.alive:
                self.generator.unseat(self.contender(key).seat)

    def calibrate(self, stand: Stand, ask: StandAsk) -> Calibrated:
        """Users of a cell, and the responses that a slice of it leaves out and counts.

        Raises ServerFailed or ArmFailed.
        """
        most = users_in_slices(stand, users_of(stand, ask))
        users = min(most, PILOT_USERS)
        rate = self.sit(stand, ask, users)
        if users < most and ask.service_seconds and rate >= WAITING * users / ask.service_seconds:
            users = most
            rate = self.sit(stand, ask, users)
        seconds = max(PROFILE_SECONDS, PROFILE_TURNS * users / rate)
        profile: tuple[float, ...] = ()
        if seconds <= MOST_PROFILE_SECONDS:
            rate, profile = self._watch(self.contender(stand.key), seconds)
        return Calibrated(users, rate, profile)

    def record(self, stand: Stand, ask: StandAsk, calibrated: Calibrated) -> Prepared:
        """The record of a calibration."""
        run = self.contender(stand.key).run
        return Prepared(
            arm=cell_name(stand.key, ask.key),
            ladder={calibrated.users: calibrated.per_second},
            response_seconds=calibrated.users / calibrated.per_second,
            cold_start_seconds=run.cold_start_seconds,
            command=run.command,
            connections=calibrated.users,
            profile=calibrated.profile,
        )

    def slice(
        self, key: str, ask: str, calibrated: Calibrated, round_: int, place: int
    ) -> list[Slice]:
        """One slice, after those that were refused before it; raises ServerFailed or ArmFailed."""
        part = calibrated.part
        order = SliceOrder(
            seat=self.contender(key).seat,
            uncounted=part.uncounted,
            counted=part.counted,
            most_seconds=max(LEAST_PATIENCE_SECONDS, PATIENCE * part.seconds),
            start=round_,
        )
        tried = self.court.tried(self.contender(key), order)
        return [
            msgspec.structs.replace(
                record,
                arm=cell_name(key, ask),
                round=round_,
                place=place,
                repeats=repeats,
                lost=bool(record.refused) and repeats == len(tried) - 1,
            )
            for repeats, (record, _) in enumerate(tried)
        ]

    def _watch(self, contender: Contender, seconds: float) -> tuple[float, tuple[float, ...]]:
        """Responses per second in a slice that ends by time, and its profile."""
        order = SliceOrder(
            seat=contender.seat, uncounted=0, counted=MANY, most_seconds=seconds, profile=True
        )
        record, tally = self.court.slice_of(contender, order)
        return record.requests / record.seconds, slice_sizes.profile(
            [slice_sizes.turns(tally.times, contender.connections)]
        )


def times_of(cells: Mapping[str, Calibrated]) -> dict[str, int]:
    """Slices of each cell in a round: several of a fast one, one of the slowest."""
    longest = max((cell.part.seconds for cell in cells.values()), default=0.0)
    return {
        name: max(1, min(MOST_TIMES, int(longest / cell.part.seconds)))
        for name, cell in cells.items()
    }


def rounds_of(cells: Mapping[str, Calibrated], seconds: float, least: int, most: int) -> int:
    """How many rounds of these cells fit into `seconds` for each cell."""
    times = times_of(cells)
    round_seconds = sum(times[name] * cell.part.seconds for name, cell in cells.items())
    return min(most, max(least, int(seconds * len(cells) / round_seconds))) if cells else 0
