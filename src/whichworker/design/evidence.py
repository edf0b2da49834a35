"""Always-valid evidence about a difference: claims and intervals that hold whenever you look.

The mixture t-statistic of Lai (1976) as an e-process (Wang & Ramdas 2023, Lindon et al. 2022):
under the null hypothesis, the chance that E ever reaches 1/α is at most α.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SCALES = (0.05, 0.3, 2.0, 12.0)
"""Prior variances g of the mixture, in units of the variance of one round's difference: with 10 % a
round they stand for differences of 2, 5, 14 and 35 %."""
WEIGHTS = (0.15, 0.55, 0.2, 0.1)
"""Their shares of the mixture: most goes to the differences that are hard to tell, as a large one
reaches any threshold whatever its share."""

_SCALES = np.array(SCALES)
_LOG_WEIGHTS = np.log(WEIGHTS)
_FARTHEST = 300.0
"""ln(1 + t²/ν) beyond which a float is of no use."""
_NEWTON_STEPS = 8
"""From the start of `critical_t` five steps reach 1e-9; the rest is for odd thresholds."""


def log_evidence(t: ArrayLike, freedom: ArrayLike, units: ArrayLike) -> Array:
    """The natural logarithm of E, element by element.

    E_g = A^(-1/2) · [(1 + t²/ν) / (1 + t²/(ν·A))]^((ν+1)/2) with A = 1 + n·g; E is the mean over
    SCALES by WEIGHTS. `t` is the difference over its standard error, `freedom` is ν, the degrees
    of freedom of that error, and `units` is n, the number of independent rounds it is worth.
    """
    nu = np.asarray(freedom, dtype=float)[..., None]
    square = np.square(np.asarray(t, dtype=float))[..., None] / nu
    a = 1 + np.asarray(units, dtype=float)[..., None] * _SCALES
    terms = (
        0.5 * (nu + 1) * (np.log1p(square) - np.log1p(square / a)) - 0.5 * np.log(a) + _LOG_WEIGHTS
    )
    most = terms.max(axis=-1)
    return np.asarray(most + np.log(np.exp(terms - most[..., None]).sum(axis=-1)))


def critical_t(threshold: float, freedom: ArrayLike, units: ArrayLike) -> Array:
    """The t at which E reaches the threshold, element by element.

    It is infinite if no scale reaches the threshold by itself. Newton's method in ln(1 + t²/ν),
    from the smallest t at which one scale alone makes E reach the threshold.
    """
    nu, n = np.broadcast_arrays(np.asarray(freedom, dtype=float), np.asarray(units, dtype=float))
    nu, a = nu[..., None], 1 + n[..., None] * _SCALES
    wanted = math.log(threshold)
    k = np.exp(np.minimum(2 * (wanted - _LOG_WEIGHTS + 0.5 * np.log(a)) / (nu + 1), _FARTHEST))
    start = np.where(k < a, (k - 1) / np.maximum(1 - k / a, 1e-300), np.inf).min(axis=-1)
    x = np.log1p(np.where(np.isinf(start), 1.0, start))[..., None]
    for _ in range(_NEWTON_STEPS):
        terms = 0.5 * (nu + 1) * (x - np.log1p(np.expm1(x) / a)) - 0.5 * np.log(a) + _LOG_WEIGHTS
        shares = np.exp(terms - terms.max(axis=-1, keepdims=True))
        total = shares.sum(axis=-1, keepdims=True)
        value = terms.max(axis=-1, keepdims=True) + np.log(total)
        rise = (shares * 0.5 * (nu + 1) * (a - 1) / (a + np.expm1(x))).sum(
            axis=-1, keepdims=True
        ) / total
        x = np.clip(x - (value - wanted) / rise, 1e-9, _FARTHEST)
    return np.where(np.isinf(start), np.inf, np.sqrt(nu[..., 0] * np.expm1(x[..., 0])))


def student_critical(alpha: float, freedom: ArrayLike) -> Array:
    """The two-sided critical value of Student's t at level α, element by element."""
    from scipy import special  # a race must not wait for its import

    return np.asarray(special.stdtrit(np.asarray(freedom, dtype=float), 1 - alpha / 2))


def student_quantile(probability: float, freedom: float) -> float:
    """The quantile of Student's t for a probability of at least ½ (Hill 1970, Algorithm 396).

    The series is exact to 1 % from ν = 3 on, which is enough for an interval that is shown.
    """
    z = NormalDist().inv_cdf(probability)
    nu = max(freedom, 1.0)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / nu + second / nu**2 + third / nu**3


def fixed_interval(values: Sequence[float], alpha: float) -> tuple[float, float] | None:
    """Student's interval of a mean for a sample of fixed size; None for fewer than two values.

    The interval describes; a claim never rests on it.
    """
    n = len(values)
    if n < 2:
        return None
    from scipy import special  # a race must not wait for its import

    mean = float(np.mean(values))
    half = (
        float(special.stdtrit(n - 1, 1 - alpha / 2)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    )
    return mean - half, mean + half
