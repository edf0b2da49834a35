"""Arms that leave early: Kim & Nelson's triangular boundary (2001), with a variance for each pair.

An arm that leaves by it is "not the best by more than δ" at family-wise error α; nothing is
claimed about any pair. If two arms are about equal, this ends a race several times sooner than a
claim would: at a gap of δ after about two thirds of η·S²/δ² rounds.
"""

from __future__ import annotations

import math

FIRST_DECISION = 4
"""Rounds before anything is decided, and before an arm is listed."""


def eta(alpha: float, contenders: int, nu: float) -> float:
    """η = ((2α/(K-1))^(-2/ν) - 1)·ν/2 (Kim & Nelson 2001), which tends to ln((K-1)/2α)."""
    return float(((2 * alpha / (contenders - 1)) ** (-2 / nu) - 1) * nu / 2)


def is_behind(
    behind: float,
    error: float,
    rounds: int,
    freedom: float,
    *,
    contenders: int,
    delta: float,
    alpha: float,
) -> bool:
    """Whether an arm is so far behind another that it is not the best by more than δ.

    `behind` is the difference on the log scale, and `error` its standard error after `rounds`
    rounds: S² = rounds·error² contains the differences between launches. The arm leaves when
    rounds·behind > W = max(0, η·S²/δ' - δ'·rounds/2), δ' = ln(1+δ), ν = `freedom`.
    """
    if behind <= 0 or rounds < FIRST_DECISION or not math.isfinite(error):
        return False
    return rounds > rounds_needed(
        behind, error, rounds, freedom, contenders=contenders, delta=delta, alpha=alpha
    )


def rounds_needed(
    behind: float,
    error: float,
    rounds: int,
    freedom: float,
    *,
    contenders: int,
    delta: float,
    alpha: float,
) -> float:
    """Rounds until an arm at this distance leaves: W = rounds·behind, solved for the rounds."""
    gap = math.log1p(delta)
    return eta(alpha, max(2, contenders), freedom) * rounds * error**2 / (gap * (behind + gap / 2))
