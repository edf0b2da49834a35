"""When the rounds suffice to say whether a deployment keeps its promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from whichworker.design import evidence
from whichworker.design.pairs import Pair
from whichworker.design.rounds import TWIN, Heard
from whichworker.design.selection import Race

ALLOWED = 0.05
"""A deployment may be slower than the raced setup by this share: other ports cost nothing."""
ALPHA = 0.05
"""The chance of a wrong "kept", or of a wrong "not kept": half for the anytime verdict, half for
the planned looks."""
LOOKS = (0.5, 1.0)
"""Shares of the time at which plain intervals count, too. They decide in half a minute what an
anytime interval decides in one (simulation: tests/deployment/test_read_back.py)."""
LOOK_ROUNDS, LOOK_FREEDOM = 7, 12.0
"""From this many rounds on, the error of a ratio has these degrees of freedom
(design/generations.py)."""
RACED, DEPLOYED = "raced", "deployed"


class Decision:
    """The deployment's throughput over the raced setup's; `low` and `high` are logarithms.

    There is no twin, as the raced server *is* the identical copy. Another one would take a third of
    the time and leave one contrast in two generations instead of three. The gate of the slices and
    the spread of the generations meet disturbances by the machine.
    """

    def __init__(self, seed: int) -> None:
        self.race = Race((DEPLOYED, RACED), twin_of=RACED, delta=ALLOWED, alpha=ALPHA, seed=seed)
        self.race.fail(TWIN)
        self.low, self.high = -math.inf, math.inf

    @property
    def pair(self) -> Pair | None:
        """The ratio and its error; None before the fourth round."""
        return next(iter(self.race.pairs()), None)

    def enter(self, number: int, slices: Sequence[Heard]) -> None:
        """Add a round, which narrows the anytime interval."""
        self.race.enter(number, slices)
        if self.pair is not None:
            self._narrow(self.pair.low, self.pair.high)

    def look(self) -> None:
        """Add the plain interval, at one of the planned moments."""
        if self.pair is not None and self.pair.rounds >= LOOK_ROUNDS:
            half = (
                evidence.student_quantile(1 - ALPHA / 2 / len(LOOKS), LOOK_FREEDOM)
                * self.pair.standard_error
            )
            self._narrow(self.pair.mean - half, self.pair.mean + half)

    @property
    def verdict(self) -> Literal["kept", "not kept", "undetermined"]:
        """Kept if the whole interval is above the allowed loss, not kept if all of it is below."""
        if self.low > math.log1p(-ALLOWED):
            return "kept"
        return "not kept" if self.high < math.log1p(-ALLOWED) else "undetermined"

    def _narrow(self, low: float, high: float) -> None:
        # an interval that contradicts the earlier ones is left out
        if max(low, self.low) <= min(high, self.high):
            self.low, self.high = max(low, self.low), min(high, self.high)
