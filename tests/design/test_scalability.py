"""The law is found again where it holds, and nothing is said of too little."""

from __future__ import annotations

import pytest

from whichworker.design.scalability import describe

LEVELS = (1, 2, 4, 8, 16, 32)


def law(n: int, one: float, sigma: float, kappa: float) -> float:
    return one * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


@pytest.mark.parametrize(("sigma", "kappa"), [(0.05, 0.001), (0.3, 0.0), (0.0, 0.002)])
def test_the_coefficients_are_found_again(sigma: float, kappa: float) -> None:
    found = describe({n: law(n, 1000.0, sigma, kappa) for n in LEVELS})
    assert found is not None
    assert found.contention == pytest.approx(sigma, abs=1e-6)
    assert found.crosstalk == pytest.approx(kappa, abs=1e-6)
    if kappa:
        assert found.peak == pytest.approx(((1 - sigma) / kappa) ** 0.5, rel=0.01)
    else:
        assert found.peak is None or found.peak > 1000


@pytest.mark.parametrize("levels", [(1, 2, 4, 8), (2, 4, 8, 16, 32), ()])
def test_too_little_is_not_described(levels: tuple[int, ...]) -> None:
    assert describe({n: 100.0 * n for n in levels}) is None


def test_more_than_proportional_is_no_contention() -> None:
    found = describe({n: 100.0 * n * 1.02 if n > 1 else 100.0 for n in LEVELS})
    assert found is not None
    assert (found.contention, found.crosstalk) == (0.0, 0.0)
