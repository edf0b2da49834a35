"""Whole races in simulation, with effects of blocks and launches as large as real ones: what is promised is kept.

Seeds are fixed, so that each outcome is a fact and not a chance; rates per second are those of a middling server.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from msgspec import Struct

from whichworker.design import evidence
from whichworker.design.pairs import ranks
from whichworker.design.race import TWIN, TWIN_LIMIT, Race

BLOCK_SD = 0.05
LAUNCH_SD = 0.03
WINDOW_SD = 0.03


class Noise(Struct, frozen=True):
    """Standard deviations on the log scale; launches may differ by arm and have heavy tails (Student's t, `freedom`)."""

    launch: tuple[float, ...] = (LAUNCH_SD,)
    freedom: int | None = None

    def draw(self, rng: np.random.Generator, place: int) -> float:
        """The effect of one launch and its window: a block of fresh launches has both once for each arm."""
        deviation = self.launch[place % len(self.launch)]
        if self.freedom is None:
            return float(rng.normal(0, deviation) + rng.normal(0, WINDOW_SD))
        scale = deviation / math.sqrt(self.freedom / (self.freedom - 2))
        return float(scale * rng.standard_t(self.freedom) + rng.normal(0, WINDOW_SD))


def names_of(count: int) -> list[str]:
    return [f"arm-{place:02d}" for place in range(count)]


def simulate(rates: Sequence[float], rng: np.random.Generator, *, most: int, noise: Noise | None = None) -> Race:
    """A race of arms with these rates, until it is decided or for so many blocks."""
    drawn, names = noise or Noise(), names_of(len(rates))
    race = Race(names, twin_of=names[0], delta=0.03, alpha=0.05, seed=int(rng.integers(2**31)))
    while (planned := race.next_block()) and planned.number <= most:
        shared, seen = rng.normal(0, BLOCK_SD), {}
        for name in planned.order:
            place = 0 if name == TWIN else names.index(name)
            seen[name] = rates[place] * math.exp(shared + drawn.draw(rng, place))
        race.enter(seen)
    return race


def wrong_claims(race: Race, rates: Sequence[float]) -> int:
    """Claims that contradict the planted rates; between equal arms every claim is wrong."""
    rate = dict(zip(names_of(len(rates)), rates, strict=True))
    better = [pair for pair in race.pairs() if pair.verdict == "better" and rate[pair.first] <= rate[pair.second]]
    worse = [pair for pair in race.pairs() if pair.verdict == "worse" and rate[pair.first] >= rate[pair.second]]
    return len(better) + len(worse)


@pytest.mark.parametrize(
    ("races", "noise"),
    [
        pytest.param(200, Noise(), id="alike"),
        pytest.param(100, Noise(launch=tuple(np.linspace(0.01, 0.09, 12))), id="steady-and-unsteady-arms"),
        pytest.param(100, Noise(launch=tuple(np.linspace(0.09, 0.01, 12))), id="unsteady-twins"),
        pytest.param(100, Noise(freedom=3), id="heavy-tails"),
    ],
)
def test_twelve_identical_arms(races: int, noise: Noise) -> None:
    """A/A: any claim at all in at most 5 % of races, and as few false alarms of the twins."""
    rng, claimed, alarms = np.random.default_rng(1), 0, 0
    for _ in range(races):
        race = simulate([1000.0] * 12, rng, most=12, noise=noise)
        claimed += wrong_claims(race, [1000.0] * 12) > 0
        alarms += race.twin_evidence()[0] >= TWIN_LIMIT
    assert claimed <= 0.05 * races
    assert alarms <= 0.05 * races


def test_twins_that_differ_by_ten_percent_are_found_out() -> None:
    """The alarm has to be able to ring: the twin alone is 10 % slower."""
    rng, alarms = np.random.default_rng(2), 0
    for _ in range(40):
        differences = (math.log(0.9) + rng.normal(0, math.sqrt(2 * (LAUNCH_SD**2 + WINDOW_SD**2)), 12)).tolist()
        alarms += any(evidence.evidence(differences[:n]) >= TWIN_LIMIT for n in range(4, 13))
    assert alarms >= 30


def test_an_arm_ten_percent_slower_is_seen_and_never_praised() -> None:
    rng, rates, seen = np.random.default_rng(3), [1000.0, 1000.0, 900.0, 1000.0, 1000.0], 0
    for _ in range(40):
        race = simulate(rates, rng, most=25)
        slow = names_of(5)[2]
        beaten = any(
            (pair.verdict == "worse" and pair.first == slow) or (pair.verdict == "better" and pair.second == slow) for pair in race.pairs()
        )
        seen += slow in race.dropped or beaten
        wrong = [
            pair
            for pair in race.pairs()
            if (pair.first == slow and pair.verdict == "better") or (pair.second == slow and pair.verdict == "worse")
        ]
        assert not wrong
    assert seen >= 38


def test_a_gap_of_one_percent_is_never_claimed_the_wrong_way() -> None:
    rng, rates = np.random.default_rng(4), [1000.0, 990.0]
    assert sum(wrong_claims(simulate(rates, rng, most=40), rates) for _ in range(40)) == 0


def test_an_arm_better_by_delta_is_seldom_dropped() -> None:
    """An injected gap of δ: a wrong pick in at most 5 % of races and two standard errors."""
    rng, wrong = np.random.default_rng(5), 0
    for _ in range(60):
        race = simulate([1030.0, *[1000.0] * 4], rng, most=60)
        wrong += names_of(5)[0] in race.dropped
    assert wrong <= 60 * (0.05 + 2 * math.sqrt(0.05 * 0.95 / 60))


def test_a_clear_order_gives_ranks_that_say_something() -> None:
    """The slowest three times slower than the fastest, twelve arms, eight blocks."""
    rates = [3000.0 / (1 + 2 * place / 11) for place in range(12)]
    names, covered = names_of(12), 0
    for seed in range(12):
        race = simulate(rates, np.random.default_rng(60 + seed), most=8)
        places = ranks(race.listed, race.pairs())
        assert sorted(places) == names
        assert all(interval != (1, 12) for interval in (places[names[0]], places[names[-1]]))
        widths = [high - low for low, high in places.values()]
        assert np.mean(widths) <= 9
        covered += all(low <= place <= high for place, (low, high) in enumerate((places[name] for name in names), start=1))
    assert covered == 12


def test_the_interval_of_an_arms_throughput_covers_it() -> None:
    """Student's interval over launches, for the arms of whole races, the dropped ones too."""
    rng, rates, covered, total = np.random.default_rng(7), [1200.0, 1150.0, 1000.0, 700.0, 400.0], 0, 0
    for _ in range(120):
        race = simulate(rates, rng, most=12)
        for name, rate in zip(race.arms, rates, strict=True):
            interval = evidence.fixed_interval(list(race.logs[name].values()), 0.05)
            assert interval is not None
            covered += interval[0] <= math.log(rate) <= interval[1]
            total += 1
    assert covered / total >= 0.93


def test_a_race_ends_by_itself() -> None:
    """Whatever the arms are, the boundary closes and placement is short."""
    rng = np.random.default_rng(8)
    for rates in ([1000.0] * 4, [1000.0, 990.0, 980.0], [1000.0, 500.0]):
        race = simulate(rates, rng, most=400)
        assert race.next_block() is None
        assert race.leader() is not None
