"""Search and confirmation against queues of known capacity, in virtual time."""

from __future__ import annotations

import statistics

import msgspec
import numpy as np
import pytest
from scipy import stats

from tests.oracle import served
from tests.oracle.queues import Queue, capacity, late, simulate
from whichworker.design.capacity.confirmation import ALPHA, LEAST_SECONDS, Confirmation
from whichworker.design.capacity.hunt import Hunt, ShotPlan, recovery_seconds
from whichworker.design.capacity.posterior import (
    SLOPE,
    Posterior,
    RateProbe,
    Search,
    _log_at_most,
    reached,
)
from whichworker.design.capacity.slo import parse
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


@pytest.mark.parametrize("name", ["M/M/1", "M/D/4"])
def test_a_virtual_server_is_late_as_often_as_its_queue(name: str) -> None:
    case = served.case(name, 500.0)
    due, took = case.server.times(case.exact, 1500.0, np.random.default_rng(2), 0.0)
    assert due.size == pytest.approx(1500 * case.exact, rel=0.01)
    assert (took > case.seconds).mean() == pytest.approx(0.01, rel=0.3)


@pytest.mark.parametrize(("name", "times"), [("stalls", 10), ("two classes", 10)])
def test_a_capacity_found_by_simulation_is_that_of_another_simulation(
    name: str, times: int
) -> None:
    case = served.case(name, 500.0, times)
    late = []
    for share in (0.94, 1.0, 1.06):
        due, took = case.server.times(share * case.exact, 1800.0, np.random.default_rng(3), 0.0)
        late.append((took > case.seconds).mean())
        assert due.size == took.size
    assert late[0] < 0.01 < late[2]
    assert late[1] == pytest.approx(0.01, rel=0.2)


def test_a_stalled_server_works_on_where_it_stopped() -> None:
    case = served.case("stalls", 500.0)
    due, took = case.server.times(100.0, 60.0, np.random.default_rng(4), 30.0)
    stalled = (due > 30) & (due < 30.9)
    assert took[stalled] == pytest.approx(31 - due[stalled] + 0.08, abs=0.3)
    assert took[due < 29.9].max() < 0.2


def test_a_reflected_walk_reaches_its_steady_tail_in_time() -> None:
    rng = np.random.default_rng(6)
    step, paths, level, drift = 0.02, 4000, np.array(2.0), np.array(0.5)
    walk, late = np.zeros(paths), {}
    for at in range(1, 601):
        walk = np.maximum(0, walk + rng.normal(-drift * step, np.sqrt(step), paths))
        late[at] = (walk > level).mean()
    steady = np.exp(-2 * drift * level)
    for at in (50, 150, 600):
        expected = float(steady * reached(level, drift, np.array(at * step)))
        assert late[at] == pytest.approx(expected, rel=0.15, abs=0.015), at
    assert reached(level, drift, np.array(1e4)) == pytest.approx(1)
    assert reached(level, np.array(0.0), np.array(1e6)) == pytest.approx(1, abs=0.01)


def test_every_probe_leads_to_a_distribution() -> None:
    clause = SLO.clauses[0]
    for missed in (0, 1, 300, 1000):
        for rate in (1.0, 500.0, 999.9, 1000.0, 5000.0):
            posterior = Posterior(clause, 1000.0)
            posterior.observe(probe(rate, 1000, missed), missed)
            rates = [posterior.quantile(q) for q in (0.05, 0.5, 0.95)]
            assert 0 < rates[0] < rates[1] < rates[2] < 1100
            assert posterior.below(rates[1]) == pytest.approx(0.5, abs=0.01)


def probe(rate: float, count: int, *missed: int, seconds: float = 2.0) -> RateProbe:
    return RateProbe(
        rate=rate, count=count, missed=missed, settle_seconds=1.0, window_seconds=seconds
    )


def test_more_misses_mean_a_lower_capacity() -> None:
    few, many = Posterior(SLO.clauses[0], 1000), Posterior(SLO.clauses[0], 1000)
    for _ in range(5):
        few.observe(probe(500, 1000, 0), 0)
        many.observe(probe(500, 1000, 400), 400)
    assert few.quantile(0.5) > 500 > many.quantile(0.5)


def test_one_stall_is_less_evidence_than_as_many_misses_in_every_probe() -> None:
    once, often = Posterior(SLO.clauses[0], 1000), Posterior(SLO.clauses[0], 1000)
    for at in range(8):
        once.observe(probe(600, 1200, 400 * (at == 3)), 400 * (at == 3))
        often.observe(probe(600, 1200, 50), 50)
    assert often.below(600) > 0.95 > once.below(600)


def test_an_empty_probe_changes_nothing() -> None:
    posterior = Posterior(SLO.clauses[0], 1000)
    before = posterior.quantile(0.5)
    posterior.observe(probe(500, 0, 0), 0)
    assert posterior.quantile(0.5) == before


TWO = Slo(
    clauses=(
        Clause(text="p99<1s", share=0.01, seconds=1.0),
        Clause(text="errors<0.1%", share=0.001, seconds=None),
    )
)


def test_the_clause_that_is_missed_first_binds() -> None:
    search = Search(TWO, 1000, seed=1)
    for rate in (300.0, 500.0, 600.0, 700.0) * 2:
        search.observe(probe(rate, 1000, 0, 30 if rate > 400 else 0))
    assert search.binding() == "errors<0.1%"
    assert search.found().value < 600
    assert search.below(600) > 0.5 > search.posteriors[0].below(600)


def test_the_next_rate_follows_what_is_known_and_is_the_same_whenever_one_asks() -> None:
    search = Search(SLO, 1000, seed=1)
    first = search.next_rate()
    assert first == search.next_rate() < 1000
    search.observe(probe(first, 700, 600))
    assert search.next_rate() < first


def confirmation(capacity: float = 800.0) -> Confirmation:
    """After a search that found about this capacity."""
    search = Search(SLO, 1000, seed=1)
    for at in range(12):
        rate = capacity * (0.9 + 0.02 * at)
        late = round(rate * 0.01 * (rate / capacity) ** 15)
        search.observe(probe(rate, round(rate), late))
    return Confirmation(search, 950.0)


def test_a_rate_passes_after_windows_of_its_own_and_not_before() -> None:
    test = confirmation()
    low = test.search.quantile(ALPHA)
    assert low < test.rate < test.search.quantile(0.5)
    tested, seconds = test.rate, 0.0
    while test.certified is None:
        assert seconds < LEAST_SECONDS
        test.observe(probe(tested, round(4 * tested), 0, seconds=4.0))
        seconds += 4.0
    assert seconds >= LEAST_SECONDS
    assert low < test.certified <= tested
    assert test.search.below(test.certified) <= ALPHA + 0.005


def test_a_rate_that_misses_too_much_is_given_up_for_a_lower_one() -> None:
    test = confirmation()
    first = test.rate
    for _ in range(8):
        test.observe(probe(test.rate, 3000, 300, seconds=4.0))
    assert test.rate < 0.98 * first
    assert test.certified is None


def test_what_is_learnt_later_lowers_a_validated_rate() -> None:
    test = confirmation()
    while test.certified is None:
        test.observe(probe(test.rate, 3000, 0, seconds=4.0))
    before = test.certified
    for _ in range(6):
        test.search.observe(probe(0.9 * before, 3000, 300, seconds=4.0))
    assert test.certified is not None
    assert test.certified < before


def test_a_single_rate_passes_or_is_refuted_by_its_misses() -> None:
    for missed, passes in ((0, True), (600, False)):
        search = Search(SLO, 1000, seed=1)
        test = Confirmation(search, 1000, first=500.0, steps=False)
        for _ in range(30):
            test.observe(probe(500, 2000, missed, seconds=4.0))
        assert (test.rate, test.refuted) == (500, not passes)
        assert (test.certified == 500) is passes


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


def seen_at(shot: ShotPlan, count: int, late: int) -> RateProbe:
    return RateProbe(
        rate=shot.rate,
        count=count,
        missed=(late,),
        settle_seconds=shot.settle_seconds,
        window_seconds=shot.window_seconds,
    )


def asked_about(rate: float, capacity_of_it: float) -> Hunt:
    hunt = Hunt(SLO, 1000, seed=1, rate=rate, curve=False)
    while (shot := hunt.next_shot()) is not None:
        count = round(shot.rate * shot.window_seconds)
        late = min(count, round(count * 0.01 * (shot.rate / capacity_of_it) ** 20))
        hunt.take(shot, seen_at(shot, count, late))
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
    hunt = asked_about(690, 700)
    assert hunt.certified is not None
    assert hunt.certified < 690
    assert hunt.spent["holds"] > 0
    assert hunt.holds is not False, (
        "it is kept, if only just: that is held or unknown, and never denied"
    )


def test_before_anything_is_known_nothing_is_said_of_the_rate() -> None:
    assert Hunt(SLO, 1000, seed=1, rate=50).holds is None


def test_an_objective_that_is_always_missed_has_no_capacity() -> None:
    hunt = Hunt(SLO, 1000, seed=1)
    while (shot := hunt.next_shot()) is not None:
        count = round(shot.rate * shot.window_seconds)
        hunt.take(shot, seen_at(shot, count, count))
    assert hunt.found is None
    assert hunt.search.hopeless
    assert hunt.spent["confirm"] == hunt.spent["curve"] == 0


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0, 2.0])
def test_a_patient_objective_does_not_make_a_server_faster(seconds: float) -> None:
    server = served.Served(1, 400.0, "constant")
    hunt = served.hunted(served.Case(server, seconds, server.throughput), 2)
    assert hunt.found is not None
    assert hunt.found.value <= 1.03 * server.throughput
    assert hunt.certified is not None
    assert hunt.certified <= server.throughput


HUNTS = 25


@pytest.mark.parametrize(("name", "times"), [("M/M/1", 10), ("M/D/4", 10), ("two classes", 50)])
def test_intervals_cover_exact_capacities_and_validated_rates_are_seldom_too_high(
    name: str, times: int
) -> None:
    case = served.case(name, 500.0, times)
    hunts = [served.hunted(case, seed) for seed in range(HUNTS)]
    found = [hunt.found for hunt in hunts]
    covered = sum(one is not None and one.low <= case.exact <= one.high for one in found)
    certified = [hunt.certified / case.exact if hunt.certified else 0.0 for hunt in hunts]
    assert covered >= 0.75 * HUNTS
    assert sum(one > 1 for one in certified) <= 0.1 * HUNTS
    assert sum(one > 0 for one in certified) >= 0.9 * HUNTS
    assert statistics.median(certified) > 0.75
    spent = [hunt.spent["search"] + hunt.spent["confirm"] for hunt in hunts]
    assert statistics.median(spent) <= 65


def test_a_bounded_probe_has_the_chance_of_so_many_misses_or_fewer() -> None:
    p, correlation = np.array([0.002, 0.02, 0.2]), np.array([0.01, 0.05, 0.3])
    total = 1 / correlation - 1
    for missed in (0, 3, 15, 16, 17, 40, 400, 3000):
        exact = stats.betabinom.cdf(missed, 3000, p * total, (1 - p) * total)
        assert np.exp(_log_at_most(missed, 3000, p, correlation)) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(
    ("name", "throughput", "times"), [("M/D/1", 3000.0, 300), ("M/D/4", 500.0, 10)]
)
def test_beside_a_neighbour_a_lower_rate_is_validated_and_never_a_wrong_one(
    name: str, throughput: float, times: int
) -> None:
    case = served.case(name, throughput, times)
    hunts = [served.hunted(case, seed, 0.3) for seed in range(12)]
    certified = [hunt.certified / case.exact if hunt.certified else 0.0 for hunt in hunts]
    assert max(certified) <= 1
    assert sum(one > 0.2 for one in certified) >= 10
    assert sum(probe.bounded for hunt in hunts for probe in hunt.search.seen) > 50
    too_low = sum(hunt.found is None or hunt.found.high < case.exact for hunt in hunts)
    assert too_low <= 3


def test_a_faster_core_makes_no_faster_server() -> None:
    """Misses at a rate that is 0.9 of full load on a usual core, and 0.75 on a fast one."""
    usual, fast = (Posterior(SLO.clauses[0], 1000.0) for _ in range(2))
    probe = RateProbe(rate=900, count=3600, missed=(60,), settle_seconds=1, window_seconds=4)
    usual.observe(probe, 60)
    fast.observe(msgspec.structs.replace(probe, speed=1.2), 60)
    assert fast.quantile(0.5) < 0.95 * usual.quantile(0.5)


@pytest.mark.parametrize(("name", "share"), [("M/M/1", 0.2), ("M/D/4", 0.05)])
def test_a_route_with_few_of_the_requests_has_the_capacity_of_its_queue(
    name: str, share: float
) -> None:
    case = served.case(name, 500.0)._replace(route_share=share)
    hunts = [served.hunted(case, seed) for seed in range(HUNTS)]
    found = [hunt.found for hunt in hunts]
    covered = sum(one is not None and one.low <= case.exact <= one.high for one in found)
    certified = [hunt.certified / case.exact if hunt.certified else 0.0 for hunt in hunts]
    assert covered >= 0.75 * HUNTS
    assert sum(one > 1 for one in certified) <= 0.1 * HUNTS
    assert statistics.median(certified) > 0.6


def on_routes(rate: float, count: int, counts: tuple[int, ...], *missed: int) -> RateProbe:
    return msgspec.structs.replace(probe(rate, count, *missed), counts=counts)


def test_the_clause_of_the_route_that_is_late_binds() -> None:
    slo = Slo(
        clauses=(
            Clause(text="p99<100ms on /a", share=0.01, seconds=0.1, route="/a"),
            Clause(text="p99<100ms", share=0.01, seconds=0.1),
        )
    )
    search = Search(slo, 1000.0, seed=1)
    for _ in range(8):
        search.observe(on_routes(500, 1000, (50, 1000), 4, 4))
    assert search.binding() == "p99<100ms on /a"
    assert search.quantile(0.5) < 500 < search.posteriors[1].quantile(0.5)


def test_a_tenth_of_a_cluster_is_as_much_evidence_on_a_tenth_of_the_requests() -> None:
    medians = []
    for part in (1, 10):
        posterior = Posterior(SLO.clauses[0], 1000)
        for at in range(8):
            late = 400 * (at == 3)
            posterior.observe(probe(600, 1200, late), late // part, 1200 // part)
        medians.append(posterior.quantile(0.5))
    assert medians[1] == pytest.approx(medians[0], rel=0.06)


def test_a_probe_without_requests_on_the_route_says_nothing() -> None:
    before, after = Posterior(SLO.clauses[0], 1000), Posterior(SLO.clauses[0], 1000)
    after.observe(probe(600, 1200, 0), 0, 0)
    assert after.quantile(0.5) == before.quantile(0.5)


def test_a_rate_is_kept_if_each_route_is_in_time_by_its_own_count() -> None:
    for missed, kept in ((2, True), (4, False)):
        test = Confirmation(Search(SLO, 1000, seed=1), 1000, first=500.0, steps=False)
        for _ in range(5):
            test.observe(
                msgspec.structs.replace(on_routes(500, 2000, (300,), missed), window_seconds=4.0)
            )
        assert (test.kept is not None) is kept


def test_the_speed_of_the_core_is_over_the_median_probe_as_far_as_the_server_computes() -> None:
    turns = (1e-4, 1.1e-4, 1e-4, None, 2e-4)
    for busy in (0.0, 0.5, 1.0):
        search = Search(SLO, 1000.0, seed=1, busy=busy)
        for turn in turns:
            search.observe(msgspec.structs.replace(probe(500, 600, 0), turn_seconds=turn))
            if len(search.turns) < 3:
                assert search.speed_at(3e-4) == 1.0, "two readings have no usual one"
        assert search.speed_at(None) == 1.0
        assert search.speed_at(2e-4) == pytest.approx((1.05 / 2) ** (SLOPE * busy))


def test_a_slow_core_in_the_first_probe_makes_no_lower_capacity() -> None:
    """All of the first probe is late on a core that is 20 % slower; later ones are in time."""
    bounds = {}
    for turn in (1.25e-4, 1e-4):
        search = Search(parse("p99<100ms"), 4600.0, seed=1)
        search.observe(msgspec.structs.replace(probe(4386, 5289, 5289), turn_seconds=turn))
        for rate in (4000, 4100, 4000, 4050):
            search.observe(msgspec.structs.replace(probe(rate, rate, 0), turn_seconds=1e-4))
        bounds[turn] = search.quantile(0.03)
    assert bounds[1.25e-4] > 3500
    assert bounds[1e-4] < bounds[1.25e-4]


def test_a_later_window_may_spoil_a_test() -> None:
    test = Confirmation(Search(SLO, 1000, seed=1), 1000, first=500.0, steps=False)
    window = msgspec.structs.replace(probe(500, 2000, 0), window_seconds=4.0)
    for _ in range(4):
        test.observe(window)
    assert test.kept == 500.0
    test.observe(msgspec.structs.replace(window, missed=(1000,)))
    assert test.kept is None
