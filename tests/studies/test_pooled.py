"""Intervals from two or three launches a cell: their coverage and width."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from whichworker.studies.pooled import Cells, gather, half_width, usual_variance

NOISES: dict[str, Callable[[int], NDArray[np.float64]]] = {
    "equal": lambda cells: np.full(cells, 0.03),
    "unequal": lambda cells: np.resize([0.02, 0.03, 0.05, 0.12], cells),
    "one at 15 % beside 2 %": lambda cells: np.array([0.15] + [0.02] * (cells - 1)),
    "heavy tails": lambda cells: np.full(cells, 0.03),
}
BLOCK_SD = 0.15
"""What the core does to a whole block: five times as much as launches differ by."""


def planted(
    noise: str, cells: int, launches: int, random: np.random.Generator, *, side_by_side: bool
) -> tuple[Cells, dict[str, float]]:
    """A workload with known truths: those of its cells at the level that its blocks had."""
    truths = random.normal(5, 1, cells)
    blocks = random.normal(0, BLOCK_SD, launches) if side_by_side else np.zeros(launches)
    unit = (
        random.standard_t(3, (cells, launches)) / math.sqrt(3)
        if noise == "heavy tails"
        else random.normal(size=(cells, launches))
    )
    values = truths[:, None] + blocks + unit * NOISES[noise](cells)[:, None]
    found = gather(
        {str(at): dict(enumerate(row)) for at, row in enumerate(values.tolist())},
        side_by_side=side_by_side,
    )
    return found, {str(at): float(truth + blocks.mean()) for at, truth in enumerate(truths)}


@pytest.mark.parametrize("side_by_side", [True, False])
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(("cells", "launches"), [(5, 2), (5, 3), (10, 2), (10, 3)])
def test_an_interval_of_95_percent_covers_the_truth_so_often(
    noise: str, cells: int, launches: int, side_by_side: bool
) -> None:
    random = np.random.default_rng(7)
    covered = []
    for _ in range(150):
        found, truths = planted(noise, cells, launches, random, side_by_side=side_by_side)
        for name, truth in truths.items():
            half = half_width(found, name, None)
            assert half is not None
            covered.append(abs(found.means[name] - truth) <= half)
    assert 0.90 <= np.mean(covered) <= 0.99


def test_a_study_of_many_workloads_tells_a_small_one_how_launches_differ() -> None:
    """Two cells of two launches have no interval alone, and a useful one with a usual variance."""
    random = np.random.default_rng(7)
    halves, covered = [], []
    for _ in range(150):
        workloads = [planted("equal", 2, 2, random, side_by_side=True) for _ in range(8)]
        found, truths = workloads[0]
        assert half_width(found, "0", None) is None
        half = half_width(found, "0", usual_variance([cells for cells, _ in workloads]))
        assert half is not None
        halves.append(half)
        covered.append(abs(found.means["0"] - truths["0"]) <= half)
    assert 0.90 <= np.mean(covered) <= 0.99
    assert np.median(halves) < 0.10, "with launches that differ by 3 %"


def test_two_launches_alone_have_no_interval() -> None:
    alone = gather({"a": {1: 1.0, 2: 1.1}}, side_by_side=False)
    assert half_width(alone, "a", None) is None


def test_one_launch_has_none_whatever_the_others_say() -> None:
    found = gather(
        {"a": {1: 1.0}, "b": {1: 2.0, 2: 2.1, 3: 2.2}, "c": {1: 3.0, 2: 3.1, 3: 3.1}},
        side_by_side=False,
    )
    assert half_width(found, "a", None) is None
    assert half_width(found, "b", None) is not None


@pytest.mark.parametrize("side_by_side", [True, False])
def test_no_interval_of_two_launches_is_absurd(side_by_side: bool) -> None:
    """Ten cells of two launches: Student's interval would be over 100 % wide for some."""
    random = np.random.default_rng(3)
    found, _ = planted("equal", 10, 2, random, side_by_side=side_by_side)
    assert max(half_width(found, name, None) or math.inf for name in found.means) < 0.15


def test_a_block_that_slowed_all_does_not_widen_what_tells_them_apart() -> None:
    levels = {1: 0.0, 2: -0.5, 3: 0.3}
    values = {
        name: {block: mean + level for block, level in levels.items()}
        for name, mean in (("a", 1.0), ("b", 2.0), ("c", 3.0))
    }
    assert (half_width(gather(values, side_by_side=True), "a", None) or 0.0) < 1e-9
    assert (half_width(gather(values, side_by_side=False), "a", None) or 0.0) > 0.5


def test_a_cell_that_lacks_a_slow_block_is_put_at_the_level_of_all() -> None:
    levels = {1: 0.0, 2: -0.6}
    values = {
        name: {block: mean + level for block, level in levels.items()}
        for name, mean in (("a", 1.0), ("b", 2.0), ("c", 3.0))
    }
    del values["c"][2]
    found = gather(values, side_by_side=True)
    assert found.means["c"] - found.means["a"] == pytest.approx(2.0)


def test_nothing_measured_is_nothing() -> None:
    assert gather({}, side_by_side=True).variance is None
    assert usual_variance([gather({"a": {}}, side_by_side=False)]) is None
