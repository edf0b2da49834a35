"""The Universal Scalability Law (Gunther 1993): X(N) = λN / (1 + σ(N-1) + κN(N-1)).

It describes throughput X by concurrency N; nothing is concluded from it. σ is the part of the
work that queues for something, κ the cost of keeping each other up to date.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from msgspec import Struct

LEAST_LEVELS = 5
"""Levels of concurrency: three parameters, and two more to fit them to."""


class Scalability(Struct, frozen=True, kw_only=True):
    """λ is the throughput of one connection, `peak` the best concurrency (None: no peak)."""

    one: float
    contention: float
    crosstalk: float
    peak: float | None


def describe(throughput: Mapping[int, float]) -> Scalability | None:
    """Least squares with σ, κ ≥ 0 on N·X(1)/X(N) - 1 = σ(N-1) + κN(N-1).

    None below five levels, or if a single connection is not among them.
    """
    levels = sorted(throughput)
    if len(levels) < LEAST_LEVELS or levels[0] != 1 or min(throughput.values()) <= 0:
        return None
    from scipy import optimize  # not worth its import before a race has been run

    n = np.asarray(levels[1:], dtype=float)
    x = np.asarray([throughput[level] for level in levels[1:]])
    lost = np.maximum(0.0, n * throughput[1] / x - 1)
    (sigma, kappa), _ = optimize.nnls(np.column_stack((n - 1, n * (n - 1))), lost)
    peak = math.sqrt((1 - sigma) / kappa) if kappa > 0 and sigma < 1 else None
    return Scalability(
        one=throughput[1], contention=float(sigma), crosstalk=float(kappa), peak=peak
    )
