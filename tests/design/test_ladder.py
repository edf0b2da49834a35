"""Tables for the ladder of connections and the length of a window."""

from __future__ import annotations

import pytest

from whichworker.design.ladder import LONGEST_WINDOW, MOST, knee, next_rung, window_seconds


@pytest.mark.parametrize(
    ("seen", "following", "saturating"),
    [
        ({1: 100.0}, 2, 1),
        ({1: 100.0, 2: 200.0}, 4, 2),
        ({1: 100.0, 2: 103.0}, 4, 2),
        ({1: 100.0, 2: 103.0, 4: 103.0}, None, 1),
        ({1: 100.0, 2: 103.0, 4: 103.1}, 8, 4),
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
