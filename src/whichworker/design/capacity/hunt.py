"""One arm on its way to a certified capacity, as a state machine of pure values: search, confirmation, latency curve, recovery."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from whichworker.design.capacity.confirmation import STEP, Confirmation, least_requests
from whichworker.design.capacity.posterior import Found, Search, Seen, planned_seconds
from whichworker.model import Slo, Stage

Phase = Literal["search", "confirm", "holds", "curve", "recovery"]

PROBE_SETTLES, PROBE_WINDOWS = (0.4, 2.0), (0.85, 2.0)
"""Of a probe, in seconds from so long to so long: as long as the objective is patient, as only then anything can be missed."""
SETTLE_SECONDS = 0.4
SETTLES, WINDOWS = (1.0, 3.0, 1000.0), (2.5, 5.0, 2000.0)
"""Of a confirmation, in seconds from so long to so long, or so many requests: a queue is as long as it is going to be after some multiple
of 1/(rate · (1 - √load)²), and what is certified must have been seen after that."""
CURVE = (0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 2.0)
CURVE_SECONDS = 1.5
OVERLOAD, OVERLOAD_SECONDS = 2.0, 1.0
QUIET, QUIET_SECONDS = 0.25, 3.0
LEAST_PROBES, ENOUGH_PROBES = 8, 14
"""From so many on a capacity is told at all, and from so many on the search may end: how misses cluster is not known before."""
PATIENT_SETTLES, PATIENT_WINDOWS, LONGEST = 3.0, 5.0, 15.0
"""And as many times as long as the objective is patient, but no longer than that."""
MOST_OF_THROUGHPUT = 0.95
"""No rate above this share of the throughput at saturation is certified: queues there take longer to settle than any window lasts."""
CONFIRM_TIMES = 3.0
"""The confirmation may take so many times as long as the search."""
HOLDS_SECONDS = 120.0
SEARCH_SHARE = 0.4
TIME_SHARE, MOST_STEPS = 0.8, 6
"""A first rate must be kept within this share of what is left for its confirmation, or gives way to lower ones, so many times at most."""


class Shot(Struct, frozen=True, kw_only=True):
    """One load of an arm: what for, the rate that is asked about, what comes first, and the window that counts."""

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
        """How long its arrivals last."""
        return self.settle_seconds + self.window_seconds


class Hunt:
    """What one arm is asked next, and what came of it.

    `throughput` is that at saturation; `rate` one that the user asked about. Of `patience`, the seconds there are for all of it, the search
    has `SEARCH_SHARE` at most: a slow arm must not search until nothing can be confirmed.
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

    def next_shot(self) -> Shot | None:
        """What to ask now; None where everything is known or has taken too long."""
        if self._searching():
            patient = self.slo.longest_seconds
            settle, window = (
                min(most, max(least, patient)) for least, most in (PROBE_SETTLES, PROBE_WINDOWS)
            )
            return Shot(
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
            return Shot(
                phase="curve",
                rate=rate,
                settle_seconds=SETTLE_SECONDS,
                window_seconds=CURVE_SECONDS,
            )
        if self._recovery:
            window = OVERLOAD_SECONDS + QUIET_SECONDS
            return Shot(
                phase="recovery",
                rate=OVERLOAD * found.value,
                settle_seconds=0.0,
                window_seconds=window,
            )
        return None

    def take(self, shot: Shot, seen: Seen) -> None:
        """Enter what a shot saw."""
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
    def found(self) -> Found | None:
        """The capacity, from the first few probes on; None where the objective is missed at every rate that was looked at."""
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
        """Whether the rate that was asked about keeps the objective: None where that is not known.

        It does where a higher one was certified, or it was itself; it does not where it is beyond the interval of the capacity.
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

    def _first_rate(self, found: Found) -> float:
        """The rate that is tested first: likely to be kept, not too near saturation, and one that there is time to keep."""
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

    def _confirms(self, found: Found) -> bool:
        if self.confirmation is None or self.confirmation.certified is not None:
            return False
        return self.spent["confirm"] < CONFIRM_TIMES * planned_seconds(found.value)

    def _holding(self, rate: float) -> bool:
        if self.holding is None:
            self.holding = Confirmation(
                self.slo, rate, self.search.phis, steps=False, throughput=self.throughput
            )
        return self.holds is None and self.spent["holds"] < HOLDS_SECONDS

    def _confirming(self, phase: Phase, rate: float) -> Shot:
        patient = self.slo.longest_seconds
        settle, window = (
            min(LONGEST, max(times * patient, min(most, max(least, requests / rate))))
            for times, (least, most, requests) in (
                (PATIENT_SETTLES, SETTLES),
                (PATIENT_WINDOWS, WINDOWS),
            )
        )
        return Shot(phase=phase, rate=rate, settle_seconds=settle, window_seconds=window)


def recovery_seconds(
    missed: Sequence[int], counts: Sequence[int], width_seconds: float, share: float
) -> float | None:
    """How long after an overload the objective was missed: to the end of the last slice that missed it; None where it was to the very end.

    `missed` and `counts` are those of equal slices of a recovery shot's window, which begins with the overload.
    """
    late = [at for at, (k, n) in enumerate(zip(missed, counts, strict=True)) if n and k > share * n]
    if not late:
        return 0.0
    if late[-1] == len(counts) - 1:
        return None
    return max(0.0, (late[-1] + 1) * width_seconds - OVERLOAD_SECONDS)
