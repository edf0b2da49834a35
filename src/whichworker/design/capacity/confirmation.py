"""Does this rate meet the objective? Fresh windows at it, and all that is known.

A rate is kept if fresh windows at it missed no more than the objective allows, for LEAST_SECONDS or
more. The validated rate is the highest one that was kept, or a lower one: the chance that the
capacity is below it must be at most ALPHA, given all probes and windows. This chance is a posterior
one, so it does not grow with the number of looks, or of rates that are tried. The misses of a
window, not requests, are its unit.
"""

from __future__ import annotations

from collections.abc import Sequence

from whichworker.design.capacity.posterior import RateProbe, Search
from whichworker.model import Slo

ALPHA = 0.03
"""The chance that a rate is validated that misses the objective."""
FIRST_CHANCE = 0.2
"""The usual chance that the capacity is below a rate which is worth a test."""
GIVE_UP = 0.45
"""At this chance a rate is given up for a lower one."""
HIGHER, LOWER = 1.06, 0.98
"""Another rate is tested if it is so much higher than one that passed, or lower than one given up.

A smaller step would test nearly the same rate again.
"""
PATIENT_SECONDS = 24.0
"""A rate that has not passed after this time is given up, too: a lower one passes sooner."""
LESS = 0.94
"""The next rate then, at most: a share of this one."""
LEAST_SECONDS = 16.0
"""A disturbance that comes every few seconds must have had the time to come."""


class Confirmation:
    """Rates that are tested until one passes, and then higher ones while there is time.

    `search` has the posterior, which the windows of the test enter, too. With `steps` false only
    the rate `first` is tested, until it has passed or is `refuted`. No rate is above `most`, and
    each test begins at one that is too high with this `chance` or less.
    """

    def __init__(
        self,
        search: Search,
        most: float,
        *,
        first: float | None = None,
        steps: bool = True,
        chance: float = FIRST_CHANCE,
    ) -> None:
        self.search, self.most, self.steps, self.worth = search, most, steps, chance
        self.rate = self._candidate() if first is None else first
        self.windows: list[RateProbe] = []
        self.passed: set[float] = set()
        self.done = False

    @property
    def slo(self) -> Slo:
        """The objective."""
        return self.search.slo

    @property
    def seconds(self) -> float:
        """How long this rate has been tested."""
        return sum(seen.window_seconds for seen in self.windows)

    @property
    def kept(self) -> float | None:
        """The highest rate whose windows, by themselves, meet the objective."""
        return max(self.passed, default=None)

    @property
    def chance(self) -> float:
        """The chance that this rate misses the objective."""
        return self.search.below(self.rate)

    @property
    def refuted(self) -> bool:
        """Whether a single rate with near certainty misses the objective."""
        return not self.steps and (self.chance >= 1 - ALPHA or self.starves)

    @property
    def starves(self) -> bool:
        """Whether a connection at this rate never had a response: its users get nothing."""
        return any(seen.starved for seen in self.windows)

    @property
    def stalls(self) -> bool:
        """Whether the stalls of all probes by themselves miss the objective, at any rate."""
        return self.outlasting <= 0

    @property
    def outlasting(self) -> float:
        """The highest rate at which the stalls of all probes, of any purpose, do not miss it.

        Nobody is served in a stall, whatever the rate, and a test may just miss it. All that is due
        is too late but for the objective's time before its end, and so is what follows, until the
        queue is gone: that takes 1/(1 - load) as long.
        """
        watched = self.search.watched
        every = sum(seen.window_seconds for seen in watched)
        slacks = [
            sum(max(0.0, seen.silence_seconds - clause.seconds) for seen in watched)
            / (clause.share * every)
            for clause in self.slo.clauses
            if clause.seconds is not None and every
        ]
        return (1 - max(slacks, default=0.0)) * self.search.throughput

    @property
    def certified(self) -> float | None:
        """The highest validated rate, per second; None if there is none."""
        if self.kept is None or self.stalls:
            return None
        if self.steps:
            return min(self.kept, self.search.quantile(ALPHA), self.outlasting)
        return self.kept if self.chance <= ALPHA and self.kept <= self.outlasting else None

    def observe(self, seen: RateProbe) -> None:
        """Take in one window at the rate that is being tested."""
        self.windows.append(seen)
        self.search.observe(seen)
        if self._keeps():
            self.passed.add(self.rate)
        else:
            self.passed.discard(self.rate)  # a later window may spoil the test
        if not self.steps:
            return
        if self.starves:
            self.done = True  # it will at another rate, too
        elif self.rate == self.kept and self.chance <= ALPHA:
            self._begin(self._candidate())
            self.done = self.rate < HIGHER * self.kept
        elif self.chance > GIVE_UP or self._disturbed():
            self._begin(min(self._candidate(), LOWER * self.rate))
            self.done = self.kept is not None and self.rate < self.kept
        elif self.seconds >= PATIENT_SECONDS:
            self._begin(min(self.search.quantile(ALPHA), LESS * self.rate))
            self.done = self.kept is not None and self.rate < self.kept

    def _begin(self, rate: float) -> None:
        self.rate, self.windows = rate, []

    def _candidate(self) -> float:
        known = self.search.quantile(self.worth)
        return min(self.most, known, self.search.reach, max(0.5 * known, self.outlasting))

    def _disturbed(self) -> bool:
        """Whether other programs spoil more windows at this rate than they leave alone."""
        spoiled = sum(seen.bounded and seen.misses(self.slo.clauses) for seen in self.windows)
        return spoiled > sum(not seen.bounded for seen in self.windows)

    def _keeps(self) -> bool:
        """Whether the windows at this rate, by themselves, meet the objective for long enough.

        Either all of them, or those without other programs.
        """
        if self.starves or self.rate > self.outlasting:
            return False
        alone = [seen for seen in self.windows if not seen.bounded]
        return any(self._meets(windows) for windows in (self.windows, alone))

    def _meets(self, windows: Sequence[RateProbe]) -> bool:
        return sum(seen.window_seconds for seen in windows) >= LEAST_SECONDS and all(
            sum(seen.missed[at] for seen in windows)
            <= clause.share * sum(seen.counted[at] for seen in windows)
            for at, clause in enumerate(self.slo.clauses)
        )
