"""The simulator: its noise is the one that was measured."""

from __future__ import annotations

import numpy as np
import pytest

from tests.design.simulated import READING_SD, SLICE_SD, SLOPE, Case, Core, Virtual, variogram
from whichworker.design.rounds import random_round

DISTANCES = (0.1, 0.3, 0.5, 1.1, 2.1, 4.1)
RAW = (0.13, 0.17, 0.185, 0.23, 0.26, 0.31)
WITH_THERMOMETER = (0.09, 0.11, 0.10, 0.11, 0.12, 0.13)
BEST_SLOPE = -1.2
"""The fitted slope is flatter than the planted one, as the thermometer's own error flattens it."""


def test_the_variogram_is_the_measured_one() -> None:
    rng, count = np.random.default_rng(1), 20_000
    core, seconds = Core(rng), np.arange(count, dtype=np.float64) * 0.05
    speeds = np.array([core.at(float(moment)) for moment in seconds])
    rates = speeds.sum(axis=1) + rng.normal(0, SLICE_SD, count)
    readings = speeds[:, 0] / SLOPE + rng.normal(0, READING_SD, count)
    assert variogram(rates, seconds, DISTANCES) == pytest.approx(RAW, rel=0.12)
    assert variogram(rates - BEST_SLOPE * readings, seconds, DISTANCES) == pytest.approx(
        WITH_THERMOMETER, rel=0.15
    )
    assert np.corrcoef(rates, readings)[0, 1] < -0.9


def test_a_slow_arm_takes_longer_slices_and_all_are_launched_again_at_once() -> None:
    virtual = Virtual(Case((1.0, 0.1)), seed=1)
    rounds = [virtual.run(random_round(number, virtual.names, 1)) for number in range(1, 30)]
    assert virtual.length("arm-00") == pytest.approx(0.045)
    assert virtual.length("arm-01") == pytest.approx(0.150)
    assert all(len({one.generation for one in heard}) == 1 for heard in rounds)
    assert rounds[-1][0].generation >= 2


def test_bursts_of_a_neighbour_slow_some_slices_down() -> None:
    seconds = np.arange(4000) * 0.05
    calm, noisy = Core(np.random.default_rng(2)), Core(np.random.default_rng(2), bursts=True)
    slowed = [calm.at(float(moment))[0] - noisy.at(float(moment))[0] > 0.3 for moment in seconds]
    assert 0.05 < np.mean(slowed) < 0.5
