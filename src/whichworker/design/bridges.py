"""Arms that never met in a round are compared through one that met both, as heats share an arm."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from whichworker.design.generations import Known


def bridged(known: Known, arms: NDArray[np.int64]) -> Known:
    """The known pairs, and each pair of these arms that never met, filled in.

    The difference is the sum of those along the most precise bridge, and so is its variance; the
    degrees of freedom are Satterthwaite's. The pair has the rounds and units of the weaker half.
    """
    apart = [(a, b) for at, a in enumerate(arms) for b in arms[at + 1 :] if not known.rounds[a, b]]
    if not apart:
        return known
    filled = msgspec.structs.replace(
        known,
        mean=known.mean.copy(),
        error=known.error.copy(),
        freedom=known.freedom.copy(),
        units=known.units.copy(),
        rounds=known.rounds.copy(),
        generations=known.generations.copy(),
    )
    for a, b in apart:
        _fill(filled, known, int(a), int(b), arms)
    return filled


def _fill(filled: Known, known: Known, a: int, b: int, arms: NDArray[np.int64]) -> None:
    variances = known.error[a, arms] ** 2 + known.error[arms, b] ** 2
    variances = np.where(
        (known.rounds[a, arms] > 0) & (known.rounds[arms, b] > 0), variances, np.inf
    )
    middle = int(arms[np.argmin(variances)])
    if not np.isfinite(variances.min()):
        return
    halves = ((a, middle), (middle, b))
    parts = sum(known.error[half] ** 4 / known.freedom[half] for half in halves)
    mean = sum(known.mean[half] for half in halves)
    for pair, sign in (((a, b), 1.0), ((b, a), -1.0)):
        filled.mean[pair] = sign * mean
        filled.error[pair] = np.sqrt(variances.min())
        filled.freedom[pair] = variances.min() ** 2 / parts
        filled.units[pair] = min(known.units[half] for half in halves)
        filled.rounds[pair] = min(known.rounds[half] for half in halves)
        filled.generations[pair] = min(known.generations[half] for half in halves)
