"""When a race may decide at all, and Kim & Nelson's factor for what a race will take.

Arms leave a race by a claim (`pairs.Pair.verdict`), so nothing is eliminated without one.
"""

from __future__ import annotations

FIRST_DECISION = 4
"""Rounds before anything is decided, and before an arm is listed."""


def eta(alpha: float, contenders: int, nu: int) -> float:
    """η = ((2α/(K-1))^(-2/ν) - 1)·ν/2 (Kim & Nelson 2001), which tends to ln((K-1)/2α)."""
    return float(((2 * alpha / (contenders - 1)) ** (-2 / nu) - 1) * nu / 2)
