"""Drift, on values that are known."""

from __future__ import annotations

import numpy as np
import pytest

from whichworker.design.steady import drift

NOISE = np.random.default_rng(7)


def test_a_straight_line_has_its_slope() -> None:
    slope, error = drift([0.01 * at for at in range(10)])
    assert slope == pytest.approx(0.01)
    assert error == pytest.approx(0, abs=1e-9)


def test_noise_without_a_trend_is_within_its_error() -> None:
    slope, error = drift(list(NOISE.standard_normal(200) * 0.02))
    assert abs(slope) < 4 * error


def test_few_values_have_no_slope() -> None:
    assert drift([1.0, 2.0, 3.0]) == (0.0, float("inf"))
