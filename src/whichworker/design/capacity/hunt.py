"""One arm on its way to a validated capacity: search, confirmation, latency curve, recovery.

A state machine of pure values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from whichworker.design.capacity.confirmation import FIRST_CHANCE, Confirmation
from whichworker.design.capacity.posterior import CapacityEstimate, RateProbe, Search
from whichworker.model import Slo, Stage

Phase = Literal["search", "confirm", "holds", "curve", "recovery"]
BOUNDED: tuple[Phase, ...] = ("search", "confirm", "holds")
"""Phases in which a window beside other programs counts, as an upper limit of misses."""

PROBE_SETTLES, PROBE_WINDOWS = (0.4, 1.5), (1.2, 3.0)
"""Shortest and longest settling time and window of a probe, in seconds."""
PROBE_REQUESTS, TEST_REQUESTS = 100.0, 400.0
"""Requests of a probe, and of a window that tests a rate; their windows are longer for them."""
TEST_SETTLES, TEST_WINDOWS = (0.6, 2.0), (4.0, 6.0)
"""The same of a window that tests a rate."""
MEMORIES, MOST_LOAD = 40.0, 0.98
"""A queue forgets its length within 40/(1 - load)² requests, with at most this load."""
SETTLE_SECONDS = 0.4
"""Load before a window of the curve."""
CURVE = (0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 2.0)
"""Rates of the latency curve, as shares of the capacity: on both sides of its bend."""
CURVE_SECONDS = 1.5
OVERLOAD, OVERLOAD_SECONDS = 2.0, 1.0
"""Times the capacity, and for how long: a short peak."""
QUIET, QUIET_SECONDS = 0.25, 3.0
"""Share of the capacity after the peak, and how long the recovery is watched."""
LEAST_PROBES = 6
"""Probes before a capacity is reported."""
LONGEST_PROBE, LONGEST_TEST = 2.0, 15.0
"""Settling times and windows are as long as the objective's time, but for no more seconds."""
MOST_OF_THROUGHPUT = 0.95
"""No rate above this share of the throughput under full load is validated.

Queues there take longer to settle than any window lasts.
"""
SEARCH_SECONDS, SEARCH_REQUESTS = 17.0, 3500.0
"""The search ends after this time, or after as many requests at full load take, if longer."""
CONFIRM_SECONDS, CONFIRM_REQUESTS = 40.0, 6500.0
"""The same of the confirmation."""
LONGER = 2.0
"""Times as long the confirmation may take while no rate has passed, if there is patience."""
BRISK = 0.6
"""The share of these seconds and requests that each of several finalists has."""
BRISK_CHANCE = 0.1
"""Half of the usual chance that the rate which is tested first is too high."""
HOLDS_SECONDS = 120.0
"""Longest test of the user's own rate."""
SEARCH_SHARE, CONFIRM_SHARE = 0.4, 0.5
"""Shares of the time for the search and the confirmation; the latency curve has the rest."""


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

    `throughput` is the rate under full load, with `busy` cores, one at most; `rate` is the rate
    that the user named. The search has at most `SEARCH_SHARE` of `patience`, the seconds for all of
    it: a slow arm must not search until no time is left to confirm. A `brisk` hunt ends sooner, for
    a little less: most often one rate is tested.
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
        busy: float = 1.0,
        brisk: bool = False,
    ) -> None:
        self.slo, self.throughput, self.rate, self.seed, self.patience, self.brisk = (
            slo,
            throughput,
            rate,
            seed,
            patience,
            brisk,
        )
        self.search = Search(slo, throughput, seed, busy)
        self.confirmation: Confirmation | None = None
        self.holding: Confirmation | None = None
        self.spent = dict.fromkeys(("search", "confirm", "holds", "curve", "recovery"), 0.0)
        self._curve = [share for share in CURVE if curve]
        self._recovery = curve

    def next_shot(self) -> ShotPlan | None:
        """The next probe; None if everything is known or has taken too long."""
        if self._searching():
            return self._shot("search", self.search.next_rate())
        if self.search.hopeless:
            return None
        if self._confirms():
            return self._shot("confirm", self.confirming.rate)
        if self.rate is not None and self._holding(self.rate):
            return self._shot("holds", self.rate)
        found = self.search.found()
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
            self.confirming.observe(seen)
        elif shot.phase == "holds":
            assert self.holding is not None
            self.holding.observe(seen)
        elif shot.phase == "curve":
            self._curve.pop(0)
            self.search.watched.append(seen)
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
        if self.confirmation is not None or self.holding is not None:
            return False
        if len(self.search.seen) < LEAST_PROBES:
            return True
        limit = self._limit(SEARCH_SECONDS, SEARCH_REQUESTS, SEARCH_SHARE)
        return not self.search.found().narrow and self.spent["search"] < limit

    @property
    def confirming(self) -> Confirmation:
        """The confirmation, which begins at its first use."""
        if self.confirmation is None:
            most = MOST_OF_THROUGHPUT * self.throughput
            chance = BRISK_CHANCE if self.brisk else FIRST_CHANCE
            self.confirmation = Confirmation(self.search, most, chance=chance)
        return self.confirmation

    def _confirms(self) -> bool:
        limit = self._limit(CONFIRM_SECONDS, CONFIRM_REQUESTS, CONFIRM_SHARE)
        if self.confirming.certified is None:
            limit = max(limit, min(LONGER * limit, CONFIRM_SHARE * self.patience))
        return not self.confirming.done and self.spent["confirm"] < limit

    def _limit(self, seconds: float, requests: float, share: float) -> float:
        """Seconds of load for one phase, which has a share of the patience."""
        planned = max(seconds, requests / self.throughput) * (BRISK if self.brisk else 1.0)
        return min(planned, share * self.patience)

    def _holding(self, rate: float) -> bool:
        if self.holding is None:
            self.holding = Confirmation(self.search, self.throughput, first=rate, steps=False)
        return self.holds is None and self.spent["holds"] < HOLDS_SECONDS

    def _shot(self, phase: Phase, rate: float) -> ShotPlan:
        """A load that settles for as long as the queue remembers, and for the objective's time."""
        searching = phase == "search"
        patient = min(LONGEST_PROBE if searching else LONGEST_TEST, self.slo.longest_seconds)
        settles, windows = (
            (PROBE_SETTLES, PROBE_WINDOWS) if searching else (TEST_SETTLES, TEST_WINDOWS)
        )
        remembered = MEMORIES / (1 - min(MOST_LOAD, rate / self.throughput)) ** 2 / rate
        requests = PROBE_REQUESTS if searching else TEST_REQUESTS
        settle, window = (
            max(patient, min(most, max(least, seconds)))
            for (least, most), seconds in ((settles, remembered), (windows, requests / rate))
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
