"""Generations: when launches count, what is moderated, and what the thermometer explains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from whichworker.design import generations
from whichworker.design.contrasts import Array, weigh
from whichworker.design.generations import Generations, Known


def gathered(
    rounds: Iterable[Sequence[float]],
    numbers: Sequence[int],
    *,
    cores: Array | None = None,
    twin_of: int = 0,
) -> Generations:
    """Rounds of slices 50 ms apart in the order of the arms, the twin last; NaN is no slice."""
    rows = [np.array(row, dtype=float) for row in rounds]
    found = Generations(len(rows[0]), twin_of)
    for at, (row, number) in enumerate(zip(rows, numbers, strict=True)):
        here = np.flatnonzero(~np.isnan(row))
        readings = np.full(len(row), np.nan) if cores is None else cores[at]
        weighed = weigh(
            here,
            len(row),
            np.asarray(at + 0.05 * here, dtype=np.float64),
            row[here],
            readings[here],
        )
        found.add(weighed, dict.fromkeys(here.tolist(), number))
    return found


def drawn(seed: int, rounds: int, arms: int, sd: float = 0.05) -> Array:
    """Independent noise of arms and a twin, on a level that wanders."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, sd, (rounds, arms + 1)) + np.cumsum(
        rng.normal(0, 0.1, (rounds, 1)), axis=0
    )


@pytest.mark.parametrize(
    ("numbers", "stretches"),
    [
        ([1], 1),
        ([1, 1, 1, 1], 1),
        ([1, 1, 2, 2, 3], 3),
        ([1, 2, 3, 4, 5], 1),
        ([1, 2, 3, 3, 3, 4], 3),
        ([5, 5, 9, 9], 2),
    ],
)
def test_a_relaunch_begins_a_stretch_unless_every_round_has_its_own(
    numbers: list[int], stretches: int
) -> None:
    assert len(gathered(drawn(1, len(numbers), 3), numbers).stretches) == stretches


def test_an_arm_launched_again_alone_begins_nothing() -> None:
    found = Generations(5, 0)
    for number in range(6):
        weighed = weigh(
            np.arange(5), 5, np.arange(5, dtype=np.float64), np.zeros(5), np.full(5, np.nan)
        )
        found.add(weighed, {arm: 1 + (arm == 2 and number > 3) for arm in range(5)})
    assert len(found.stretches) == 1


def test_fresh_launches_in_every_round_are_a_moderated_paired_t() -> None:
    """Two arms, no twin: old journals, where a block is a round of launches of its own."""
    table = np.column_stack([drawn(2, 8, 1), np.full(8, np.nan)])
    known = gathered(table, range(1, 9)).known()
    d = table[:, 0] - table[:, 1]
    assert known.mean[0, 1] == pytest.approx(d.mean())
    assert known.noise[0, 1] == pytest.approx(d.std(ddof=1))  # one pair: its own quartile
    assert known.error[0, 1] == pytest.approx(d.std(ddof=1) / math.sqrt(8))
    assert known.freedom[0, 1] == pytest.approx(generations.ROUND_PSEUDO + 7)
    assert known.units[0, 1] == pytest.approx(8)


def test_variances_are_moderated_towards_the_upper_quartile() -> None:
    sds = np.array([0.01, 0.01, 0.05, 0.1, 0.01])
    table = np.random.default_rng(3).normal(0, 1, (24, 5)) * sds
    known = gathered(table, range(1, 25), twin_of=3).known()
    plain = np.array(
        [[np.var(table[:, a] - table[:, b], ddof=1) for b in range(3)] for a in range(3)]
    )
    assert known.noise[0, 1] ** 2 > 1.2 * plain[0, 1]
    assert known.noise[0, 2] ** 2 > known.noise[0, 1] ** 2


def test_one_generation_has_the_launch_variance_that_is_taken() -> None:
    known = gathered(drawn(4, 400, 3, 0.02), [1] * 400).known()
    assert known.launch.variance == pytest.approx(generations.LAUNCH_SD**2)
    assert known.error[1, 2] == pytest.approx(math.sqrt(2) * generations.LAUNCH_SD, rel=0.02)
    assert known.error[0, 1] == pytest.approx(math.sqrt(1.5) * generations.LAUNCH_SD, rel=0.02)
    assert known.freedom[1, 2] == pytest.approx(generations.LAUNCH_FREEDOM, rel=0.1)


@pytest.mark.parametrize(
    ("planted", "least", "most"), [(0.0, 0.0, 0.015), (0.015, 0.01, 0.022), (0.05, 0.035, 0.065)]
)
def test_generations_tell_how_much_launches_differ(
    planted: float, least: float, most: float
) -> None:
    table, numbers = drawn(5, 240, 5, 0.03), np.repeat(np.arange(12), 20)
    table += np.random.default_rng(6).normal(0, planted, (12, 6))[numbers]
    known = gathered(table, numbers.tolist()).known()
    assert least <= math.sqrt(known.launch.variance) <= most


def test_an_arm_whose_launches_differ_more_has_a_larger_error() -> None:
    table, numbers = drawn(7, 160, 4, 0.02), np.repeat(np.arange(8), 20)
    table[:, 1] += np.random.default_rng(8).normal(0, 0.1, 8)[numbers]
    known = gathered(table, numbers.tolist()).known()
    assert known.error[1, 2] > 1.2 * known.error[2, 3]


def test_the_mean_of_the_twins_is_the_value_of_their_arm() -> None:
    table = np.zeros((6, 4)) + np.random.default_rng(9).normal(0, 1e-4, (6, 4))
    table[:, 0] += 0.2
    known = gathered(table, [1] * 6).known()
    assert known.mean[0, 1] == pytest.approx(0.1, abs=1e-3)
    assert known.mean[3, 4] == pytest.approx(0.2, abs=1e-3)


def test_without_a_twin_the_arm_stands_alone() -> None:
    table = np.column_stack([drawn(10, 6, 2), np.full(6, np.nan)])
    known = gathered(table, [1] * 6).known()
    assert not known.rounds[3, 4]
    assert math.isinf(known.error[3, 4])
    assert np.isfinite(known.error[:3, :3]).all()


def thermometric(slope: float, rounds: int, seed: int = 11) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    core = rng.normal(-9, 0.1, (rounds, 5))
    return slope * core + rng.normal(0, 0.02, (rounds, 5)) + np.array(
        [0.0, -0.3, 0.1, -2.0, 0.0]
    ), core


@pytest.mark.parametrize("slope", [-1.4, -0.5, 0.0])
def test_the_slope_of_the_thermometer_is_found_and_taken_out(slope: float) -> None:
    table, core = thermometric(slope, 30)
    numbers = np.repeat(np.arange(3), 10).tolist()
    known = gathered(table, numbers, cores=core).known()
    assert known.slope == pytest.approx(slope, abs=0.08)
    assert known.noise[1, 2] == pytest.approx(0.02 * math.sqrt(2), rel=0.35)


def test_a_few_wild_rounds_do_not_turn_the_slope() -> None:
    table, core = thermometric(-1.4, 40)
    table[::10] += 30 * (core[::10] + 9)
    assert gathered(table, [1] * 40, cores=core).known().slope == pytest.approx(-1.4, abs=0.3)


def test_few_readings_are_no_slope() -> None:
    table, core = thermometric(-1.4, 3)
    assert gathered(table, [1] * 3, cores=core).known().slope == 0.0


def test_no_reading_is_no_slope() -> None:
    assert gathered(drawn(12, 30, 4), [1] * 30).known().slope == 0.0


def test_a_missing_slice_costs_its_arm_one_round() -> None:
    table = drawn(13, 20, 3)
    table[4, 1] = np.nan
    known = gathered(table, [1] * 20).known()
    assert (known.rounds[1, 2], known.rounds[0, 2], known.rounds[0, 1]) == (19, 20, 19)


def matrices(known: Known) -> list[Array]:
    return [known.mean, known.error, known.freedom, known.units]


def test_the_names_of_arms_do_not_matter() -> None:
    """Exchanging two arms exchanges their rows; times go with the slices."""
    table, numbers, order = drawn(14, 24, 3), [1] * 12 + [2] * 12, [0, 2, 1, 3]
    moments = np.arange(4, dtype=np.float64) * 0.05
    here, there = Generations(4, 0), Generations(4, 0)
    for row, number in zip(table, numbers, strict=True):
        nothing = np.full(4, np.nan)
        here.add(weigh(np.arange(4), 4, moments, row, nothing), dict.fromkeys(range(4), number))
        there.add(weigh(np.array(order), 4, moments, row, nothing), dict.fromkeys(range(4), number))
    full = [0, 2, 1, 3, 4]
    for first, second in zip(matrices(here.known()), matrices(there.known()), strict=True):
        assert np.allclose(first, second[np.ix_(full, full)], equal_nan=True)
