"""The slices of each arm added up: throughput, CPU per request, their number and course."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from msgspec import Struct

from whichworker.design.rounds import TWIN
from whichworker.judge.replay import PORTRAIT
from whichworker.model import Reading
from whichworker.result import MeasuredStretch
from whichworker.store.journal import Journal
from whichworker.store.records import BlockEnd, Launched, RoundEnd, Slice, Window

MOST_STRETCHES = 40
"""Stretches of rounds in a result: a long race must not make a long report."""


class RoundMeasure(Struct, frozen=True):
    """One measurement of an arm in a round.

    Responses per second, CPU seconds of the server for each, and the thermometer's turn.

    None: unknown.
    """

    round: int
    rate: float
    cpu_seconds_per_request: float | None
    turn_seconds: float | None = None


class Sliced:
    """The slices of whole rounds by arm; of an older journal the windows of whole blocks.

    The twin's slices count for its arm; `twin_rounds` counts the twin's own. `lost` counts the
    slices that stayed refused after all repeats, of all that were `planned`.
    """

    def __init__(self, journal: Journal, twin_of: str = "") -> None:
        self.rounds = 0
        self.round_seconds: list[float] = []
        self.portraits: dict[str, list[Reading]] = {}
        self.refused: dict[str, int] = {}
        self.tried: dict[str, int] = {}
        self.lost = self.planned = self.twin_rounds = 0
        self.launches: dict[str, int] = {}
        self._stretches: dict[str, list[RoundMeasure]] = {}
        current: list[tuple[str, RoundMeasure]] = []
        twins = 0
        for record in journal.records:
            if isinstance(record, Slice | Window):
                found = [
                    (self._of(record.arm, twin_of), stretch)
                    for stretch in self._take(record, twin_of)
                ]
                current += found
                twins += len(found) if record.arm == TWIN else 0
            elif isinstance(record, RoundEnd | BlockEnd):
                self._end(record, current)
                self.twin_rounds += twins if not record.abandoned else 0
                current, twins = [], 0
            elif isinstance(record, Launched):
                name = self._of(record.arm, twin_of)
                self.launches[name] = self.launches.get(name, 0) + 1

    def of(self, name: str) -> list[RoundMeasure]:
        """The measurements of an arm."""
        return self._stretches.get(name, [])

    def throughput(self, name: str) -> float | None:
        """The geometric mean; None without any."""
        rates = [one.rate for one in self.of(name)]
        return _geometric(rates) if rates else None

    def busy(self, name: str) -> float:
        """The cores that an arm kept busy under full load, at most one; 1 if they are unknown.

        With one or more it computes all the time; with less, it waits for something else.
        """
        spent, rate = self.cpu_seconds_per_request(name), self.throughput(name)
        return min(1.0, spent * rate) if spent is not None and rate is not None else 1.0

    def cpu_seconds_per_request(self, name: str) -> float | None:
        """The median of the known values; None if there are none."""
        known = [
            one.cpu_seconds_per_request
            for one in self.of(name)
            if one.cpu_seconds_per_request is not None
        ]
        return float(median(known)) if known else None

    def stretches(self, name: str) -> Iterator[MeasuredStretch]:
        """At most forty stretches of rounds: geometric means of rate and CPU per request."""
        for number, inside in self._grouped(name):
            if inside:
                spent = [
                    one.cpu_seconds_per_request
                    for one in inside
                    if one.cpu_seconds_per_request is not None
                ]
                yield MeasuredStretch(
                    block=number + 1,
                    arm=name,
                    throughput_per_second=_shown(_geometric([one.rate for one in inside])),
                    cpu_seconds_per_request=_shown(_geometric(spent)) if spent else None,
                )

    def at_one_speed(self, name: str) -> list[float]:
        """Log rates of the same stretches, as if the core had always had the same speed.

        An older journal has no thermometer: its rates are unchanged.
        """
        found = []
        for _, inside in self._grouped(name):
            known = [math.log(one.rate * (one.turn_seconds or 1.0)) for one in inside]
            if known and len({one.turn_seconds is None for one in inside}) == 1:
                found.append(sum(known) / len(known))
        return found

    def _grouped(self, name: str) -> Iterator[tuple[int, list[RoundMeasure]]]:
        width = max(1, -(-self.rounds // MOST_STRETCHES))
        for number in range(-(-self.rounds // width)):
            yield number, [one for one in self.of(name) if (one.round - 1) // width == number]

    def _take(self, record: Slice | Window, twin_of: str) -> Iterator[RoundMeasure]:
        name = self._of(record.arm, twin_of)
        refused = record.refused if isinstance(record, Slice) else record.reading.refused
        if isinstance(record, Window) and not refused:
            self.portraits.setdefault(name, []).append(record.reading)
        if isinstance(record, Window) and record.block == PORTRAIT:
            return
        again = record.reading.repeats if isinstance(record, Window) else 0
        self.tried[name] = self.tried.get(name, 0) + 1 + again
        self.refused[name] = self.refused.get(name, 0) + bool(refused) + again
        self.lost += again + (bool(refused) if isinstance(record, Window) else record.lost)
        self.planned += again + (1 if isinstance(record, Window) else record.lost or not refused)
        if refused:
            return
        if isinstance(record, Slice):
            spent = (
                record.server_cpu_seconds / record.responses
                if record.server_cpu_seconds is not None and record.responses
                else None
            )
            yield RoundMeasure(
                record.round, record.requests / record.seconds, spent, record.turn_seconds
            )
        else:
            self.launches[name] = self.launches.get(name, 0) + 1
            yield RoundMeasure(
                record.block,
                record.reading.throughput_per_second,
                record.reading.cpu_seconds_per_request,
            )

    def _end(
        self, record: RoundEnd | BlockEnd, current: Sequence[tuple[str, RoundMeasure]]
    ) -> None:
        if record.abandoned:
            return
        self.rounds = max(self.rounds, record.number)
        if isinstance(record, RoundEnd):
            self.round_seconds.append(record.seconds)
        for name, stretch in current:
            self._stretches.setdefault(name, []).append(stretch)

    @staticmethod
    def _of(name: str, twin_of: str) -> str:
        return twin_of if name == TWIN and twin_of else name


def _shown(value: float) -> float:
    """Six digits are more than a stretch supports, and a long race has thousands of these."""
    return float(f"{value:.6g}")


def _geometric(values: Sequence[float]) -> float:
    return (
        math.exp(sum(math.log(value) for value in values if value > 0) / len(values))
        if values
        else 0.0
    )
