"""The test of a validated rate: its windows as one sample, without a time that it does not show."""

from __future__ import annotations

import msgspec
import pytest

from whichworker.design.capacity.hunt import Hunt
from whichworker.design.capacity.slo import parse
from whichworker.judge.passed import passed_test
from whichworker.model.histogram import Histogram
from whichworker.store.open_loop import Shot

HUNT = Hunt(parse("p99<200ms"), 1000.0, seed=1)


def window(count: int, late: int, lost: int, slices: int = 12) -> Shot:
    """Quick requests but for late ones, and lost ones without a time."""
    times = Histogram()
    times.record_all([5_000_000] * (count - late - lost) + [400_000_000] * late)
    return Shot(
        arm="waitress",
        launch=1,
        phase="confirm",
        rate=600.0,
        settle_seconds=1.0,
        window_seconds=count / 600,
        count=count,
        missed=(late + lost,),
        good=count - late - lost,
        failures=(),
        response=times.to_hdr(),
        slices=((count // 12, late // 12),) * slices,
    )


def test_late_and_lost_requests_are_counted_together() -> None:
    found = passed_test(HUNT, [window(6000, 12, 8), window(6000, 0, 0)], 600.0)
    assert found is not None
    assert (found.requests, found.late, found.seconds) == (12_000, 20, 20.0)
    assert found.response_seconds == pytest.approx(0.005, rel=0.01)
    assert 0 < (found.low or 0.0) <= 0.0051 <= (found.high or 0.0) + 2e-4


def test_a_percentile_among_the_lost_requests_has_no_time() -> None:
    found = passed_test(HUNT, [window(1200, 0, 30)], 600.0)
    assert found is not None
    assert (found.late, found.response_seconds, found.low, found.high) == (30, None, None, None)


def test_windows_without_slices_have_a_time_and_no_interval() -> None:
    found = passed_test(HUNT, [window(6000, 0, 0, slices=0)], 600.0)
    assert found is not None
    assert found.response_seconds == pytest.approx(0.005, rel=0.01)
    assert (found.low, found.high) == (None, None)


def test_nothing_is_told_without_a_rate_or_for_a_clause_on_a_route() -> None:
    assert passed_test(HUNT, [], None) is None
    on_route = Hunt(parse("p99<200ms on /a"), 1000.0, seed=1)
    shot = msgspec.structs.replace(window(1200, 0, 0), counts=(600,))
    assert passed_test(on_route, [shot], 600.0) is None
