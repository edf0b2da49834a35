"""Always-valid evidence about paired differences: claims and intervals that hold whenever one looks.

The mixture t-statistic of Lai (1976) as an e-process (Wang & Ramdas 2023, Lindon et al. 2022): for paired differences of mean 0 and any
variance, the chance that E ever reaches 1/α is at most α.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

SCALES = (0.05, 0.3, 2.0, 12.0, 300.0)
"""The prior variances g of the mixture, in units of the variance of one difference; the widest is for gaps that nobody could miss."""

_LOG_SCALE_WEIGHT = math.log(len(SCALES))


def log_evidence(t: float, n: int) -> float:
    """The natural logarithm of E for a paired t statistic over n ≥ 2 differences.

    E_g = A^(-1/2) · [(1 + t²/ν) / (1 + t²/(ν·A))]^((ν+1)/2) with ν = n-1 and A = 1+n·g; E is their mean over SCALES.
    """
    nu = n - 1
    square = t * t / nu
    terms = []
    for scale in SCALES:
        a = 1 + n * scale
        ratio = math.log(a) if math.isinf(square) else math.log1p(square) - math.log1p(square / a)
        terms.append(-0.5 * math.log(a) + 0.5 * (nu + 1) * ratio)
    return float(np.logaddexp.reduce(terms)) - _LOG_SCALE_WEIGHT


def t_statistic(differences: Sequence[float]) -> float:
    """The paired t statistic; infinite where all differences are the same and not 0."""
    n = len(differences)
    mean, deviation = float(np.mean(differences)), float(np.std(differences, ddof=1))
    if deviation == 0:
        return 0.0 if mean == 0 else math.copysign(math.inf, mean)
    return mean / (deviation / math.sqrt(n))


def evidence(differences: Sequence[float]) -> float:
    """E for these differences; 1 where there are fewer than two, capped where a float ends."""
    if len(differences) < 2:
        return 1.0
    return math.exp(min(700.0, log_evidence(t_statistic(differences), len(differences))))


@functools.cache
def critical_t(n: int, threshold: float) -> float:
    """The t at which E reaches the threshold with n differences; infinite where it never can (E is bounded for small n)."""
    wanted = math.log(threshold)
    if n < 2 or log_evidence(math.inf, n) <= wanted:
        return math.inf
    low, high = 0.0, 4.0
    while log_evidence(high, n) < wanted:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if log_evidence(middle, n) < wanted else (low, middle)
    return high


def least_blocks(threshold: float) -> int:
    """The smallest number of differences with which E can reach the threshold at all."""
    n = 2
    while math.isinf(critical_t(n, threshold)):
        n += 1
    return n


def radius(differences: Sequence[float], threshold: float) -> float:
    """Half the width of the always-valid interval around the mean; it excludes 0 exactly when E ≥ threshold."""
    n = len(differences)
    t = critical_t(n, threshold)
    if math.isinf(t):
        return math.inf
    return t * float(np.std(differences, ddof=1)) / math.sqrt(n)


def fixed_interval(values: Sequence[float], alpha: float) -> tuple[float, float] | None:
    """Student's interval of a mean for a sample of fixed size: a description, never the ground of a claim; None below 2 values."""
    n = len(values)
    if n < 2:
        return None
    from scipy import special  # the only use of SciPy: not worth its import before a race has been run

    mean = float(np.mean(values))
    half = float(special.stdtrit(n - 1, 1 - alpha / 2)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return mean - half, mean + half
