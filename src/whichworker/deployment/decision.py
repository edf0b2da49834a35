"""When the rounds of a deployment beside what was raced are enough to say that it keeps what was promised, or that it does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from whichworker.design import evidence
from whichworker.design.pairs import Pair
from whichworker.design.rounds import TWIN, Heard
from whichworker.design.selection import Race

ALLOWED = 0.05
"""A deployment may be slower by this share than what was raced: a comment, a port or a folder costs nothing."""
ALPHA = 0.05
"""The chance that "kept" is wrong, or that "not kept" is: half of it for a verdict at any time, half for those at the planned looks."""
LOOKS = (0.5, 1.0)
"""When plain intervals are looked at, too, in parts of the time: these tell in half a minute what one that is valid at any time tells in
one (simulation: tests/deployment/test_read_back.py)."""
LOOK_ROUNDS, LOOK_FREEDOM = 7, 12.0
"""From so many rounds on the error of a ratio has at least so many degrees of freedom (design/generations.py)."""
RACED, DEPLOYED = "raced", "deployed"


class Decision:
    """What the rounds say of the deployment's throughput over that of what was raced; `low` and `high` on the logarithms.

    Without a twin: here the raced server *is* the copy that the deployment is compared with. A second copy would take a third of the time
    and leave one contrast in two generations where there could be three; a machine that disturbs slices is met by their gate and by the
    spread of the generations.
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
        """Take in a round: the interval that is valid at any time."""
        self.race.enter(number, slices)
        if self.pair is not None:
            self._narrow(self.pair.low, self.pair.high)

    def look(self) -> None:
        """Take the plain interval, too, at one of the planned moments."""
        if self.pair is not None and self.pair.rounds >= LOOK_ROUNDS:
            half = (
                evidence.student_quantile(1 - ALPHA / 2 / len(LOOKS), LOOK_FREEDOM)
                * self.pair.standard_error
            )
            self._narrow(self.pair.mean - half, self.pair.mean + half)

    @property
    def verdict(self) -> Literal["kept", "not kept", "undetermined"]:
        """Kept if the whole interval is above what is allowed, not kept if all of it is below."""
        if self.low > math.log1p(-ALLOWED):
            return "kept"
        return "not kept" if self.high < math.log1p(-ALLOWED) else "undetermined"

    def _narrow(self, low: float, high: float) -> None:
        if max(low, self.low) <= min(
            high, self.high
        ):  # an interval that contradicts those before it is left out
            self.low, self.high = max(low, self.low), min(high, self.high)
