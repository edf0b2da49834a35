"""Comparisons of two in virtual time: does a gate of 5 % find a loss of 10 %, and only that?"""

from __future__ import annotations

import math

import pytest

from tests.design.simulated import Case, simulate
from whichworker.design.pairs import Aim

RACES, SECONDS = 60, 60.0
GATE = Aim(most_loss=0.05)
BAR = -math.log1p(-0.05)


def outcomes(after: float, *, bursts: bool = False) -> dict[str, int]:
    """How many gates say what, if the second side does this share of the first one's rate."""
    found = {"passed": 0, "failed": 0, "undecided": 0}
    for seed in range(RACES):
        case = Case((1.0, after), bursts=bursts)
        race = simulate(case, seed, seconds=SECONDS, rounds=10_000, claims="all", aim=GATE).race
        (pair,) = race.pairs()
        word = "passed" if pair.high < BAR else "failed" if pair.low > BAR else "undecided"
        found[word] += 1
    return found


@pytest.mark.slow
@pytest.mark.parametrize("bursts", [False, True], ids=["quiet", "beside bursts"])
@pytest.mark.parametrize(("after", "word"), [(1.0, "passed"), (0.9, "failed"), (1.1, "passed")])
def test_a_gate_says_what_is_true(after: float, word: str, bursts: bool) -> None:
    found = outcomes(after, bursts=bursts)
    assert found[word] >= 0.95 * RACES, found
    assert found["failed" if word == "passed" else "passed"] == 0


@pytest.mark.slow
def test_a_loss_at_the_limit_is_seldom_decided_and_rarely_wrong() -> None:
    found = outcomes(0.95)
    assert found["undecided"] >= 0.9 * RACES, found


@pytest.mark.slow
@pytest.mark.parametrize("after", [1.0, 0.93])
def test_a_ratio_is_measured_until_its_interval_is_narrow(after: float) -> None:
    covered = narrow = 0
    for seed in range(RACES):
        aim = Aim(width=0.02)
        case = Case((1.0, after))
        race = simulate(case, seed, seconds=90.0, rounds=10_000, claims="all", aim=aim).race
        (pair,) = race.pairs()
        covered += pair.low <= -math.log(after) <= pair.high
        narrow += pair.high - pair.low < 2 * math.log1p(0.02)
    assert covered >= 0.95 * RACES
    assert narrow >= 0.9 * RACES
