"""One arm on its way to a validated capacity: search, confirmation, latency curve, recovery.

A state machine of pure values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from whichworker.design.capacity.confirmation import STEP, Confirmation, least_requests
from whichworker.design.capacity.posterior import (
    CapacityEstimate,
    RateProbe,
    Search,
    planned_seconds,
)
from whichworker.model import Slo, Stage

Phase = Literal["search", "confirm", "holds", "curve", "recovery"]

PROBE_SETTLES, PROBE_WINDOWS = (0.4, 2.0), (0.85, 2.0)
"""Shortest and longest settling time and window of a probe, in seconds.

They are as long as the shortest time of the objective, since sooner no request can miss it.
"""
SETTLE_SECONDS = 0.4
"""Load before a window of the curve."""
SETTLES, WINDOWS = (1.0, 3.0, 1000.0), (2.5, 5.0, 2000.0)
"""Shortest and longest settling time and window of a confirmation in seconds, and in requests.

A queue reaches its full length after some multiple of 1/(rate · (1 - √load)²); the window that
validates a rate must come after that.
"""
CURVE = (0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 2.0)
"""Rates of the latency curve, as shares of the capacity: on both sides of its bend."""
CURVE_SECONDS = 1.5
OVERLOAD, OVERLOAD_SECONDS = 2.0, 1.0
"""Times the capacity, and for how long: a short peak."""
QUIET, QUIET_SECONDS = 0.25, 3.0
"""Share of the capacity after the peak, and how long the recovery is watched."""
LEAST_PROBES, ENOUGH_PROBES = 8, 14
"""Probes before a capacity is reported, and before the search may end.

Until then it is unknown how misses cluster.
"""
PATIENT_SETTLES, PATIENT_WINDOWS, LONGEST = 3.0, 5.0, 15.0
"""Settling time and window in times of the objective, and the most seconds of either."""
MOST_OF_THROUGHPUT = 0.95
"""No rate above this share of the throughput under full load is validated.

Queues there take longer to settle than any window lasts.
"""
CONFIRM_TIMES = 3.0
"""The confirmation may take this many times as long as the search."""
HOLDS_SECONDS = 120.0
"""Longest test of the user's own rate."""
SEARCH_SHARE = 0.4
"""Share of the time for the search."""
TIME_SHARE, MOST_STEPS = 0.8, 6
"""A first rate must pass within this share of the time left for its confirmation.

Otherwise lower rates are tried first, at most six steps lower.
"""


class ShotPlan(Struct, frozen=True, kw_only=True):
    """One load of an arm: its purpose, its rate, the settling before and the window that counts."""

    phase: Phase
    rate: float
    settle_seconds: float
    window_seconds: float

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The arrivals, before the window and in it."""
        if self.phase == "recovery":
            calm = self.rate * QUIET / OVERLOAD
            return (Stage(OVERLOAD_SECONDS, self.rate, self.rate), Stage(QUIET_SECONDS, calm, calm))
        return (Stage(self.settle_seconds + self.window_seconds, self.rate, self.rate),)

    @property
    def seconds(self) -> float:
        """How long its arrivals last, in seconds."""
        return self.settle_seconds + self.window_seconds


class Hunt:
    """The next probes of one arm, and their results so far.

    `throughput` is the rate under full load, `rate` the rate that the user named. The search has
    at most `SEARCH_SHARE` of `patience`, the seconds for all of it: a slow arm must not search
    until no time is left to confirm.
    """

    def __init__(
        self,
        slo: Slo,
        throughput: float,
        *,
        seed: int,
        rate: float | None = None,
        curve: bool = True,
        patience: float = math.inf,
    ) -> None:
        self.slo, self.throughput, self.rate, self.seed, self.patience = (
            slo,
            throughput,
            rate,
            seed,
            patience,
        )
        self.search = Search(slo, throughput, seed)
        self.confirmation: Confirmation | None = None
        self.holding: Confirmation | None = None
        self.spent = dict.fromkeys(("search", "confirm", "holds", "curve", "recovery"), 0.0)
        self._curve = [share for share in CURVE if curve]
        self._recovery = curve

    def next_shot(self) -> ShotPlan | None:
        """The next probe; None if everything is known or has taken too long."""
        if self._searching():
            patient = self.slo.longest_seconds
            settle, window = (
                min(most, max(least, patient)) for least, most in (PROBE_SETTLES, PROBE_WINDOWS)
            )
            return ShotPlan(
                phase="search",
                rate=self.search.next_rate(),
                settle_seconds=settle,
                window_seconds=window,
            )
        if self.search.hopeless:
            return None
        found = self.search.found()
        if self.confirmation is None:
            self.confirmation = Confirmation(
                self.slo, self._first_rate(found), self.search.phis, throughput=self.throughput
            )
        if self._confirms(found):
            return self._confirming("confirm", self.confirmation.rate)
        if self.rate is not None and self._holding(self.rate):
            return self._confirming("holds", self.rate)
        if self._curve:
            rate = self._curve[0] * found.value
            return ShotPlan(
                phase="curve",
                rate=rate,
                settle_seconds=SETTLE_SECONDS,
                window_seconds=CURVE_SECONDS,
            )
        if self._recovery:
            window = OVERLOAD_SECONDS + QUIET_SECONDS
            return ShotPlan(
                phase="recovery",
                rate=OVERLOAD * found.value,
                settle_seconds=0.0,
                window_seconds=window,
            )
        return None

    def take(self, shot: ShotPlan, seen: RateProbe) -> None:
        """Enter the result of a shot."""
        self.spent[shot.phase] += shot.seconds
        if shot.phase == "search":
            self.search.observe(seen)
        elif shot.phase == "confirm":
            assert self.confirmation is not None
            self.confirmation.observe(seen)
        elif shot.phase == "holds":
            assert self.holding is not None
            self.holding.observe(seen)
        elif shot.phase == "curve":
            self._curve.pop(0)
        else:
            self._recovery = False

    @property
    def found(self) -> CapacityEstimate | None:
        """The capacity, after the first few probes; None if every tested rate missed the SLO."""
        return (
            self.search.found()
            if len(self.search.seen) >= LEAST_PROBES and not self.search.hopeless
            else None
        )

    @property
    def certified(self) -> float | None:
        """The rate that passed the confirmation, requests per second."""
        return self.confirmation.certified if self.confirmation else None

    @property
    def holds(self) -> bool | None:
        """Whether the user's rate meets the objective; None if unknown.

        It does if it was validated itself, or a higher one was. It does not if it is beyond the
        interval of the capacity.
        """
        if self.rate is None or len(self.search.seen) < LEAST_PROBES:
            return None
        if self.certified is not None and self.certified >= self.rate:
            return True
        if (
            self.search.hopeless
            or self.search.found().high < self.rate
            or (self.holding is not None and self.holding.refuted)
        ):
            return False
        return True if self.holding is not None and self.holding.certified is not None else None

    def _searching(self) -> bool:
        if len(self.search.seen) < ENOUGH_PROBES:
            return True
        found = self.search.found()
        return not found.narrow and self.spent["search"] < min(
            planned_seconds(found.value), SEARCH_SHARE * self.patience
        )

    def _first_rate(self, found: CapacityEstimate) -> float:
        """The first rate to test: likely to pass, in the time left, and not too near full load."""
        rate = min(self.search.safe_rate(), MOST_OF_THROUGHPUT * self.throughput)
        there_is = min(
            CONFIRM_TIMES * planned_seconds(found.value), self.patience - self.spent["search"]
        )
        for _ in range(MOST_STEPS):
            shot = self._confirming("confirm", rate)
            takes = (
                least_requests(rate, self.throughput) / rate * shot.seconds / shot.window_seconds
            )
            if takes <= TIME_SHARE * there_is:
                break
            rate *= STEP
        return rate

    def _confirms(self, found: CapacityEstimate) -> bool:
        if self.confirmation is None or self.confirmation.certified is not None:
            return False
        return self.spent["confirm"] < CONFIRM_TIMES * planned_seconds(found.value)

    def _holding(self, rate: float) -> bool:
        if self.holding is None:
            self.holding = Confirmation(
                self.slo, rate, self.search.phis, steps=False, throughput=self.throughput
            )
        return self.holds is None and self.spent["holds"] < HOLDS_SECONDS

    def _confirming(self, phase: Phase, rate: float) -> ShotPlan:
        patient = self.slo.longest_seconds
        settle, window = (
            min(LONGEST, max(times * patient, min(most, max(least, requests / rate))))
            for times, (least, most, requests) in (
                (PATIENT_SETTLES, SETTLES),
                (PATIENT_WINDOWS, WINDOWS),
            )
        )
        return ShotPlan(phase=phase, rate=rate, settle_seconds=settle, window_seconds=window)


def recovery_seconds(
    missed: Sequence[int], counts: Sequence[int], width_seconds: float, share: float
) -> float | None:
    """Seconds after an overload until the end of the last slice that missed the objective.

    None if the last slice missed it. `missed` and `counts` belong to equal slices of a recovery
    shot's window, which begins with the overload.
    """
    late = [at for at, (k, n) in enumerate(zip(missed, counts, strict=True)) if n and k > share * n]
    if not late:
        return 0.0
    if late[-1] == len(counts) - 1:
        return None
    return max(0.0, (late[-1] + 1) * width_seconds - OVERLOAD_SECONDS)
