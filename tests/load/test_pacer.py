"""The pacer by table: no clock, no sleep."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from whichworker.load.pacer import arrivals, due_seconds, expected
from whichworker.model import Pace, Stage

STEADY = (Stage(10.0, 100.0, 100.0),)
RAMP = (Stage(10.0, 0.0, 100.0),)
DOWN = (Stage(4.0, 100.0, 0.0),)
STEPS = (Stage(1.0, 10.0, 10.0), Stage(2.0, 0.0, 0.0), Stage(1.0, 50.0, 50.0))


def all_due(pace: Pace, seed: int = 1, limit: int | None = None) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype=np.int64), *arrivals(pace, seed, limit)])


@pytest.mark.parametrize(
    ("stages", "units", "due"),
    [
        (STEADY, [0, 1, 50, 999], [0.0, 0.01, 0.5, 9.99]),
        (STEADY, [1000, 5000], [np.inf, np.inf]),
        (RAMP, [0, 5, 125, 320, 499.99999], [0.0, 1.0, 5.0, 8.0, 10.0]),
        (DOWN, [0, 150, 187.5], [0.0, 2.0, 3.0]),
        (STEPS, [0, 9, 10, 11, 59], [0.0, 0.9, 3.0, 3.02, 3.98]),
        ((Stage(1.0, 0.0, 0.0),), [0], [np.inf]),
    ],
)
def test_due_times(stages: tuple[Stage, ...], units: list[float], due: list[float]) -> None:
    assert due_seconds(stages, np.array(units, dtype=np.float64)) == pytest.approx(due, abs=1e-6)


@pytest.mark.parametrize(
    ("stages", "count"), [(STEADY, 1000), (RAMP, 500), (DOWN, 200), (STEPS, 60)]
)
def test_a_constant_pace_has_as_many_arrivals_as_its_rate_says(
    stages: tuple[Stage, ...], count: int
) -> None:
    assert expected(stages) == pytest.approx(count)
    assert all_due(Pace(stages=stages)).size == count


def test_no_error_grows() -> None:
    due = all_due(Pace(stages=(Stage(100.0, 3000.0, 3000.0),)))
    assert due.size == 300_000
    assert np.abs(due - np.arange(300_000) / 3000 * 1e9).max() <= 1


def test_poisson_gaps_are_exponential_and_seeded() -> None:
    pace = Pace(stages=(Stage(50.0, 400.0, 400.0),), arrivals="poisson")
    due = all_due(pace, seed=7)
    gaps = np.diff(due) / 1e9
    assert stats.kstest(gaps, "expon", args=(0, 1 / 400)).pvalue > 0.001
    assert due.size == pytest.approx(20_000, abs=5 * 20_000**0.5)
    assert (due == all_due(pace, seed=7)).all()
    assert not np.array_equal(due[:100], all_due(pace, seed=8)[:100])


def test_a_poisson_ramp_has_the_law_of_its_rate() -> None:
    due = all_due(Pace(stages=(Stage(100.0, 0.0, 200.0),), arrivals="poisson"), seed=3) / 1e9
    assert stats.kstest(due, lambda t: (t / 100) ** 2).pvalue > 0.001


@pytest.mark.parametrize("limit", [0, 1, 4096, 5000])
def test_a_limit_is_kept(limit: int) -> None:
    assert all_due(Pace(stages=(Stage(10.0, 1000.0, 1000.0),)), limit=limit).size == limit


@pytest.mark.parametrize("arrivals_kind", ["constant", "poisson"])
def test_times_never_go_back(arrivals_kind: str) -> None:
    stages = (Stage(1.0, 0.0, 5000.0), Stage(0.5, 0.0, 0.0), Stage(2.0, 5000.0, 10.0))
    due = all_due(Pace(stages=stages, arrivals=arrivals_kind))  # type: ignore[arg-type]
    assert (np.diff(due) >= 0).all()
    assert not ((due > 1.0e9) & (due < 1.5e9)).any()
