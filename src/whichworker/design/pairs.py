"""What is known of each pair of arms: a claim, a tie, or nothing yet; and the ranks that follow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from msgspec import Struct

from whichworker.design import evidence
from whichworker.design.elimination import FIRST_DECISION

Verdict = Literal["better", "worse", "tie", "undetermined"]
FARTHEST_FORECAST = 1000


class Pair(Struct, frozen=True):
    """The log ratio first/second over their common blocks, with its running always-valid interval."""

    first: str
    second: str
    blocks: int
    mean: float
    low: float
    high: float
    verdict: Verdict


def threshold(contenders: int, alpha: float) -> float:
    """E must reach K(K-1)/2α for a claim: Bonferroni over all pairs, so that any pair may be looked at."""
    return contenders * (contenders - 1) / (2 * alpha)


def common(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """Differences of log throughput in the blocks both ran in, in the order of the blocks."""
    return [first[block] - second[block] for block in sorted(first.keys() & second.keys())]


def compare(first: str, second: str, differences: Sequence[float], *, limit: float, delta: float) -> Pair:
    """The verdict on one pair: the running intersection of the intervals from the first decision on.

    Every interval of the sequence covers the truth at once, so their intersection does: a claim can shrink to a tie, never turn round.
    """
    low, high = -math.inf, math.inf
    for n in range(FIRST_DECISION, len(differences) + 1):
        mean, radius = float(np.mean(differences[:n])), evidence.radius(differences[:n], limit)
        low, high = max(low, mean - radius), min(high, mean + radius)
    mean = float(np.mean(differences)) if differences else 0.0
    return Pair(first, second, len(differences), mean, low, high, _verdict(low, high, math.log1p(delta)))


def _verdict(low: float, high: float, gap: float) -> Verdict:
    if -gap < low and high < gap:
        return "tie"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "undetermined"


def all_pairs(logs: Mapping[str, Mapping[int, float]], *, contenders: int, delta: float, alpha: float) -> list[Pair]:
    """Every pair of arms, in the order given."""
    if len(logs) < 2:
        return []
    limit = threshold(contenders, alpha)
    return [compare(a, b, common(logs[a], logs[b]), limit=limit, delta=delta) for a, b in combinations(logs, 2)]


def ranks(names: Sequence[str], pairs: Iterable[Pair]) -> dict[str, tuple[int, int]]:
    """Rank intervals: 1 + the arms shown better, and K - the arms shown worse; claims are closed under transitivity."""
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


def blocks_to_decide(differences: Sequence[float], *, limit: float, delta: float) -> int | None:
    """How many more blocks would likely settle a pair, if its mean and spread stay what they are; None beyond a thousand."""
    n, gap = len(differences), math.log1p(delta)
    if n < 2:
        return None
    mean, deviation = abs(float(np.mean(differences))), float(np.std(differences, ddof=1))
    needed = max(mean, gap - mean)
    low, high = n, n + FARTHEST_FORECAST
    if not _settles(high, deviation, needed, limit):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _settles(middle, deviation, needed, limit) else (middle, high)
    return max(1, high - n)


def _settles(n: int, deviation: float, needed: float, limit: float) -> bool:
    return evidence.critical_t(n, limit) * deviation / math.sqrt(n) < needed
