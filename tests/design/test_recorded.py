"""A/A races and planted gaps from recorded windows: no change of the statistics goes unseen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.oracle.replay import fixed, recorded, replay

RACES = 60
DELTA = math.log1p(0.03)


def test_there_are_enough_recorded_launches() -> None:
    seen = recorded()
    blocks, launches, windows = seen.logs.shape
    assert blocks >= 10
    assert (launches, windows) == (13, 3)


def test_identical_arms_are_seldom_claimed_to_differ() -> None:
    seen, rng = recorded(), np.random.default_rng(1)
    claimed = sum(replay(seen, [0.0] * 12, rng, most=12).false_claims > 0 for _ in range(RACES))
    assert claimed <= 0.05 * RACES


@pytest.mark.parametrize("gap", [DELTA, 0.05, 0.10])
def test_the_best_of_twelve_is_picked(gap: float) -> None:
    seen, rng = recorded(), np.random.default_rng(2)
    endings = [replay(seen, [gap, *[0.0] * 11], rng) for _ in range(RACES // 2)]
    wrong = sum(ending.pick != "arm-00" for ending in endings) / len(endings)
    assert wrong <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / len(endings))
    assert not sum(ending.false_claims for ending in endings)


def test_the_usual_protocol_picks_wrong_more_often() -> None:
    seen, rng = recorded(), np.random.default_rng(3)
    gaps = [DELTA, *[0.0] * 11]
    ours = sum(replay(seen, gaps, rng).pick != "arm-00" for _ in range(RACES // 2)) / (RACES // 2)
    usual = sum(fixed(seen, gaps, rng).pick != "arm-00" for _ in range(RACES)) / RACES
    assert usual > 3 * ours
