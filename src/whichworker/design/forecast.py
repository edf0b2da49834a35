"""How many more rounds would likely settle a pair."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from whichworker.design import evidence
from whichworker.design.contrasts import Array
from whichworker.design.generations import (
    FREEDOM_PER_GENERATION,
    LAUNCH_FREEDOM,
    LAUNCH_PSEUDO,
    LAUNCH_SD,
    ROUND_PSEUDO,
)

FARTHEST_FORECAST = 1000
"""Rounds beyond which a forecast is of no use: several minutes of two arms."""
USUAL_GENERATION = 12
"""Rounds of a generation before one has ended: a second of load in slices of about 80 ms."""


class Outlook(Struct, frozen=True):
    """The basis of a forecast for one pair.

    `noise` is the standard deviation of one round's difference, `launches` the number of launches
    in it (0 if each round has its own, as its noise contains them), `launch_sd` what launches seem
    to differ by as far as generations tell, and `birge` how much more this pair's generations
    differ than that (at least 1).
    """

    mean: float
    noise: float
    rounds: int
    generations: int
    launches: float
    launch_sd: float
    birge: float


def rounds_to_decide(outlook: Outlook, *, limit: float, gap: float) -> int | None:
    """The smallest number of further rounds after which the interval would claim or tie.

    The mean and the spread are taken to stay what they are. `limit` is the threshold of E and `gap`
    is ln(1+δ). None beyond FARTHEST_FORECAST.
    """
    more = np.arange(1, FARTHEST_FORECAST + 1)
    rounds = outlook.rounds + more
    error, freedom, units = _precision(outlook, rounds.astype(float))
    needed = max(abs(outlook.mean), gap - abs(outlook.mean))
    settled = evidence.critical_t(limit, freedom, units) * error < needed
    return int(more[np.argmax(settled)]) if settled.any() else None


def settles(outlook: Outlook, more: int, *, limit: float, gap: float) -> bool:
    """Whether this many further rounds would likely settle the pair."""
    error, freedom, units = _precision(outlook, np.array([outlook.rounds + more], dtype=float))
    needed = max(abs(outlook.mean), gap - abs(outlook.mean))
    return bool(evidence.critical_t(limit, freedom, units)[0] * error[0] < needed)


def _precision(outlook: Outlook, rounds: Array) -> tuple[Array, Array, Array]:
    """Standard error, degrees of freedom and independent rounds after `rounds` rounds in all."""
    per_generation = outlook.rounds / outlook.generations
    if outlook.generations == 1:
        per_generation = max(per_generation, USUAL_GENERATION)
    generations = np.maximum(rounds / per_generation, 1.0)
    told = generations - 1
    variance = (LAUNCH_PSEUDO * LAUNCH_SD**2 + told * outlook.launch_sd**2) / (LAUNCH_PSEUDO + told)
    from_noise = outlook.noise**2 / rounds
    from_launches = outlook.launches * variance / generations
    plain = from_noise + from_launches
    noise_freedom = ROUND_PSEUDO + np.maximum(rounds - generations, 1.0)
    parts = from_noise**2 / noise_freedom + from_launches**2 / (
        LAUNCH_FREEDOM + FREEDOM_PER_GENERATION * told
    )
    error = np.sqrt(plain * outlook.birge)
    return error, plain**2 / parts, np.clip(outlook.noise**2 / error**2, 1.0, rounds)
