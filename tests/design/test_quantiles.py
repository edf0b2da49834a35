"""Intervals of percentiles: exact for independent values, honest for clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from whichworker.design.quantiles import binomial_quantile, design_effect, rank_shares, widened

SLICES = 20


@pytest.mark.parametrize("n", [50, 500, 5000])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_ranks_of_independent_values_are_those_of_the_exact_binomial(n: int, q: float) -> None:
    shares = rank_shares(n, q, 1.0)
    if shares is None:
        assert n * (1 - q) < 5
        return
    low, high = (round(share * n) for share in shares)
    covered = stats.binom.cdf(high - 1, n, q) - stats.binom.cdf(low - 1, n, q)
    assert covered >= 0.95
    exact: Any = stats.quantile_test(np.arange(1, n + 1), q=0, p=q).confidence_interval(0.95)
    assert (low, high) == (exact.low, exact.high)


def test_a_design_effect_makes_the_sample_smaller() -> None:
    assert rank_shares(10_000, 0.9, 10.0) == rank_shares(1000, 0.9, 1.0)
    assert rank_shares(10_000, 0.9, 10.5) == rank_shares(952, 0.9, 1.0)


@pytest.mark.parametrize(
    ("count", "q", "phi"),
    [(0, 0.5, 1.0), (3, 0.5, 1.0), (100, 0.99, 1.0), (10_000, 0.99, 100.0), (10, 0.5, 20.0)],
)
def test_too_small_a_sample_has_no_interval(count: int, q: float, phi: float) -> None:
    assert rank_shares(count, q, phi) is None


@pytest.mark.parametrize(
    ("exceedances", "totals", "phi"),
    [
        ([10] * 5, [1000] * 5, 1.0),
        ([0, 0, 50, 0, 0], [1000] * 5, (40**2 + 4 * 10**2) / (1000 * 0.01 * 0.99) / 4),
        ([5, 10, 15, 20, 25, 30], [500, 1000, 1500, 2000, 2500, 3000], 1.0),
        ([10] * 4, [1000] * 4, None),
        ([10] * 4 + [0] * 9, [1000] * 4 + [0] * 9, None),
        ([1, 1, 1, 1, 5], [1000] * 5, None),
        ([999] * 5, [1000] * 5, None),
        ([], [], None),
    ],
)
def test_design_effect(exceedances: list[int], totals: list[int], phi: float | None) -> None:
    found = design_effect(exceedances, totals)
    assert found == (None if phi is None else pytest.approx(phi))


def test_the_design_effect_is_the_ratio_of_variances() -> None:
    rng = np.random.default_rng(3)
    counts = rng.binomial(1000, 0.01, 400)
    share = counts.mean() / 1000
    ratio = counts.var(ddof=1) / (1000 * share * (1 - share))
    assert design_effect(counts.tolist(), [1000] * 400) == pytest.approx(max(1.0, ratio))


def test_few_slices_widen_more() -> None:
    assert widened(2.0, 5) == pytest.approx(
        2 * (stats.t.ppf(0.975, 4) / stats.norm.ppf(0.975)) ** 2
    )
    assert widened(1.0, 5) > widened(1.0, 20) > widened(1.0, 10_000) == pytest.approx(1.0, abs=1e-3)


def stalls(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Exponential times with stalls: each stall slows every request of a stretch."""
    times = rng.exponential(1.0, n)
    for start in rng.integers(0, n, rng.poisson(n / 600)):
        length = int(rng.geometric(1 / 16))
        times[start : start + length] = rng.exponential(20.0) + rng.exponential(
            1.0, times[start : start + length].size
        )
    return times


def covers(times: NDArray[np.float64], q: float, truth: float, *, clustered: bool) -> bool | None:
    """Whether the interval of one run holds the truth; None where there is none."""
    ordered = np.sort(times)
    at = ordered[int(np.ceil(q * times.size)) - 1]
    pieces = np.array_split(times, SLICES)
    phi = design_effect(
        [int((piece > at).sum()) for piece in pieces], [piece.size for piece in pieces]
    )
    assert phi is not None
    shares = rank_shares(times.size, q, widened(phi, SLICES) if clustered else 1.0)
    if shares is None:
        return None
    low, high = (ordered[int(np.ceil(share * times.size - 1e-9)) - 1] for share in shares)
    return bool(low <= truth <= high)


@pytest.mark.parametrize("q", [0.95, 0.99])
def test_clustered_times_are_covered_where_independence_would_promise_too_much(q: float) -> None:
    rng = np.random.default_rng(11)
    truth = float(np.quantile(stalls(rng, 3_000_000), q))
    runs = [stalls(rng, 40_000) for _ in range(150)]
    honest = [
        covered for run in runs if (covered := covers(run, q, truth, clustered=True)) is not None
    ]
    naive = [covers(run, q, truth, clustered=False) for run in runs]
    assert len(honest) >= 0.9 * len(runs)
    assert np.mean(honest) >= 0.85
    assert np.mean([bool(covered) for covered in naive]) < 0.75


def test_independent_times_are_covered_as_promised() -> None:
    rng = np.random.default_rng(5)
    truth = float(stats.expon.ppf(0.99))
    found = [covers(rng.exponential(1.0, 20_000), 0.99, truth, clustered=True) for _ in range(150)]
    assert np.mean([bool(covered) for covered in found]) >= 0.92


@pytest.mark.parametrize("n", [1, 7, 100, 9_999, 1_000_000])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("p", [0.025, 0.3, 0.975])
def test_binomial_quantiles_are_those_of_scipy(n: int, q: float, p: float) -> None:
    assert binomial_quantile(p, n, q) == int(stats.binom.ppf(p, n, q))
