"""A/A races and planted gaps from recorded slices: no change of the statistics goes unseen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.oracle.replay import Place, fixed, recorded, replay

RACES = 24
DELTA = math.log1p(0.03)


@pytest.mark.parametrize("place", ["quiet", "neighbour"])
def test_there_are_enough_recorded_slices(place: Place) -> None:
    seen = recorded(place)
    assert seen.at.size >= 1000
    assert np.all(np.diff(seen.at) > 0)
    assert np.isfinite(seen.turns).mean() > 0.9


@pytest.mark.parametrize("place", ["quiet", "neighbour"])
def test_identical_arms_are_seldom_claimed_to_differ(place: Place) -> None:
    seen, rng = recorded(place), np.random.default_rng(1)
    endings = [
        replay(seen, [0.0] * 12, rng, most_seconds=40, to_the_end=True) for _ in range(RACES)
    ]
    assert sum(ending.false_claims > 0 for ending in endings) <= 0.05 * RACES
    assert sum(not ending.valid for ending in endings) <= 0.1 * RACES


@pytest.mark.parametrize("gap", [pytest.param(DELTA, marks=pytest.mark.slow), 0.05, 0.10])
def test_the_best_of_six_is_picked(gap: float) -> None:
    seen, rng = recorded(), np.random.default_rng(2)
    endings = [replay(seen, [gap, *[0.0] * 5], rng, most_seconds=100) for _ in range(RACES)]
    wrong = sum(ending.pick != "arm-00" for ending in endings) / len(endings)
    assert wrong <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / len(endings))
    assert not sum(ending.false_claims for ending in endings)


@pytest.mark.slow
def test_the_usual_protocol_picks_wrong_more_often() -> None:
    seen, rng = recorded(), np.random.default_rng(3)
    gaps = [0.05, *[0.0] * 5]
    usual = sum(fixed(seen, gaps, rng).pick != "arm-00" for _ in range(4 * RACES)) / (4 * RACES)
    ours = (
        sum(replay(seen, gaps, rng, most_seconds=100).pick != "arm-00" for _ in range(RACES))
        / RACES
    )
    assert usual > max(0.05, 3 * ours)
