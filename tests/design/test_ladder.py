"""Tables for whether more connections would bring more."""

from __future__ import annotations

import pytest

from whichworker.design.ladder import MOST, flattened, rung_seconds


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({}, False),
        ({1: 100.0}, False),
        ({1: 100.0, 2: 200.0}, False),
        ({1: 100.0, 2: 103.0}, False),
        ({1: 100.0, 2: 103.0, 4: 103.0}, True),
        ({1: 1000.0, 2: 1030.0, 4: 1031.0}, False),
        ({1: 100.0, 2: 60.0, 4: 55.0}, True),
        ({1: 100.0, 2: 60.0, 4: 155.0}, False),
        ({1: 100.0, 2: 190.0, 4: 300.0, 8: 305.0, 16: 301.0}, True),
        ({16: 301.0, 8: 305.0, 4: 300.0, 2: 190.0, 1: 100.0}, True),
        ({64: 100.0, 128: 200.0, 256: 201.0}, True),
        ({2**power: 100.0 * 2**power for power in range(9)}, False),
        ({1: 100.0, 64: 150.0}, False),
    ],
)
def test_whether_more_connections_would_bring_more(seen: dict[int, float], expected: bool) -> None:
    assert flattened(seen) is expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({1: 50.0, 2: 52.0, 4: 51.0}, True),
        ({1: 50.0, 2: 53.0, 4: 51.0}, False),
        ({1: 5.0, 2: 5.9, 4: 5.5}, True),
        ({1: 5.0, 2: 6.5, 4: 6.0}, False),
    ],
)
def test_an_answer_more_is_no_gain(seen: dict[int, float], expected: bool) -> None:
    assert flattened(seen) is expected


@pytest.mark.parametrize(("pool", "rungs"), [(1, 3), (4, 5), (16, 7)])
def test_climbing_ends_at_what_a_pool_can_serve(pool: int, rungs: int) -> None:
    seen: dict[int, float] = {}
    while not flattened(seen) and 2 ** len(seen) <= MOST:
        seen[2 ** len(seen)] = 50.0 * min(2 ** len(seen), pool)
    assert len(seen) == rungs


@pytest.mark.parametrize(
    ("before", "seconds"), [(None, 0.25), (5000.0, 0.25), (160.0, 0.25), (50.0, 0.8), (3.0, 2.0)]
)
def test_rungs_of_slow_servers_are_longer(before: float | None, seconds: float) -> None:
    assert rung_seconds(before) == pytest.approx(seconds)
