"""Search and confirmation against queues of known capacity, in virtual time."""

from __future__ import annotations

import math
import statistics

import pytest

from tests.oracle.queues import Queue, capacity, late, simulate
from whichworker.design.capacity.confirmation import (
    Confirmation,
    design_effect,
    least_requests,
    log_beta_below,
)
from whichworker.design.capacity.hunt import Hunt, ShotPlan, recovery_seconds
from whichworker.design.capacity.posterior import Posterior, RateProbe, Search, planned_seconds
from whichworker.model import Clause, Slo

SECONDS = 0.1
SLO = Slo(clauses=(Clause(text="p99<100ms", share=0.01, seconds=SECONDS),))
QUEUES = {
    "one exponential slot": Queue(1, 0.005, constant=False),
    "four exponential slots": Queue(4, 0.01, constant=False),
    "one constant slot": Queue(1, 0.005, constant=True),
    "eight constant slots": Queue(8, 0.02, constant=True),
}
every_queue = pytest.mark.parametrize("name", QUEUES)


@every_queue
def test_the_exact_share_is_that_of_a_long_simulation(name: str) -> None:
    queue = QUEUES[name]
    for load, seconds in ((0.7, 2.0 * queue.service_seconds), (0.8, 2.3 * queue.service_seconds)):
        rate = load * queue.saturation
        times = simulate(queue, rate, 20, 80_000 / rate, seed=3)
        seen = sum(one > seconds for one in times) / len(times)
        assert seen == pytest.approx(late(queue, rate, seconds), rel=0.25, abs=0.004)


@every_queue
def test_at_the_exact_capacity_the_share_is_the_one_allowed(name: str) -> None:
    queue = QUEUES[name]
    found = capacity(queue, SECONDS, 0.01)
    assert 0.5 * queue.saturation < found < queue.saturation
    assert late(queue, found, SECONDS) == pytest.approx(0.01, rel=0.02)


def shot_at(queue: Queue, shot: ShotPlan, seed: int) -> RateProbe:
    times = simulate(queue, shot.rate, shot.settle_seconds, shot.window_seconds, seed)
    return RateProbe(
        rate=shot.rate, count=len(times), missed=(sum(one > SECONDS for one in times),)
    )


def hunted(queue: Queue, seed: int) -> Hunt:
    hunt = Hunt(SLO, queue.saturation, seed=seed, curve=False)
    at = 0
    while (shot := hunt.next_shot()) is not None:
        at += 1
        hunt.take(shot, shot_at(queue, shot, 1000 * seed + at))
    return hunt


@every_queue
def test_the_capacity_is_found_and_what_is_certified_is_seldom_too_high(name: str) -> None:
    queue = QUEUES[name]
    exact = capacity(queue, SECONDS, 0.01)
    hunts = [hunted(queue, seed) for seed in range(12)]
    found = [hunt.found.value / exact for hunt in hunts if hunt.found]
    assert len(found) == len(hunts)
    assert statistics.median(found) == pytest.approx(1, abs=0.06)
    assert sum(abs(one - 1) <= 0.10 for one in found) >= 8
    assert all(hunt.spent["search"] <= 1.35 * planned_seconds(exact) for hunt in hunts), (
        "planned by what is known on the way"
    )
    certified = [hunt.certified for hunt in hunts if hunt.certified]
    assert len(certified) >= 7
    assert sum(one > 1.001 * exact for one in certified) <= 2
    assert statistics.median(certified) > 0.75 * exact


@pytest.mark.slow
def test_of_a_hundred_certified_rates_at_most_five_are_too_high() -> None:
    exact = {name: capacity(queue, SECONDS, 0.01) for name, queue in QUEUES.items()}
    certified = [
        (hunted(queue, seed).certified or 0.0) / exact[name]
        for name, queue in QUEUES.items()
        for seed in range(100, 125)
    ]
    assert sum(one > 1 for one in certified) <= 5
    assert sum(one > 0 for one in certified) >= 75


def test_a_rate_near_saturation_must_be_kept_for_longer_than_its_queue_remembers() -> None:
    near, far = (Confirmation(SLO, rate, [1.0], throughput=100.0) for rate in (95, 50))
    for _ in range(10):
        near.observe(RateProbe(rate=95, count=1500, missed=(0,)))
        far.observe(RateProbe(rate=50, count=1500, missed=(0,)))
        assert (near.certified is None) == (sum(seen.count for seen in near.windows) < 16_000)
        assert far.certified == 50
    near.observe(RateProbe(rate=95, count=1500, missed=(0,)))
    assert near.certified == 95


def test_more_misses_mean_a_lower_capacity() -> None:
    few, many = Posterior(0.01, 10, 1000), Posterior(0.01, 10, 1000)
    few.observe(200, 0, 1000)
    many.observe(200, 400, 1000)
    assert few.quantile(0.5) > 200 > many.quantile(0.5)


def test_an_empty_probe_changes_nothing() -> None:
    one = Posterior(0.01, 10, 1000)
    before = one.quantile(0.5)
    one.observe(500, 0, 0)
    assert one.quantile(0.5) == before


def test_the_clause_that_is_missed_first_binds() -> None:
    slo = Slo(
        clauses=(
            Clause(text="p99<1s", share=0.01, seconds=1.0),
            Clause(text="errors<0.1%", share=0.001),
        )
    )
    search = Search(slo, 1000, seed=1)
    for rate in (300.0, 500.0, 600.0, 700.0):
        search.observe(RateProbe(rate=rate, count=1000, missed=(0, 30 if rate > 400 else 0)))
    assert search.binding() == "errors<0.1%"
    assert search.found().value < 600


def test_the_first_probe_is_below_the_throughput_and_the_next_follow_what_is_known() -> None:
    search = Search(SLO, 1000, seed=1)
    assert search.next_rate() == 700
    search.observe(RateProbe(rate=700, count=700, missed=(600,)))
    assert search.next_rate() < 700


@pytest.mark.parametrize(
    ("a", "b"), [(0.5, 40.0), (3.5, 1000.0), (40.5, 200_000.0), (900.5, 2000.0)]
)
def test_the_incomplete_beta_is_continuous_where_the_series_takes_over(a: float, b: float) -> None:
    found = [log_beta_below(x, a, b) for x in (0.002, 0.004, 0.006, 0.008, 0.01)]
    assert found == sorted(found)
    assert all(math.isfinite(one) for one in found)


def test_no_miss_in_enough_requests_certifies() -> None:
    test = Confirmation(SLO, 5, [1.0])
    while test.certified is None:
        test.observe(RateProbe(rate=5, count=100, missed=(0,)))
        assert len(test.windows) < 20
    assert 400 <= 100 * len(test.windows) <= 1000
    assert test.needed(0) == pytest.approx(100 * len(test.windows), abs=150)


def test_a_rate_must_be_kept_for_twenty_seconds_however_many_requests_that_is() -> None:
    test = Confirmation(SLO, 10_000, [1.0])
    for second in range(20):
        assert test.certified is None, second
        test.observe(RateProbe(rate=10_000, count=10_000, missed=(0,)))
    assert test.certified == 10_000


def test_how_misses_cluster_is_remembered_when_a_rate_is_given_up() -> None:
    test = Confirmation(SLO, 100, [1.0])
    while test.attempt == 1:
        test.observe(RateProbe(rate=100, count=1000, missed=(38 if len(test.windows) % 2 else 0,)))
        assert len(test.windows) < 100
    assert test.before[0] > 5
    overloaded = Confirmation(SLO, 100, [1.0])
    overloaded.observe(RateProbe(rate=100, count=1000, missed=(500,)))
    assert (overloaded.attempt, overloaded.before[0]) == (2, 1.0)


def test_a_slow_arm_is_tested_at_a_rate_that_there_is_time_for() -> None:
    queue = Queue(2, 0.02, constant=True)
    rates = {}
    for patience in (80.0, math.inf):
        hunt = Hunt(SLO, queue.saturation, seed=4, curve=False, patience=patience)
        at = 0
        while (shot := hunt.next_shot()) is not None and hunt.confirmation is None:
            at += 1
            hunt.take(shot, shot_at(queue, shot, at))
        assert hunt.confirmation is not None
        rates[patience] = hunt.confirmation.rate
        left = min(patience - hunt.spent["search"], 1000)
        assert (
            least_requests(hunt.confirmation.rate, queue.saturation) / hunt.confirmation.rate < left
        )
    assert rates[80.0] <= rates[math.inf]


def test_an_overload_does_not_tell_how_misses_cluster_below_the_capacity() -> None:
    search = Search(SLO, 1000, seed=1)
    for _ in range(6):
        search.observe(RateProbe(rate=500, count=500, missed=(0,)))
        search.observe(RateProbe(rate=990, count=990, missed=(0,)))
        search.observe(RateProbe(rate=1000, count=1000, missed=(990,)))
    search.found()
    assert search.posteriors[0].phi > 50
    assert search.phis[0] < 15


def test_too_many_misses_try_the_next_rate_down() -> None:
    test = Confirmation(SLO, 100, [1.0])
    test.observe(RateProbe(rate=100, count=1000, missed=(30,)))
    assert test.rate == pytest.approx(92)
    assert (test.attempt, test.windows) == (2, [])


@pytest.mark.slow
def test_false_certificates_are_fewer_than_promised() -> None:
    import numpy as np

    source = np.random.default_rng(5)
    passed = 0
    for _ in range(400):
        test = Confirmation(SLO, 100, [1.0])
        for _ in range(60):
            if test.certified is not None:
                break
            test.observe(
                RateProbe(rate=test.rate, count=200, missed=(int(source.binomial(200, 0.0105)),))
            )
        passed += test.certified is not None
    assert passed <= 0.05 * 400


def test_clusters_count_as_fewer() -> None:
    assert design_effect([10, 11, 9, 10, 10, 9], [1000] * 6, 0.01, before=1.0) == pytest.approx(
        1, abs=0.01
    )
    assert design_effect([60, 0, 0, 0, 0, 0], [1000] * 6, 0.01, before=1.0) > 20


@pytest.mark.parametrize(
    ("missed", "expected"),
    [([0] * 20, 0.0), ([5] * 10 + [0] * 10, 1.0), ([5] * 5 + [0] * 15, 0.0), ([5] * 20, None)],
)
def test_recovery_ends_with_the_last_slice_that_missed(
    missed: list[int], expected: float | None
) -> None:
    assert recovery_seconds(missed, [20] * 20, 0.2, 0.01) == (
        None if expected is None else pytest.approx(expected)
    )


def asked_about(rate: float, capacity_of_it: float) -> Hunt:
    hunt = Hunt(SLO, 1000, seed=1, rate=rate, curve=False)
    while (shot := hunt.next_shot()) is not None:
        count = round(shot.rate * shot.window_seconds)
        late = min(count, round(count * 0.01 * (shot.rate / capacity_of_it) ** 20))
        hunt.take(shot, RateProbe(rate=shot.rate, count=count, missed=(late,)))
    return hunt


def test_a_rate_below_what_was_certified_is_held_and_not_asked_about_again() -> None:
    hunt = asked_about(50, 700)
    assert hunt.holds is True
    assert hunt.spent["holds"] == 0


def test_a_rate_beyond_the_capacity_is_not_held() -> None:
    hunt = asked_about(900, 700)
    assert hunt.holds is False
    assert hunt.spent["holds"] == 0


def test_a_rate_in_between_is_tested_by_itself() -> None:
    hunt = asked_about(660, 700)
    assert hunt.certified is not None
    assert hunt.certified < 660
    assert hunt.spent["holds"] > 0
    assert hunt.holds is not False, (
        "it is kept, if only just: that is held or unknown, and never denied"
    )


def test_before_anything_is_known_nothing_is_said_of_the_rate() -> None:
    assert Hunt(SLO, 1000, seed=1, rate=50).holds is None


def test_a_single_rate_is_refuted_by_misses_alone() -> None:
    test = Confirmation(SLO, 100, [1.0], steps=False)
    for _ in range(20):
        test.observe(RateProbe(rate=100, count=2000, missed=(12,)))
    assert (test.refuted, test.rate) == (False, 100)
    test = Confirmation(SLO, 100, [1.0], steps=False)
    test.observe(RateProbe(rate=100, count=2000, missed=(60,)))
    assert test.refuted


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0, 2.0])
def test_a_patient_objective_does_not_make_a_server_faster(seconds: float) -> None:
    slo = Slo(clauses=(Clause(text="p99", share=0.01, seconds=seconds),))
    queue = Queue(1, 0.0025, constant=True)
    hunt = Hunt(slo, queue.saturation, seed=2, curve=False)
    at = 0
    while (shot := hunt.next_shot()) is not None:
        at += 1
        times = simulate(queue, shot.rate, shot.settle_seconds, shot.window_seconds, at)
        hunt.take(
            shot,
            RateProbe(
                rate=shot.rate, count=len(times), missed=(sum(one > seconds for one in times),)
            ),
        )
    assert hunt.found is not None
    assert hunt.found.high <= queue.saturation
    assert hunt.certified is not None
    assert hunt.certified <= 0.95 * queue.saturation


def test_an_objective_that_is_always_missed_has_no_capacity() -> None:
    hunt = Hunt(SLO, 1000, seed=1)
    while (shot := hunt.next_shot()) is not None:
        count = round(shot.rate * shot.window_seconds)
        hunt.take(shot, RateProbe(rate=shot.rate, count=count, missed=(count,)))
    assert hunt.found is None
    assert hunt.search.hopeless
    assert hunt.spent["confirm"] == hunt.spent["curve"] == 0


def test_failures_that_were_never_seen_are_no_clusters() -> None:
    slo = Slo(
        clauses=(
            Clause(text="p99<1s", share=0.01, seconds=1.0),
            Clause(text="errors<0.1%", share=0.001),
        )
    )
    search = Search(slo, 1000, seed=1)
    for rate in (500.0, 600.0, 700.0):
        search.observe(RateProbe(rate=rate, count=1000, missed=(20, 0)))
    assert search.phis[1] == 1.0
    assert search.phis[0] > 1.0
    search.observe(RateProbe(rate=700.0, count=1000, missed=(20, 3)))
    assert search.phis[1] > 1.0


def test_a_clause_that_has_passed_waits_for_the_others() -> None:
    slo = Slo(
        clauses=(
            Clause(text="p99<1s", share=0.01, seconds=1.0),
            Clause(text="errors<1%", share=0.01),
        )
    )
    test = Confirmation(slo, 100, [8.0, 1.0])
    test.observe(RateProbe(rate=100, count=3000, missed=(2, 0)))
    assert (test.rate, test.attempt, test.certified) == (100, 1, None)
    while test.certified is None:
        test.observe(RateProbe(rate=100, count=3000, missed=(2, 0)))
        assert len(test.windows) < 10
    assert test.certified == 100
