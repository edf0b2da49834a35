"""What is known of a pair of arms: a claim, a tie, or nothing yet; and the ranks that follow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

Verdict = Literal["better", "worse", "tie", "undetermined"]


class Pair(Struct, frozen=True):
    """The log ratio first/second with its running always-valid interval.

    `rounds` counts the rounds that both ran in; `standard_error` belongs to `mean`.
    """

    first: str
    second: str
    rounds: int
    mean: float
    low: float
    high: float
    verdict: Verdict
    standard_error: float = math.inf


def threshold(contenders: int, alpha: float) -> float:
    """E must reach K(K-1)/2α for a claim: Bonferroni over all pairs, so any pair may be read."""
    return contenders * (contenders - 1) / (2 * alpha)


def verdict_of(low: float, high: float, gap: float) -> Verdict:
    """The verdict of an interval of the log ratio; `gap` is ln(1+δ), and a tie lies inside it."""
    if -gap < low and high < gap:
        return "tie"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "undetermined"


LEAST_GENERATIONS = 4
"""Launches of both sides below which the time of their start has no interval."""


class Aim(Struct, frozen=True):
    """The goal of a race for a pair, by the interval of its log ratio first/second.

    With `most_loss`: whether the second is slower than the first by more than this share. With
    `width`: the ratio, to ± this share. Without either: which one is faster, or that they tie.
    `generations`: launches that both must have had, because more than the ratio is compared.
    """

    most_loss: float | None = None
    width: float | None = None
    generations: int = 0

    def met(self, low: float, high: float, gap: float) -> bool:
        """Whether the interval tells; `gap` as in `verdict_of`."""
        if self.most_loss is not None:
            bar = -math.log1p(-self.most_loss)
            return low > bar or high < bar
        if self.width is not None:
            return high - low < 2 * math.log1p(self.width)
        return verdict_of(low, high, gap) != "undetermined"


CLAIM = Aim()
"""The aim of a race for the best setup."""


def ranks(names: Sequence[str], pairs: Iterable[Pair]) -> dict[str, tuple[int, int]]:
    """Rank intervals: from 1 + the arms shown better to K - the arms shown worse.

    Claims are closed under transitivity.
    """
    beats: dict[str, set[str]] = {name: set() for name in names}
    for pair in pairs:
        if pair.verdict == "better":
            beats[pair.first].add(pair.second)
        elif pair.verdict == "worse":
            beats[pair.second].add(pair.first)
    for middle in names:
        for upper in names:
            if middle in beats[upper]:
                beats[upper] |= beats[middle] - {upper}
    losses = {name: sum(name in beaten for beaten in beats.values()) for name in names}
    return {name: (1 + losses[name], len(names) - len(beats[name])) for name in names}
