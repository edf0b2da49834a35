"""When has a server warmed up? MSER-5 on counts of short stretches after its start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GROUP = 5
LEAST_GROUPS = 4
STILL_ERRORS, STILL_SHARE = 4.0, 0.05
LESS = 0.5
"""Few groups are left to choose from: only a cut that halves the error is more than chance."""


def truncation(counts: Sequence[float]) -> int | None:
    """How many of the first counts are warm-up: where the rest has the smallest standard error (White 1997, MSER-5); None: never steady.

    Counts are averaged in groups of five, of which the first half may go. It is not steady where a straight line through what is left, or
    through the last four fifths where more is, still rises or falls by four standard errors and by 5 % in all; None, too, where there are
    fewer than four groups.
    """
    whole = len(counts) // GROUP
    if whole < LEAST_GROUPS:
        return None
    means = np.asarray(counts[: whole * GROUP], dtype=float).reshape(whole, GROUP).mean(axis=1)
    errors = [float(np.var(means[at:], ddof=1)) / (whole - at) for at in range(whole // 2 + 1)]
    best = int(np.argmin(errors))
    cut = best * GROUP if errors[best] < LESS * errors[0] else 0
    rest = np.asarray(counts[max(cut, len(counts) // 5) :], dtype=float)
    slope, error = drift(list(rest))
    change = abs(slope) * (rest.size - 1)
    if abs(slope) > STILL_ERRORS * error and change > STILL_SHARE * float(rest.mean()):
        return None
    return cut


def drift(logs: Sequence[float]) -> tuple[float, float]:
    """The slope of a straight line through values in their order, and its standard error; (0, inf) for fewer than four."""
    n = len(logs)
    if n < 4:
        return 0.0, float("inf")
    x = np.arange(n) - (n - 1) / 2
    y = np.asarray(logs) - np.mean(logs)
    slope = float(x @ y / (x @ x))
    rest = y - slope * x
    return slope, float(np.sqrt(rest @ rest / (n - 2) / (x @ x)))
