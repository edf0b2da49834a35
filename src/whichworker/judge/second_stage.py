"""From the probes of the second stage to capacities, curves and the user's rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from whichworker import units
from whichworker.design import quantiles
from whichworker.design.capacity.hunt import LEAST_PROBES, QUIET_SECONDS, Hunt, recovery_seconds
from whichworker.judge import silences
from whichworker.judge.hunts import STALLS_OF_OBJECTIVE, blind, first_failure, hunts_of
from whichworker.judge.passed import core_speed, passed_test, tested
from whichworker.judge.route_times import PERCENTILES, route_times
from whichworker.load.record import slice_seconds
from whichworker.model import Finding, Question, Slo, codes
from whichworker.model.histogram import Histogram
from whichworker.result import ArmResult, AtRate, Capacity, CurvePoint
from whichworker.store.journal import Journal
from whichworker.store.open_loop import Shot, Sought, Unsought

MOST_DISTURBED = 0.25
"""Share of an arm's windows; with more, its capacity may be higher than the interval says."""
LEAST_SIZES, LEAST_GROWTH, GROWTH_SHARE, RISING = 4, 16_000_000, 0.2, 0.75
"""Memory grows if at least four readings do, by 16 MB and a fifth, and three of four steps rise.

Less is within what caches and the allocator do in a launch.
"""


class SecondStage:
    """The second stage of a journal, arm by arm."""

    def __init__(self, question: Question, journal: Journal) -> None:
        self.question = question
        self.sought = next(journal.of(Sought), None)
        self.shots = list(journal.of(Shot))
        self.lost = {record.arm: record for record in journal.of(Unsought)}
        self.hunts = hunts_of(question, self.sought, journal) if self.sought else {}

    def of(self, name: str) -> list[Shot]:
        """The shots of an arm."""
        return [shot for shot in self.shots if shot.arm == name]

    def add_to(self, arm: ArmResult) -> ArmResult:
        """The arm's result with its capacity, curve and numbers at the user's rate, if known."""
        if self.sought is None or arm.name not in self.hunts:
            return arm
        hunt = self.hunts[arm.name]
        used = [shot for shot in self.of(arm.name) if not shot.refused]
        return msgspec.structs.replace(
            arm,
            capacity_per_second=_capacity(self.sought, hunt, self.of(arm.name)),
            latency_curve=tuple(_curve(used)),
            at_rate=_at_rate(self.question.terms.rate, hunt),
        )

    def findings(self) -> Iterator[Finding]:
        """The findings of the second stage."""
        if self.sought is None:
            yield from self._unasked()
            return
        slo, stall = self.sought.slo, self.sought.stall_seconds
        if stall is not None and blind(slo, stall):
            least = units.show_seconds(STALLS_OF_OBJECTIVE * stall)
            yield codes.SLO_BELOW_STALLS.finding(
                f"This machine stalls for {units.show_seconds(stall)} by itself (p99), so it cannot"
                f" validate {slo.text}",
                hint=f"use p99<{least} or more, or a machine with less noise",
            )
            return
        for name, record in self.lost.items():
            text = f"{name} broke while its capacity was measured: {first_failure(record.failures)}"
            yield codes.CAPACITY_BROKEN.finding(text, arm=name)
        for name, hunt in self.hunts.items():
            yield from self._open(name, hunt)

    def _open(self, name: str, hunt: Hunt) -> Iterator[Finding]:
        if hunt.search.hopeless and len(hunt.search.seen) >= LEAST_PROBES:
            lowest = min(seen.rate for seen in hunt.search.seen)
            text = (
                f"{name} misses {hunt.search.binding()} at every rate tried, down to"
                f" {units.show_rate(lowest)}/s"
            )
            yield codes.CAPACITY_NONE.finding(text, arm=name)
        elif hunt.found is None:
            text = f"The time ended before the capacity of {name} was known"
            yield codes.CAPACITY_SHORT.finding(text, arm=name)
        elif hunt.certified is None:
            why = unvalidated(hunt)
            text = f"No rate of {name} could be validated: {why}"
            yield codes.CAPACITY_UNCERTIFIED.finding(text, arm=name)
        asked = self.of(name)
        disturbed = [shot.refused for shot in asked if shot.refused]
        if len(disturbed) > MOST_DISTURBED * len(asked):
            why = max(disturbed, key=disturbed.count)
            share = f"{len(disturbed)} of {len(asked)} windows of {name}"
            text = f"{share} were disturbed ({why}), so they only show rates that it holds"
            yield codes.CAPACITY_DOUBTFUL.finding(text, arm=name)
        yield from _growing(name, asked)
        calm = [shot for shot in asked if not shot.refused and shot.phase != "recovery"]
        yield from silences.findings(name, calm)

    def _unasked(self) -> Iterator[Finding]:
        """A capacity was wanted, and none was measured."""
        if not self.question.terms.ask_for_capacity:
            return
        why = "no server setup was ranked in time"
        if self.question.budget.shared:
            why = "the load generator and the servers share a core, so no exact rate can be sent"
        elif self.question.terms.rate is not None:
            rate = units.show_rate(self.question.terms.rate)
            why = f"no server setup that was ranked in time does more than {rate}/s at full load"
        yield codes.CAPACITY_NOT_SOUGHT.finding(f"No capacity was measured: {why}")


def _growing(name: str, shots: Sequence[Shot]) -> Iterator[Finding]:
    """Memory that grows with the requests of one launch, steadily, by at least 16 MB and 20 %."""
    for launch in dict.fromkeys(shot.launch for shot in shots):
        seen = [
            (shot.count, shot.probes.memory_bytes)
            for shot in shots
            if shot.launch == launch and shot.probes is not None
        ]
        sizes = [(count, size) for count, size in seen if size is not None]
        if len(sizes) < LEAST_SIZES:
            continue
        growth, first = sizes[-1][1] - sizes[0][1], sizes[0][1]
        rising = sum(after > before for (_, before), (_, after) in pairwise(sizes)) / (
            len(sizes) - 1
        )
        if growth > LEAST_GROWTH and growth > GROWTH_SHARE * first and rising >= RISING:
            each = growth / sum(count for count, _ in sizes[1:])
            before, after = units.show_bytes(first), units.show_bytes(sizes[-1][1])
            yield codes.MEMORY_GROWS.finding(
                f"{name} grew from {before} to {after} in one launch, by about"
                f" {units.show_bytes(each)} for each request",
                arm=name,
            )
            return


def unvalidated(hunt: Hunt) -> str:
    """Why a hunt that is over has no validated rate."""
    if (test := hunt.confirmation) is None:
        return "the time ended during the search"
    if test.starves:
        return "it neglects connections"
    if test.rate > test.outlasting:
        return "it stalls"
    rate = f"{units.show_rate(test.rate)}/s"
    if not test.seconds:
        return f"the time ended before {rate} was tested"
    seconds = units.show_seconds(test.seconds)
    return (
        f"{rate} was tested for {seconds}, and misses the objective with a probability of"
        f" {test.chance:.0%}"
    )


def _capacity(sought: Sought, hunt: Hunt, shots: Sequence[Shot]) -> Capacity | None:
    found, slo = hunt.found, sought.slo
    if found is None:
        return None
    used = [shot for shot in shots if not shot.refused]
    recovery = next((shot for shot in used if shot.phase == "recovery"), None)
    tests, kept = tested(hunt, shots)
    return Capacity(
        value=found.value,
        low=found.low,
        high=found.high,
        certified=hunt.certified,
        slo=slo.text,
        binding=hunt.search.binding(),
        seconds=hunt.spent["search"] + hunt.spent["confirm"],
        passed=passed_test(hunt, tests, kept),
        core_speed=core_speed(hunt),
        recovery_seconds=_recovered(slo, recovery) if recovery else None,
        recovery_watched_seconds=QUIET_SECONDS
        if recovery is not None and recovery.slices
        else None,
        routes=route_times([one.routes for one in tests], sum(one.count for one in tests)),
        routes_rate_per_second=kept if tests and tests[0].routes else None,
    )


def _recovered(slo: Slo, shot: Shot) -> float | None:
    """None if it took longer than the shot, or requests were lost: their slices are unknown."""
    counts, missed = [count for count, _ in shot.slices], [late for _, late in shot.slices]
    timed = slo.timed
    if timed is None or not counts:
        return None
    due = shot.counts[slo.clauses.index(timed)] if shot.counts else shot.count
    if due - sum(counts) > timed.share * due:
        return None
    return recovery_seconds(missed, counts, slice_seconds(shot.window_seconds), timed.share)


def _curve(used: Sequence[Shot]) -> Iterator[CurvePoint]:
    for shot in sorted(
        (shot for shot in used if shot.phase == "curve"), key=lambda shot: shot.rate
    ):
        histogram = Histogram.from_hdr(shot.response)
        lost = shot.count - histogram.count
        at = {name: histogram.supported_percentile(q, lost) for name, q in PERCENTILES.items()}
        yield CurvePoint(
            rate_per_second=shot.rate,
            p50=at["p50"],
            p90=at["p90"],
            p99=at["p99"],
            goodput_per_second=shot.good / shot.window_seconds,
            intervals={
                name: found
                for name, q in PERCENTILES.items()
                if at[name]
                and (found := _interval(shot, histogram, q * (1 + lost / histogram.count)))
            },
        )


def _interval(shot: Shot, histogram: Histogram, q: float) -> tuple[float, float] | None:
    """By order statistics on n/φ, with φ from the slices of the shot.

    φ is taken at the objective's own time; None if the slices are too few, or of one route.
    """
    totals = [count for count, _ in shot.slices]
    if sum(totals) < histogram.count:
        return None
    phi = quantiles.design_effect([late for _, late in shot.slices], totals) or 1.0
    filled = sum(count > 0 for count in totals)
    shares = (
        quantiles.rank_shares(histogram.count, q, quantiles.widened(phi, filled))
        if filled > 1
        else None
    )
    low, high = (histogram.percentile(share) for share in shares) if shares else (None, None)
    return (low / 1e9, high / 1e9) if low is not None and high is not None else None


def _at_rate(rate: float | None, hunt: Hunt) -> AtRate | None:
    if rate is None:
        return None
    found = hunt.found
    return AtRate(
        rate_per_second=rate, holds=hunt.holds, headroom=found.value / rate if found else None
    )
