"""The highest arrival rate that meets an objective: a posterior on a grid, and the next rate.

An objective's clause is missed by a share p of the requests; it is met while p is at most its
`share`. Around the capacity λ* that share grows steeply and then levels out: p(q) = 1 - (1 -
share)^((q/λ*)^B) at the rate q. λ* and B are on a grid. An observation (k of n) weighs k·ln p +
(n-k)·ln(1-p), divided by the design effect φ, because misses come in clusters: one queue delays
many.

After probabilistic bisection (Waeber, Frazier & Henderson 2013). A power law that is cut off at
0.95 is the same near the capacity, and too high above it, where misses level out more slowly.
"""

from __future__ import annotations

import random

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from whichworker.model import Slo

GRID = 600
"""Points of the grid: neighbours are 0.7 % apart, far less than any interval."""
STEEPNESS = np.array([2.0, 4.0, 7.0, 12.0, 20.0, 35.0, 60.0, 100.0])
BELOW, ABOVE, EDGE = 0.02, 1.6, 1.05
"""The ends of the grid as shares of the throughput under full load, and a factor.

No arm keeps up with more than 1, but probes above it show how steeply misses grow. The result is
cut off at 1, because an endless queue looks good for as long as the objective's time. A result
within 5 % of the lower end is unknown.
"""
FIRST = 0.7
"""The first probe, as a share of the throughput under full load."""
LEAST_P, MOST_P = 1e-6, 0.99
"""Limits of p, so that no logarithm is infinite."""
QUANTILES = (0.3, 0.7)
"""Of the posterior, at random: probes on both sides of the capacity."""
NARROW = 0.05
"""The relative width at which an interval is narrow."""
TAIL = 0.05
"""The probability below and above the interval."""
PHI, PHI_WEIGHT, MOST_PHI = 12.0, 6.0, 300.0
"""Before any probe, φ counts as if six probes had shown 12; it is never above 300."""
BELOW_SHARES = 2.0
"""Probes that miss at most twice the allowed share count as not above the capacity."""
SAFE_SHARE, SAFE_QUANTILE = 0.12, 0.2
"""The share of the allowed misses at a safe rate, and the chance that they are more."""

Array = NDArray[np.float64]


class RateProbe(Struct, frozen=True, kw_only=True):
    """One probe: `count` arrivals at `rate` per second, and the misses of each clause."""

    rate: float
    count: int
    missed: tuple[int, ...]


class CapacityEstimate(Struct, frozen=True, kw_only=True):
    """The capacity in requests per second: the posterior's median, 5 % and 95 % quantiles."""

    value: float
    low: float
    high: float

    @property
    def narrow(self) -> bool:
        """Whether the 90 % interval is narrower than a twentieth of the value."""
        return self.high - self.low < NARROW * self.value


def missed_share(share: float, ratio: Array | float) -> Array:
    """p at `ratio` times the capacity, for each steepness (last axis)."""
    return np.asarray(
        np.clip(
            -np.expm1(np.log1p(-share) * np.minimum(ratio, 10.0) ** STEEPNESS), LEAST_P, MOST_P
        ),
        dtype=np.float64,
    )


class Posterior:
    """The posterior of the capacity under one clause."""

    def __init__(self, share: float, low: float, high: float) -> None:
        self.share = share
        self.rates: Array = np.geomspace(low, high, GRID)
        self.seen: list[tuple[float, int, int]] = []
        self.phi = PHI
        self._log: Array = np.zeros((GRID, STEEPNESS.size))
        self._mass: Array | None = None

    def observe(self, rate: float, missed: int, count: int) -> None:
        """Take in one probe."""
        if count:
            p = missed_share(self.share, rate / self.rates[:, np.newaxis])
            self._log += missed * np.log(p) + (count - missed) * np.log1p(-p)
            self.seen.append((rate, missed, count))
            self._mass = None

    def quantile(self, q: float) -> float:
        """Of the capacity, on the log scale between two points of the grid."""
        total = np.cumsum(self.mass())
        return float(np.exp(np.interp(q, total / total[-1], np.log(self.rates))))

    def safe_rate(self) -> float:
        """The rate that misses an eighth of what is allowed, with a probability of 80 %.

        Nearer to the capacity no test ends in time.
        """
        joint = self._joint(self.phi)
        values = self.rates[:, np.newaxis] * SAFE_SHARE ** (1 / STEEPNESS)
        order = np.argsort(values, axis=None)
        total = np.cumsum(joint.ravel()[order])
        return float(values.ravel()[order][np.searchsorted(total, SAFE_QUANTILE * total[-1])])

    def mass(self) -> Array:
        """The probability of each rate of the grid.

        φ is estimated at the mode of the posterior, which it then widens: twice is enough.
        """
        if self._mass is None:
            for _ in range(2):
                joint = self._joint(self.phi)
                self.phi = self._design_effect(joint)
            joint = self._joint(self.phi)
            self._mass = joint.sum(axis=1)
        return self._mass

    def _joint(self, phi: float) -> Array:
        joint = np.exp((self._log - self._log.max()) / phi)
        return np.asarray(joint / joint.sum(), dtype=np.float64)

    def phi_below(self) -> float:
        """φ of the probes that were not above the capacity: overloads cluster misses more."""
        return self._design_effect(self._joint(self.phi), BELOW_SHARES * self.share)

    def _design_effect(self, joint: Array, most_p: float = 1.0) -> float:
        """Pearson's X² of the probes around the mode, over their number, drawn towards PHI.

        p is at least a fifth of the allowed share.
        """
        at, steep = np.unravel_index(int(joint.argmax()), joint.shape)
        squares, used = 0.0, 0
        for rate, missed, count in self.seen:
            fitted = float(missed_share(self.share, rate / self.rates[at])[steep])
            if fitted > most_p:
                continue
            used += 1
            p = float(np.clip(fitted, self.share / 5, MOST_P))
            squares += (missed - count * p) ** 2 / (count * p * (1 - p))
        found = (PHI_WEIGHT * PHI + squares) / (PHI_WEIGHT + max(0, used - 2))
        return min(MOST_PHI, max(1.0, found))


class Search:
    """The search for one arm's capacity: the clause that binds first decides."""

    def __init__(self, slo: Slo, throughput: float, seed: int) -> None:
        self.slo, self.throughput = slo, throughput
        self.posteriors = tuple(
            Posterior(clause.share, BELOW * throughput, ABOVE * throughput)
            for clause in slo.clauses
        )
        self.seen: list[RateProbe] = []
        self._random = random.Random(seed)

    def next_rate(self) -> float:
        """The most informative rate: at the beginning FIRST, then a 30 % or 70 % quantile."""
        if not self.seen:
            return FIRST * self.throughput
        return self._binding().quantile(self._random.choice(QUANTILES))

    def observe(self, seen: RateProbe) -> None:
        """Take in one probe."""
        self.seen.append(seen)
        for posterior, missed in zip(self.posteriors, seen.missed, strict=True):
            posterior.observe(seen.rate, missed, seen.count)

    def found(self) -> CapacityEstimate:
        """The capacity so far, and never more than the throughput under full load."""
        binding, most = self._binding(), self.throughput
        value, low, high = (min(most, binding.quantile(q)) for q in (0.5, TAIL, 1 - TAIL))
        return CapacityEstimate(value=value, low=low, high=high)

    @property
    def hopeless(self) -> bool:
        """Whether the objective is missed at the lowest rate of the grid."""
        return self._binding().quantile(TAIL) <= EDGE * BELOW * self.throughput

    def safe_rate(self) -> float:
        """A rate that is likely to be confirmed, by the clause that allows the least."""
        self.found()
        return min(posterior.safe_rate() for posterior in self.posteriors)

    def binding(self) -> str:
        """The clause that decides, as it was written."""
        return self.slo.clauses[self.posteriors.index(self._binding())].text

    @property
    def phis(self) -> tuple[float, ...]:
        """The design effect of each clause; failures that never occurred count as unclustered."""
        unseen = [
            clause.seconds is None and not any(seen.missed[at] for seen in self.seen)
            for at, clause in enumerate(self.slo.clauses)
        ]
        return tuple(
            1.0 if never else posterior.phi_below()
            for never, posterior in zip(unseen, self.posteriors, strict=True)
        )

    def _binding(self) -> Posterior:
        return min(self.posteriors, key=lambda posterior: posterior.quantile(0.5))


def planned_seconds(capacity: float, least: float = 20.0, answers: float = 10_000.0) -> float:
    """How long the search may take: information comes with requests, so the slow take longer."""
    return max(least, answers / capacity)
