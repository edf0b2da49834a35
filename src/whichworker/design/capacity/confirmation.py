"""Does this rate meet the objective? A test that is valid after every window.

The hypothesis that a clause is missed by its `share` or more is tested against the mixture of all
smaller shares, Beta-distributed and cut at `share`: E = ∫ p^k (1-p)^(n-k) dF(p) ÷ share^k
(1-share)^(n-k). It reaches 1/α with probability α at most, at any time (Ville). Misses come in
clusters, so k and n are divided by the design effect φ of the windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from whichworker.design.capacity.posterior import BELOW_SHARES, MOST_PHI, PHI_WEIGHT, RateProbe
from whichworker.model import Slo

ALPHA = 0.05
"""The chance that a rate is validated that misses the objective."""
STEP = 0.92
"""From one rate to the next lower one: a smaller step would test nearly the same rate again."""
PATIENCE = 2.5
"""A rate is abandoned after this many times the requests that pass it without a miss."""
PRIOR_A, PRIOR_B = 0.5, 40.0
"""The Beta distribution of the mixture: its mean is about 1 % of the requests."""
FUTILE = 0.25
"""A rate is abandoned if the probability that it meets the objective is at most this.

The next lower rate is then more likely to pass in time.
"""
LEAST_INFORMATION = 2.0
"""Misses, observed or expected at the allowed share, over φ, before a rate is abandoned."""

MEMORIES, MOST_LOAD = 40.0, 0.98
"""A queue forgets its length within 40/(1 - load)² requests, with at most this load.

Misses come in clusters of that length. If only a few clusters have passed, it may have been luck
that no request was late.
"""
LEAST_SECONDS = 20.0
"""A disturbance that comes every few seconds must have had the time to come."""


class Confirmation:
    """Rates from a first one downwards until one passes.

    Each further rate must show twice as much evidence, so all of them share α. `phis` are the
    design effects of the clauses, if they are known. With `steps` false only the first rate is
    tested, until it has passed or is `refuted`.
    """

    def __init__(
        self,
        slo: Slo,
        first: float,
        phis: Sequence[float],
        alpha: float = ALPHA,
        *,
        steps: bool = True,
        throughput: float = math.inf,
    ) -> None:
        self.slo, self.rate, self.alpha, self.steps = slo, first, alpha, steps
        self.refuted = False
        self.before = tuple(phis)
        self.throughput = throughput
        self.attempt = 1
        self.windows: list[RateProbe] = []
        self.certified: float | None = None

    def observe(self, seen: RateProbe) -> None:
        """Take in one window at the rate that is being tested."""
        self.windows.append(seen)
        wanted = math.log(2.0**self.attempt / self.alpha)
        open_clauses = [at for at in range(len(self.slo.clauses)) if self.log_evidence(at) < wanted]
        if not open_clauses:
            self.certified = (
                self.rate if sum(one.count for one in self.windows) >= self.least else None
            )
        elif not self.steps:
            self.refuted = any(self._kept_with(at) < self.alpha for at in open_clauses)
        elif any(self._futile(at) or self._endless(at) for at in open_clauses):
            self.before = tuple(self._remembered(at) for at in range(len(self.slo.clauses)))
            self.rate *= STEP
            self.attempt += 1
            self.windows = []

    @property
    def least(self) -> float:
        """The least number of requests at this rate."""
        return least_requests(self.rate, self.throughput)

    def log_evidence(self, clause: int) -> float:
        """ln E against the clause of this number being missed too often."""
        missed, count = self._effective(clause)
        share = self.slo.clauses[clause].share
        within = log_beta_below(share, PRIOR_A + missed, PRIOR_B + count - missed) - log_beta_below(
            share, PRIOR_A, PRIOR_B
        )
        return within - missed * math.log(share) - (count - missed) * math.log1p(-share)

    def needed(self, clause: int) -> float:
        """About how many requests in a row must meet this clause before the first rate passes."""
        share = self.slo.clauses[clause].share
        low, high = 1.0, 1e9
        while high - low > 1:
            middle = (low + high) / 2
            seen = (
                log_beta_below(share, PRIOR_A, PRIOR_B + middle)
                - log_beta_below(share, PRIOR_A, PRIOR_B)
                - middle * math.log1p(-share)
            )
            low, high = (low, middle) if seen >= math.log(2 / self.alpha) else (middle, high)
        return high * self.before[clause]

    def _endless(self, clause: int) -> bool:
        _, count = self._effective(clause)
        return count > PATIENCE * self.needed(clause) / self.before[clause]

    def _futile(self, clause: int) -> bool:
        missed, count = self._effective(clause)
        share = self.slo.clauses[clause].share
        return max(missed, count * share) >= LEAST_INFORMATION and self._kept_with(clause) < FUTILE

    def _kept_with(self, clause: int) -> float:
        """The probability that the clause is met at this rate."""
        missed, count = self._effective(clause)
        share = self.slo.clauses[clause].share
        whole = log_beta_below(1.0, PRIOR_A + missed, PRIOR_B + count - missed)
        return math.exp(log_beta_below(share, PRIOR_A + missed, PRIOR_B + count - missed) - whole)

    def _effective(self, clause: int) -> tuple[float, float]:
        """Misses and requests of the windows at this rate, over the design effect between them."""
        phi = self._phi(clause)
        return sum(seen.missed[clause] for seen in self.windows) / phi, sum(
            seen.count for seen in self.windows
        ) / phi

    def _remembered(self, clause: int) -> float:
        """φ for the next rate down: this rate's φ, unless it was an overload.

        Misses cluster in another way in an overload.
        """
        missed, count = (
            sum(seen.missed[clause] for seen in self.windows),
            sum(seen.count for seen in self.windows),
        )
        return (
            self._phi(clause)
            if missed <= BELOW_SHARES * self.slo.clauses[clause].share * count
            else self.before[clause]
        )

    def _phi(self, clause: int) -> float:
        missed = [seen.missed[clause] for seen in self.windows]
        return design_effect(
            missed,
            [seen.count for seen in self.windows],
            self.slo.clauses[clause].share,
            self.before[clause],
        )


def least_requests(rate: float, throughput: float) -> float:
    """Requests at a rate: many times those in which a queue at this load forgets its length."""
    return max(LEAST_SECONDS * rate, MEMORIES / (1 - min(MOST_LOAD, rate / throughput)) ** 2)


def design_effect(
    missed: Sequence[int], counts: Sequence[int], share: float, before: float
) -> float:
    """φ between windows at one rate, drawn towards the value known `before`.

    p is taken to be at least a fifth of the allowed share.
    """
    whole = sum(counts)
    if not whole:
        return before
    p = min(0.95, max(sum(missed) / whole, share / 5))
    squares = sum(
        (k - n * p) ** 2 / (n * p * (1 - p)) for k, n in zip(missed, counts, strict=True) if n
    )
    return min(
        MOST_PHI, max(1.0, (PHI_WEIGHT * before + squares) / (PHI_WEIGHT + max(0, len(counts) - 1)))
    )


def log_beta_below(x: float, a: float, b: float) -> float:
    """The logarithm of the incomplete beta function B(x; a, b), not regularised."""
    from scipy import special  # not worth its import before a rate is to be confirmed

    if x >= 1:
        return float(special.betaln(a, b))
    share = float(special.betainc(a, b, x))
    if share > 1e-290:
        return float(special.betaln(a, b)) + math.log(share)
    # Far in the lower tail: x^a (1-x)^b / a · 2F1(a+b, 1; a+1; x), whose series ends quickly there.
    term = series = 1.0
    for k in range(1, 2000):
        term *= (a + b + k - 1) / (a + k) * x
        series += term
        if term < 1e-12 * series:
            break
    return a * math.log(x) + b * math.log1p(-x) - math.log(a) + math.log(series)
