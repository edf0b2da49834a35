"""One round as a set of contrasts: slices close in time are compared, whatever the round's level.

The model of a slice is log rate = arm + core(t) + slope·thermometer + noise. The speed of the core
wanders: the variance of the difference of two slices at distance h was measured as
0.0023 + 0.046·√(h/1 s) (0.13² at 0.1 s, 0.31² at 4.1 s), with the thermometer 0.0075 + 0.0045·√h.
The weights come from generalised least squares for such an intrinsic random function (Matheron
1973). They decide how precise a contrast is. They never decide whether its interval is valid,
because variances come from the differences between rounds.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Array = NDArray[np.float64]

NUGGET = 0.15
"""Variance of a slice's own noise, in units of the core's wandering over one second (a variance of
difference): 0.025 without and 0.8 with a thermometer were measured; the geometric middle loses
little in either case."""


class Weighed(Struct, frozen=True):
    """One round in the sums that least squares needs, for `width` arms.

    `information` is X'PX and `response` and `core` are X'Py and X'Pc; `squares` holds y'Pc and
    c'Pc. P removes the level of the round. `present` tells how many slices each arm has.
    """

    information: Array
    response: Array
    core: Array
    cross: float
    square: float
    present: NDArray[np.int64]


def precision(at_seconds: Array, nugget: float = NUGGET) -> Array:
    """The matrix P of weights of the slices of a round: P·1 = 0, so no level counts."""
    distances = np.abs(at_seconds[:, None] - at_seconds[None, :])
    covariance = nugget * np.eye(len(at_seconds)) - 0.5 * np.sqrt(distances)
    covariance += (
        float(np.sqrt(distances.max(initial=0.0))) + nugget
    )  # any constant leaves P as it is
    inverse = np.linalg.inv(covariance)
    sums = inverse.sum(axis=1)
    return np.asarray(inverse - np.outer(sums, sums) / sums.sum())


def weigh(
    arms: NDArray[np.int64], width: int, at_seconds: Array, log_rates: Array, cores: Array
) -> Weighed:
    """Turn the slices of one round into sums.

    `arms` are indices below `width`; NaN among the `cores` stands for no reading and is replaced by
    the mean of the round, which says nothing about any contrast.
    """
    known = ~np.isnan(cores)
    level = float(cores[known].mean()) if known.any() else 0.0
    readings = np.where(known, cores - level, 0.0)
    responses = log_rates - log_rates.mean()
    weights = precision(at_seconds)
    design = np.zeros((len(arms), width))
    design[np.arange(len(arms)), arms] = 1.0
    weighted = weights @ np.column_stack([design, responses, readings])
    return Weighed(
        information=design.T @ weighted[:, :width],
        response=design.T @ weighted[:, width],
        core=design.T @ weighted[:, width + 1],
        cross=float(responses @ weighted[:, width + 1]),
        square=float(readings @ weighted[:, width + 1]),
        present=np.bincount(arms, minlength=width),
    )
