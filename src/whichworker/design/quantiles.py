"""How precise a percentile is: order statistics on an effective sample.

Values above a percentile come in clusters: one stall delays many requests at once, so n requests
show less than n independent ones. The design effect φ (Kish 1965) is how many times the count of
exceedances varies more between slices of the run than a binomial count would; n/φ requests count.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

LEAST_SLICES = 5
"""Slices for a variance between them: with fewer it is mostly chance."""
LEAST_BEYOND = 10
"""Values on either side of the percentile: with fewer, φ is mostly chance."""
INTERVAL = 0.05
"""1 - the probability of an interval: 95 %, as everywhere."""


def design_effect(exceedances: Sequence[int], totals: Sequence[int]) -> float | None:
    """φ ≥ 1: Pearson's X² over its degrees of freedom, from equal stretches of a run.

    None if fewer than five slices have values, or fewer than ten values lie on either side.
    """
    slices = [(above, total) for above, total in zip(exceedances, totals, strict=True) if total]
    above, total = sum(above for above, _ in slices), sum(total for _, total in slices)
    if len(slices) < LEAST_SLICES or min(above, total - above) < LEAST_BEYOND:
        return None
    share = above / total
    square = sum((seen - size * share) ** 2 / (size * share * (1 - share)) for seen, size in slices)
    return max(1.0, square / (len(slices) - 1))


def rank_shares(
    count: int, q: float, phi: float, alpha: float = INTERVAL
) -> tuple[float, float] | None:
    """The shares of the ordered values between which the q-quantile lies, at 1 - α.

    On n = count/φ values: X(l) and X(u) with l = B⁻¹(α/2) and u = B⁻¹(1 - α/2) + 1, B binomial of
    n and q (David & Nagaraja 2003, §7.1). None if the sample is too small.
    """
    effective = math.floor(count / phi)
    if effective < 1:
        return None
    low, high = (
        binomial_quantile(alpha / 2, effective, q),
        binomial_quantile(1 - alpha / 2, effective, q) + 1,
    )
    return (low / effective, high / effective) if low >= 1 and high <= effective else None


def binomial_quantile(p: float, n: int, q: float) -> int:
    """The least k of which P(B <= k) >= p, for B binomial of n and q."""
    from scipy import special  # scipy.stats would take a second to import

    return bisect.bisect_left(range(n), p, key=lambda k: float(special.bdtr(k, n, q)))


def widened(phi: float, slices: int, alpha: float = INTERVAL) -> float:
    """φ for an interval, enlarged by (t/z)²: few slices estimate a variance only roughly.

    t and z are the critical values of Student's t and of the normal distribution.
    """
    from scipy import special

    ratio = float(special.stdtrit(slices - 1, 1 - alpha / 2)) / float(special.ndtri(1 - alpha / 2))
    return phi * ratio**2
