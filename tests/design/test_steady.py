"""Warm-up and drift, on counts that are known."""

from __future__ import annotations

import numpy as np
import pytest

from whichworker.design.steady import drift, truncation

NOISE = np.random.default_rng(7)


def counts(*levels: float, noise: float = 0.02) -> list[float]:
    return [float(level * (1 + noise * NOISE.standard_normal())) for level in levels]


def test_a_server_that_is_steady_at_once_has_little_warm_up() -> None:
    assert (truncation(counts(*[100.0] * 30)) or 0) <= 15


def test_slow_first_answers_are_cut() -> None:
    cut = truncation(counts(*[10.0] * 5, *[60.0] * 5, *[100.0] * 30, noise=0.01))
    assert cut is not None
    assert 10 <= cut <= 25


def test_what_still_rises_is_not_steady() -> None:
    assert truncation(counts(*np.linspace(20, 200, 30), noise=0.01)) is None


def test_what_falls_slowly_is_not_steady() -> None:
    assert truncation(counts(*[60.0 / (1 + at / 60) for at in range(30)], noise=0.04)) is None


def test_a_steady_server_is_seldom_called_unsteady() -> None:
    called = sum(truncation(counts(*[50.0] * 30, noise=0.05)) is None for _ in range(400))
    assert called <= 4


@pytest.mark.parametrize("few", [0, 4, 19])
def test_too_short_a_record_says_nothing(few: int) -> None:
    assert truncation([100.0] * few) is None


def test_a_straight_line_has_its_slope() -> None:
    slope, error = drift([0.01 * at for at in range(10)])
    assert slope == pytest.approx(0.01)
    assert error == pytest.approx(0, abs=1e-9)


def test_noise_without_a_trend_is_within_its_error() -> None:
    slope, error = drift(list(NOISE.standard_normal(200) * 0.02))
    assert abs(slope) < 4 * error


def test_few_values_have_no_slope() -> None:
    assert drift([1.0, 2.0, 3.0]) == (0.0, float("inf"))
