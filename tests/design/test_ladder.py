"""Tables for the ladder of connections and the length of a window."""

from __future__ import annotations

import pytest

from whichworker.design.ladder import (
    LONGEST_WINDOW,
    MOST,
    flattened,
    knee,
    next_rung,
    rung_seconds,
    together,
    window_seconds,
)


@pytest.mark.parametrize(
    ("seen", "following", "saturating"),
    [
        ({1: 100.0}, 2, 1),
        ({1: 100.0, 2: 200.0}, 4, 2),
        ({1: 100.0, 2: 103.0}, 4, 2),
        ({1: 100.0, 2: 103.0, 4: 103.0}, None, 1),
        ({1: 1000.0, 2: 1030.0, 4: 1031.0}, 8, 4),
        ({1: 100.0, 2: 60.0, 4: 55.0}, None, 1),
        ({1: 100.0, 2: 60.0, 4: 155.0}, 8, 4),
        ({1: 100.0, 2: 190.0, 4: 300.0, 8: 305.0, 16: 301.0}, None, 4),
        ({16: 301.0, 8: 305.0, 4: 300.0, 2: 190.0, 1: 100.0}, None, 4),
        ({64: 100.0, 128: 200.0, 256: 201.0}, None, 128),
        ({2**power: 100.0 * 2**power for power in range(9)}, None, MOST),
        ({12: 500.0}, 24, 12),
    ],
)
def test_the_ladder(seen: dict[int, float], following: int | None, saturating: int) -> None:
    assert next_rung(seen) == following
    assert knee(seen) == saturating


def test_the_ladder_begins_with_one_connection() -> None:
    assert next_rung({}) == 1


@pytest.mark.parametrize(("pool", "saturating"), [(1, 1), (4, 4), (16, 16), (1000, MOST)])
def test_climbing_ends_at_what_a_pool_can_serve(pool: int, saturating: int) -> None:
    seen: dict[int, float] = {}
    while rung := next_rung(seen):
        seen[rung] = 50.0 * min(rung, pool)
    assert knee(seen) == saturating
    assert max(seen) <= MOST


@pytest.mark.parametrize(
    ("response", "cold_start", "expected"),
    [
        (0.001, 0.0, 0.5),
        (0.025, 0.0, 0.5),
        (0.1, 0.0, 2.0),
        (0.3, 0.0, 6.0),
        (0.3, 40.0, 6.0),
        (0.001, 2.5, 0.5),
        (0.001, 2.6, 1.5),
        (0.1, 10.1, LONGEST_WINDOW),
    ],
)
def test_windows(response: float, cold_start: float, expected: float) -> None:
    assert window_seconds(response, cold_start) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("before", "seconds"), [(None, 0.25), (5000.0, 0.25), (160.0, 0.25), (50.0, 0.8), (3.0, 2.0)]
)
def test_rungs_of_slow_servers_are_longer(before: float | None, seconds: float) -> None:
    assert rung_seconds(before) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seen", "saturating"),
    [
        ({1: 50.0, 2: 52.0, 4: 51.0}, 1),
        ({1: 50.0, 2: 53.0, 4: 51.0}, 2),
        ({1: 5.0, 2: 5.9, 4: 5.5}, 1),
        ({1: 5.0, 2: 6.5, 4: 6.0}, 2),
    ],
)
def test_an_answer_more_is_no_gain(seen: dict[int, float], saturating: int) -> None:
    assert (
        knee(
            {**seen, 8: 50.0, 16: 50.0}
            if saturating == 2 and seen[1] > 10
            else {**seen, 8: seen[4], 16: seen[4]}
        )
        == saturating
    )


def test_whether_more_connections_would_bring_more() -> None:
    assert flattened({1: 100.0, 2: 101.0, 4: 100.0})
    assert not flattened({1: 100.0, 2: 200.0, 4: 390.0})
    assert not flattened({1: 100.0, 64: 150.0}), "a number that was asked for says nothing of more"


FAST = {
    1: 3000.0,
    2: 4000.0,
    4: 5000.0,
    8: 5100.0,
    16: 5300.0,
    32: 5480.0,
    64: 5660.0,
    128: 5850.0,
    256: 5800.0,
}
SLOW = {1: 300.0, 2: 400.0, 4: 410.0, 8: 405.0}


def test_one_rung_that_chance_made_fast_shuts_nobody_out() -> None:
    assert knee(FAST) == 128
    assert together([FAST]) == 128
    assert together([FAST, SLOW]) == 64, (
        "128 would need windows of more than five seconds of the slow one"
    )


def test_an_arm_that_needs_many_connections_has_them() -> None:
    waits = {2**power: 10.0 * 2**power for power in range(9)}
    assert together([waits, SLOW]) == MOST


def test_without_an_arm_there_is_one_connection() -> None:
    assert together([]) == 1
