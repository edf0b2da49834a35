"""Contrasts of a round, against generalised least squares written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from whichworker.design.contrasts import Array, Weighed, precision, weigh

MOMENTS = st.lists(st.integers(1, 400), min_size=2, max_size=14).map(
    lambda gaps: np.cumsum(gaps) / 1000.0
)


def slices(seed: int, count: int, arms: int) -> tuple[NDArray[np.int64], Array, Array, Array]:
    rng = np.random.default_rng(seed)
    places = np.arange(count, dtype=np.int64) % arms
    return (
        places,
        np.cumsum(rng.uniform(0.03, 0.15, count)),
        rng.normal(7, 0.2, count),
        rng.normal(-9, 0.1, count),
    )


def weighed(seed: int, count: int = 9, arms: int = 5) -> Weighed:
    places, moments, rates, cores = slices(seed, count, arms)
    return weigh(places, arms, moments, rates, cores)


@given(moments=MOMENTS)
def test_weights_know_nothing_of_the_level_and_are_symmetric(moments: Array) -> None:
    weights = precision(moments)
    assert np.allclose(weights.sum(axis=1), 0, atol=1e-8)
    assert np.allclose(weights, weights.T, atol=1e-8)
    assert np.linalg.eigvalsh(weights).min() > -1e-8


def test_the_estimate_is_that_of_generalised_least_squares() -> None:
    """Arms and level fitted together with the inverse of a covariance that has the variogram."""
    places, moments, rates, _ = slices(1, 9, 4)
    distance = np.sqrt(np.abs(moments[:, None] - moments[None, :]))
    covariance = 0.15 * np.eye(9) + 10 - distance / 2
    design = np.column_stack([np.eye(4)[places], np.ones(9)])
    inverse = np.linalg.inv(covariance)
    expected = np.linalg.pinv(design.T @ inverse @ design, rtol=1e-9) @ design.T @ inverse @ rates
    found = weigh(places, 4, moments, rates, np.full(9, np.nan))
    effects = np.linalg.pinv(found.information, rtol=1e-9) @ found.response
    assert np.diff(effects) == pytest.approx(np.diff(expected[:4]))


def test_two_slices_are_compared_by_their_difference() -> None:
    found = weigh(
        np.array([0, 1]), 2, np.array([1.0, 3.0]), np.array([7.0, 6.8]), np.array([np.nan] * 2)
    )
    effects = np.linalg.pinv(found.information, rtol=1e-9) @ found.response
    assert effects[0] - effects[1] == pytest.approx(0.2)


def test_neighbours_weigh_more_than_the_rest() -> None:
    """The slice beside a reference is compared with that one, not with one far away."""
    rates = np.array([0.0, 0.0, 0.0, 5.0])
    moments = np.array([0.0, 0.05, 2.0, 2.05])
    found = weigh(np.array([0, 1, 0, 2]), 3, moments, rates, np.full(4, np.nan))
    effects = np.linalg.pinv(found.information, rtol=1e-9) @ found.response
    assert effects[2] - effects[0] > 4.9


@settings(max_examples=40)
@given(
    level=st.floats(-5, 5), core=st.floats(-5, 5), later=st.floats(0, 1e5), seed=st.integers(0, 50)
)
def test_levels_and_the_hour_change_nothing(
    level: float, core: float, later: float, seed: int
) -> None:
    places, moments, rates, cores = slices(seed, 9, 5)
    here = weigh(places, 5, moments, rates, cores)
    there = weigh(places, 5, moments + later, rates + level, cores + core)
    for field in ("information", "response", "core", "cross", "square"):
        assert np.allclose(getattr(here, field), getattr(there, field), atol=1e-6)


def test_slices_in_any_order_give_the_same_sums() -> None:
    places, moments, rates, cores = slices(3, 9, 5)
    order = np.random.default_rng(4).permutation(9)
    here = weigh(places, 5, moments, rates, cores)
    there = weigh(places[order], 5, moments[order], rates[order], cores[order])
    assert np.allclose(here.information, there.information)
    assert np.allclose(here.response, there.response)
    assert here.cross == pytest.approx(there.cross)


def test_a_missing_reading_is_the_mean_of_the_others() -> None:
    places, moments, rates, cores = slices(5, 6, 3)
    cores[2] = np.nan
    filled = np.where(np.isnan(cores), np.nanmean(cores), cores)
    assert np.allclose(
        weigh(places, 3, moments, rates, cores).core, weigh(places, 3, moments, rates, filled).core
    )


def test_no_reading_is_no_covariate() -> None:
    places, moments, rates, cores = slices(6, 6, 3)
    found = weigh(places, 3, moments, rates, np.full_like(cores, np.nan))
    assert not found.core.any()
    assert (found.cross, found.square) == (0, 0)


def test_an_arm_may_be_absent_or_come_twice() -> None:
    found = weigh(
        np.array([2, 0, 2]), 4, np.array([0.0, 0.1, 0.2]), np.zeros(3), np.full(3, np.nan)
    )
    assert found.present.tolist() == [1, 0, 2, 0]
    assert not found.information[[1, 3]].any()
    assert np.allclose(found.information.sum(axis=0), 0)
