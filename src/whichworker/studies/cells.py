"""From the journal of a study to the cells of its tables. Nothing here measures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import get_args

import numpy as np

from whichworker.model import Failure, Reading
from whichworker.model.histogram import Histogram
from whichworker.result.envelope import Estimate
from whichworker.result.study import Cell, Note
from whichworker.servers import names, table
from whichworker.store.journal import Journal
from whichworker.store.records import Slice, StandFailed, StandWindow
from whichworker.studies import pooled
from whichworker.studies.amounts import limit_of
from whichworker.studies.ledger import SECOND_CHANCES
from whichworker.studies.plan import Absent, Stand, StandAsk, StudyPlan, cell_name
from whichworker.studies.pooled import Cells
from whichworker.studies.rates import rates_of

AT_CEILING, MOST_OF_CEILING = 0.95, 1.05
"""Shares of the ceiling: at it, and impossible (windows count whole requests)."""
WRONG = (
    "status",
    "header",
    "body",
    "check",
    "capture",
    "framing",
    "start",
    "died",
    "reset",
    "timeout",
    "connect",
)
FULL = ("overflow", "generator", "upstream")
"""No wrong responses: a queue, the generator or the upstream was full."""
RATE = "requests per second"

Measure = Callable[[Reading], float | None]
Labelled = Callable[..., Cell]
"""A cell with its metric, its unit and the published value."""


class Table:
    """The readings of a study by stand and ask, rates in slices, and reasons for missing ones."""

    def __init__(self, planned: StudyPlan, journal: Journal) -> None:
        self.stands = {stand.key: stand for stand in planned.stands}
        self.absent = {absent.stand: absent for absent in planned.absent}
        self.refused = self.tried = 0
        self._readings: dict[tuple[str, str], list[Reading]] = {}
        self._failures: dict[tuple[str, str], list[Failure]] = {}
        self._times_failed: Counter[tuple[str, str]] = Counter()
        self._users: dict[tuple[str, str], int] = {}
        self._pools: dict[tuple[str, bool], dict[str, Cells]] = {}
        names = {
            cell_name(stand.key, ask.key): (stand.key, ask.key)
            for stand in planned.stands
            for ask in stand.asks
        }
        self._rates = rates_of(journal.records, names)
        for record in journal.records:
            if isinstance(record, StandWindow):
                self._users.setdefault((record.stand, record.ask), record.reading.connections)
                self.refused += record.reading.repeats + bool(record.reading.refused)
                self.tried += record.reading.repeats + 1
            elif isinstance(record, Slice):
                self.refused += record.lost
                self.tried += record.lost or not record.refused
            if isinstance(record, StandWindow) and not record.reading.refused:
                self._readings.setdefault((record.stand, record.ask), []).append(record.reading)
            elif isinstance(record, StandFailed):
                self._failures.setdefault((record.stand, record.ask), []).extend(record.failures)
                self._times_failed[record.stand, record.ask] += 1

    def readings(self, stand: str, ask: str) -> list[Reading]:
        """The readings of all launches; empty if the cell failed for good."""
        return [] if self.is_out(stand, ask) else self._readings.get((stand, ask), [])

    def is_out(self, stand: str, ask: str) -> bool:
        """Whether it failed again after its second chance."""
        return self._times_failed[stand, ask] > SECOND_CHANCES

    def cell(
        self,
        stand: str,
        ask: str,
        measure: Measure,
        *,
        metric: str = RATE,
        unit: str = "1/s",
        published: float | None = None,
    ) -> Cell:
        """One number with its interval, or a note with the reason why there is none."""
        labelled = partial(Cell, metric=metric, unit=unit, published=published)
        found = self.stands.get(stand)
        if found is None:
            return self._without(stand, labelled)
        labelled = partial(labelled, arm=found.arm.name)
        asked = next((one for one in found.asks if one.key == ask), None)
        if asked is None:
            return labelled(state="absent", note="not applicable")
        readings = self.readings(stand, ask)
        in_slices = (
            measure is rate and not self.is_out(stand, ask) and stand in self._rates.get(ask, {})
        )
        values = (
            []
            if in_slices
            else [value for reading in readings if (value := measure(reading)) is not None]
        )
        if not (values or in_slices):
            return self._failed(found, ask, labelled)
        launches = len(self._rates[ask][stand]) if in_slices else len(values)
        if in_slices or min(values) > 0:
            estimate = self._estimate(stand, ask, measure, metric, in_slices)
        else:
            estimate = Estimate(value=float(np.mean(values)))
        users = self._users.get((stand, ask), asked.users)
        ceiling = ceiling_of(found, asked, users) if metric == RATE else None
        if ceiling is not None and estimate.value > MOST_OF_CEILING * ceiling:
            return self._impossible(labelled, estimate.value, ceiling)
        full = ceiling is not None and estimate.value >= AT_CEILING * ceiling
        return labelled(
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            ceiling=ceiling,
            state="ceiling" if full else "measured",
            note="at its ceiling" if full else "",
            evidence=_explain_ceiling(found, asked, users) if full else "",
            launches=launches,
            interval="side by side"
            if in_slices and len(self._pool(metric, measure, in_slices)[ask].means) > 1
            else "launches",
        )

    def _estimate(
        self, stand: str, ask: str, measure: Measure, metric: str, in_slices: bool
    ) -> Estimate:
        """The geometric mean over launches; its interval uses the whole workload's variance."""
        pool = self._pool(metric, measure, in_slices)
        cells = pool[ask]
        alike = [
            other for other in pool.values() if (len(other.means) > 1) == (len(cells.means) > 1)
        ]
        usual = pooled.usual_variance(alike) if len(alike) > 1 else None
        return estimate_of(cells, stand, usual)

    def _pool(self, metric: str, measure: Measure, in_slices: bool) -> dict[str, Cells]:
        """By ask, the cells of a metric that were measured in slices, or in windows."""
        known = self._pools.get((metric, in_slices))
        if known is None:
            asks = dict.fromkeys(ask.key for stand in self.stands.values() for ask in stand.asks)
            logs = {ask: self._logs(ask, measure, in_slices) for ask in asks}
            known = {
                ask: pooled.gather(values, side_by_side=in_slices)
                for ask, values in logs.items()
                if values
            }
            self._pools[metric, in_slices] = known
        return known

    def _logs(self, ask: str, measure: Measure, in_slices: bool) -> dict[str, dict[int, float]]:
        rates = self._rates.get(ask, {})
        if in_slices:
            return {
                stand: launches for stand, launches in rates.items() if not self.is_out(stand, ask)
            }
        found: dict[str, dict[int, float]] = {}
        for stand in self.stands:
            if measure is rate and stand in rates:
                continue
            values = [
                value
                for reading in self.readings(stand, ask)
                if (value := measure(reading)) is not None
            ]
            if values and min(values) > 0:
                found[stand] = {number: math.log(value) for number, value in enumerate(values)}
        return found

    @staticmethod
    def _impossible(labelled: Labelled, value: float, ceiling: float) -> Cell:
        """A rate that Little's law forbids is not printed, neither ours nor a published one."""
        evidence = f"{value:,.3g}/s is above the ceiling of {ceiling:,.3g}/s: a count is wrong"
        return labelled(ceiling=ceiling, state="failed", note="wrong answers", evidence=evidence)

    def _without(self, stand: str, labelled: Labelled) -> Cell:
        absent = self.absent.get(stand, Absent(stand=stand, note="not applicable", evidence=""))
        notes: dict[str, Note] = {str(note): note for note in get_args(Note)}
        note = notes.get(absent.note, "not applicable")
        return labelled(
            arm=stand.partition(" on ")[0],
            state="absent",
            note=note,
            evidence=absent.evidence,
        )

    def _failed(self, stand: Stand, ask: str, labelled: Labelled) -> Cell:
        failures = self._failures.get((stand.key, ask)) or self._failures.get((stand.key, ""), [])
        full = bool(failures) and all(failure.kind in FULL for failure in failures)
        wrong = any(failure.kind in WRONG for failure in failures)
        return labelled(
            state="failed" if failures else "absent",
            note="at its ceiling" if full else "wrong answers" if wrong else "not reached",
            evidence="; ".join(
                dict.fromkeys(
                    f"{failure.kind}: {failure.sample.strip()}"[:400] for failure in failures[:2]
                )
            ),
        )


def stand_key(app: str, arm: str, python: str = "", variant: str = "") -> str:
    """The name of a stand."""
    return (
        f"{arm} on {app}" + (f"/{python}" if python else "") + (f", {variant}" if variant else "")
    )


def interface_of(arm: str) -> str:
    """The interface of the server in an arm's name; raises UsageError for an unknown server."""
    return table.load(names.parse(arm).server).interface


def estimate_of(cells: Cells, name: str, usual: float | None) -> Estimate:
    """A cell's geometric mean over launches with its interval; None with too few launches."""
    mean, half = cells.means[name], pooled.half_width(cells, name, usual)
    if half is None:
        return Estimate(value=math.exp(mean))
    return Estimate(value=math.exp(mean), low=math.exp(mean - half), high=math.exp(mean + half))


def ceiling_of(stand: Stand, ask: StandAsk, users: int) -> float | None:
    """Little's law: most requests in flight ÷ service time, by users and by the arm's slots."""
    if not ask.service_seconds:
        return None
    limit = limit_of(stand)
    return (users if limit is None else min(users, limit)) / ask.service_seconds


def _explain_ceiling(stand: Stand, ask: StandAsk, users: int) -> str:
    limit = limit_of(stand)
    if limit is not None and limit < users:
        return f"its {limit} slots ÷ {ask.service_seconds:g} s"
    return f"{users} users ÷ {ask.service_seconds:g} s: the server may be able to do more"


def rate(reading: Reading) -> float:
    """Correct responses per second."""
    return reading.throughput_per_second


def latency(q: float) -> Measure:
    """A percentile of send to last byte in seconds; None if the sample cannot support it."""
    return lambda reading: Histogram.from_hdr(reading.tally.service).supported_percentile(q)


def _latency_statistic(name: str) -> Measure:
    """A statistic of the time from send to last byte, seconds; None without a response."""

    def measure(reading: Reading) -> float | None:
        value = getattr(Histogram.from_hdr(reading.tally.service), name)
        return None if value is None else value / 1e9

    return measure


latency_mean, latency_stdev = _latency_statistic("mean"), _latency_statistic("stdev")
latency_least, latency_most = _latency_statistic("min"), _latency_statistic("max")


def within_stdev(reading: Reading) -> float | None:
    """The share of responses within one standard deviation of the mean, as wrk prints it."""
    histogram = Histogram.from_hdr(reading.tally.service)
    mean, stdev = histogram.mean, histogram.stdev
    if mean is None or stdev is None or not histogram.count:
        return None
    below = histogram.count_above(max(0, round(mean - stdev) - 1))
    return (below - histogram.count_above(round(mean + stdev))) / histogram.count


def cpu_per_request(reading: Reading) -> float | None:
    """CPU seconds of the server for each correct response."""
    return reading.cpu_seconds_per_request


def received(reading: Reading) -> float:
    """Received bytes per second."""
    return reading.tally.bytes_received / reading.tally.seconds
