"""The response times of each route: merged windows, sums of misses, and intervals."""

from __future__ import annotations

import pytest

from whichworker.judge.route_times import route_times
from whichworker.model.histogram import Histogram
from whichworker.store.open_loop import RouteCount

CLAUSE = "p99<100ms on /health"


def counted(
    milliseconds: float, count: int, *, lost: int = 0, slices: int = 10, **missed: int
) -> RouteCount:
    times, part = Histogram(), Histogram()
    spread = [round(milliseconds * 1e6 * (1 + at / count)) for at in range(count)]
    times.record_all(spread)
    part.record_all(spread[::slices])
    return RouteCount(
        due=count + lost,
        response=times.to_hdr(),
        slices=(part.to_hdr(),) * slices,
        missed={CLAUSE: missed["missed"]} if missed else {},
    )


def test_the_windows_of_a_route_are_one_sample() -> None:
    health, report = route_times(
        [
            {"/health": counted(1, 500, missed=3), "/report": counted(900, 100)},
            {"/health": counted(3, 500, lost=2, missed=4), "/report": counted(900, 100)},
        ],
        1202,
        0.5,
    )
    assert (health.name, health.requests, health.lost) == ("/health", 1002, 2)
    assert (health.missed, report.missed) == ({CLAUSE: 7}, {})
    assert health.p50 == pytest.approx(0.0025, rel=0.3)
    assert report.p50 == pytest.approx(1.35, rel=0.02)
    low, high = health.intervals["p50"]
    assert low <= (health.p50 or 0.0) <= high


def test_too_few_requests_have_no_percentile_and_no_interval() -> None:
    (few,) = route_times([{"/report": counted(900, 30)}], 30, 0.5)
    assert few.p50 is not None
    assert few.p99 is None
    assert "p99" not in few.intervals
    (unsliced,) = route_times([{"/health": counted(1, 5000, slices=1)}], 5000, 0.5)
    assert unsliced.p99 is not None
    assert unsliced.intervals == {}


def test_a_part_of_the_requests_has_a_part_of_each_cluster() -> None:
    window = {"/health": counted(1, 2000)}
    widths = []
    for requests in (4000, 80_000):
        (route,) = route_times([window, window], requests, 0.7)
        low, high = route.intervals["p50"]
        widths.append(high - low)
    assert widths[1] < 0.7 * widths[0]


def test_a_route_without_requests_has_no_line() -> None:
    idle = RouteCount(due=0, response=Histogram().to_hdr())
    assert route_times([{"/idle": idle}], 10, 0.5) == ()
    assert route_times([], 0) == ()
    (lost,) = route_times([{"/lost": RouteCount(due=5, response=Histogram().to_hdr())}], 5)
    assert (lost.requests, lost.lost, lost.p50) == (5, 5, None)
