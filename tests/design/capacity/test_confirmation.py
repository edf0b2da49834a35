"""A rate is validated by windows that kept it, and by no server that neglects or stalls."""

from __future__ import annotations

import pytest

from whichworker.design.capacity.confirmation import LEAST_SECONDS, Confirmation
from whichworker.design.capacity.hunt import Hunt
from whichworker.design.capacity.posterior import RateProbe, Search
from whichworker.design.capacity.slo import parse

SLO = parse("p99<100ms")
WINDOW = 4.0


def probe(rate: float, *, starved: int = 0, silence: float = 0.0, late: float = 0.0) -> RateProbe:
    count = round(rate * WINDOW)
    return RateProbe(
        rate=rate,
        count=count,
        missed=(round(late * count),),
        settle_seconds=1.0,
        window_seconds=WINDOW,
        starved=starved,
        silence_seconds=silence,
    )


def after(*odd: RateProbe, steps: bool = True) -> Confirmation:
    """A rate of half the full load, tested by good windows after the odd ones."""
    found = Confirmation(Search(SLO, 1000.0, seed=1), 950.0, first=500.0, steps=steps)
    for seen in odd:
        found.observe(seen)
    while found.seconds < 2 * LEAST_SECONDS and found.rate == 500.0 and not found.done:
        found.observe(probe(500.0))
    return found


def test_good_windows_validate_a_rate() -> None:
    assert 0.0 < (after().certified or 0.0) <= 500.0


def test_a_neglected_connection_ends_the_test_of_all_rates() -> None:
    found = after(probe(500.0, starved=1))
    assert (found.done, found.starves, found.certified) == (True, True, None)


def test_a_neglected_connection_refutes_the_rate_of_the_user() -> None:
    assert after(probe(500.0, starved=1), steps=False).refuted
    assert not after(steps=False).refuted


def test_after_a_stall_the_queue_is_late_the_longer_the_higher_the_load() -> None:
    """0.3 s of 36 s: 0.2 s are late in the stall itself, 0.36 s may be, so 44 % of full load."""
    found = after(probe(440.0, silence=0.3))
    every = sum(seen.window_seconds for seen in found.search.watched)
    assert found.outlasting == pytest.approx(1000 * (1 - 0.2 / (0.01 * every)))
    assert after().outlasting == 1000.0
    assert (found.certified or 0.0) <= found.outlasting
    alone = after(probe(500.0, silence=0.3), steps=False)
    assert alone.certified is None
    assert alone.kept is None


@pytest.mark.parametrize(
    ("silence", "stalls"),
    [(0.0, False), (0.09, False), (0.2, False), (1.0, True)],
    ids=["none", "within the objective", "below one in a hundred", "1 s in 36 s"],
)
def test_stalls_that_miss_the_objective_by_themselves_validate_nothing(
    silence: float, stalls: bool
) -> None:
    found = after(probe(500.0, silence=silence))
    assert found.stalls is stalls
    assert (found.certified is None) is stalls


def test_a_stall_in_the_latency_curve_takes_the_validation_back() -> None:
    hunt = Hunt(SLO, 1000.0, seed=1)
    while (shot := hunt.next_shot()) is not None and shot.phase != "curve":
        late = 0.01 * (shot.rate / 700) ** 20
        hunt.take(shot, probe(shot.rate, late=min(1.0, late)))
    assert shot is not None
    assert hunt.certified is not None
    hunt.take(shot, probe(shot.rate, silence=5.0, late=0.9))
    assert hunt.certified is None
