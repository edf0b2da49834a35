"""Response times at shares of the leader's throughput: rates, time and precision."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from whichworker.design import paces

THROUGHPUT = {"fast": 4000.0, "near": 3800.0, "slow": 1000.0}


def test_nobody_is_asked_for_more_than_he_can_do() -> None:
    plan = paces.cells(THROUGHPUT, "fast", 20.0)
    asked = {name: [cell.share for cell in plan if cell.arm == name] for name in THROUGHPUT}
    assert asked == {"fast": [0.25, 0.5, 0.75, 0.9], "near": [0.25, 0.5, 0.75, 0.9], "slow": []}
    assert {cell.rate for cell in plan} == {1000.0, 2000.0, 3000.0, 3600.0}


@pytest.mark.parametrize("seconds", (4.0, 10.0, 20.0))
def test_a_pass_takes_the_time_it_has_within_its_bounds(seconds: float) -> None:
    plan = paces.cells(THROUGHPUT, "fast", seconds)
    shortest = sum(cell.settle_seconds for cell in plan) + len(plan) * paces.WINDOWS[0]
    assert sum(cell.seconds for cell in plan) == pytest.approx(max(seconds, shortest))


def test_a_queue_near_its_limit_settles_longer() -> None:
    times = [paces.settle_seconds(100.0, load) for load in (0.1, 0.5, 0.7, 0.9)]
    assert times == sorted(times)
    assert times[0] < times[1] and times[-1] == paces.SETTLES[1]


def queue(load: float, count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Arrivals and response times of a stationary queue M/M/1 with a service time of 1."""
    random, warm = np.random.default_rng(seed), int(paces.MEMORIES / (1 - load) ** 2)
    gaps, service = random.exponential(1 / load, count + warm), random.exponential(1, count + warm)
    steps = np.cumsum(np.concatenate([[0.0], service[:-1] - gaps[1:]]))
    wait = steps - np.minimum.accumulate(np.minimum(steps, 0.0))
    due = np.cumsum(gaps)[warm:]
    return due - due[0], (wait + service)[warm:]


@pytest.mark.parametrize(
    ("load", "q", "least_known"),
    ((0.25, 0.5, 0.9), (0.25, 0.99, 0.9), (0.5, 0.9, 0.9), (0.75, 0.9, 0.6), (0.9, 0.5, 0.9)),
)
def test_an_interval_contains_the_true_value_as_often_as_it_promises(
    load: float, q: float, least_known: float
) -> None:
    truth, runs, slices = -np.log(1 - q) / (1 - load), 120, 16
    known = covered = 0
    for seed in range(runs):
        due, times = queue(load, 4000, seed)
        at = np.minimum(slices - 1, (due / due[-1] * slices).astype(int))
        value = np.quantile(times, q)
        totals = np.bincount(at, minlength=slices).tolist()
        beyond = np.bincount(at[times > value], minlength=slices).tolist()
        shares = paces.interval_shares(times.size, q, beyond, totals, load)
        if shares is None:
            continue
        low, high = np.quantile(times, [shares[0], min(1.0, shares[1])])
        known += 1
        covered += bool(low <= truth <= high)
    assert known >= least_known * runs
    assert covered >= 0.9 * known


def test_a_short_run_at_a_high_load_has_no_interval() -> None:
    for seed in range(40):
        due, times = queue(0.9, 4000, seed)
        at = np.minimum(15, (due / due[-1] * 16).astype(int))
        beyond = np.bincount(at[times > np.quantile(times, 0.99)], minlength=16).tolist()
        totals = np.bincount(at, minlength=16).tolist()
        assert paces.interval_shares(times.size, 0.99, beyond, totals, 0.9) is None
    assert paces.interval_shares(4000, 0.5, [125] * 16, [250] * 16, 1.0) is None
    assert paces.interval_shares(4000, 0.5, [1000, 1000], [2000, 2000], 0.2) is None


@pytest.mark.parametrize(("fast", "passes"), ((4000.0, 2), (60.0, 1)))
def test_a_slow_setup_has_one_pass_with_longer_windows(fast: float, passes: int) -> None:
    throughput = {"a": fast, "b": 0.9 * fast}
    assert paces.passes(throughput, "a", 36.0) == passes
    plan = paces.cells(throughput, "a", 36.0 / passes)
    assert min(one.window_seconds for one in plan) >= 1.5
