"""Who leaves a race early: Kim & Nelson's triangular boundary (2001) with a pooled variance of block residuals.

An arm that leaves is "not the best by more than δ" at family-wise error α; nothing is claimed about any pair.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

FIRST_DECISION = 4
"""Blocks before anything is decided."""


def paired_variance(table: np.ndarray) -> float:
    """S² = 2·ΣZ²/ν: the variance of a paired difference, Z the block- and arm-centred residuals.

    `table` is blocks × arms of log throughput; ν = (r-1)(m-1).
    """
    blocks, arms = table.shape
    residuals = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    return float(2 * (residuals**2).sum() / ((blocks - 1) * (arms - 1)))


def eta(alpha: float, contenders: int, nu: int) -> float:
    """η = ((2α/(K-1))^(-2/ν) - 1)·ν/2, which tends to ln((K-1)/2α)."""
    return float(((2 * alpha / (contenders - 1)) ** (-2 / nu) - 1) * nu / 2)


def survivors(logs: Mapping[str, Sequence[float]], *, contenders: int, delta: float, alpha: float) -> list[str]:
    """The arms that stay, of those alive with equally many blocks each.

    Keep an arm while max_total - total ≤ W, W = max(0, η·S²/δ' - δ'·r/2), δ' = ln(1+δ). `contenders` is K at the start.
    """
    alive = list(logs)
    table = np.array([logs[name] for name in alive], dtype=float).T
    blocks = table.shape[0] if alive else 0
    if len(alive) < 2 or blocks < FIRST_DECISION:
        return alive
    gap = math.log1p(delta)
    margin = max(0.0, eta(alpha, contenders, (blocks - 1) * (len(alive) - 1)) * paired_variance(table) / gap - gap * blocks / 2)
    totals = table.sum(axis=0)
    return [name for name, total in zip(alive, totals, strict=True) if totals.max() - total <= margin]


def worst_case_blocks(logs: Mapping[str, Sequence[float]], *, contenders: int, delta: float, alpha: float) -> int:
    """2ηS²/δ²: by then the boundary has closed, whatever the gaps."""
    table = np.array(list(logs.values()), dtype=float).T
    blocks, arms = int(table.shape[0]), int(table.shape[1])
    gap = math.log1p(delta)
    return max(blocks, math.ceil(2 * eta(alpha, contenders, (blocks - 1) * (arms - 1)) * paired_variance(table) / gap**2))
