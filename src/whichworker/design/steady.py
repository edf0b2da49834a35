"""Drift: does something still rise or fall?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def drift(logs: Sequence[float]) -> tuple[float, float]:
    """The slope of a line through values in their order, and its standard error.

    (0, inf) for fewer than four values.
    """
    n = len(logs)
    if n < 4:
        return 0.0, float("inf")
    x = np.arange(n) - (n - 1) / 2
    y = np.asarray(logs) - np.mean(logs)
    slope = float(x @ y / (x @ x))
    rest = y - slope * x
    return slope, float(np.sqrt(rest @ rest / (n - 2) / (x @ x)))
