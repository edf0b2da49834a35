"""How overlaps are counted and where a staircase ends: tables of cases."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker.explain.counting import (
    MOST_AT_ONCE,
    limit_in,
    most_in,
    most_overlapping,
    stairs_for,
    wait_for,
)
from whichworker.result.explain import Stair


def stairs(*counts: tuple[int, int]) -> list[Stair]:
    return [
        Stair(
            view="sync",
            at_once=at_once,
            overlapped=overlapped,
            answered=at_once,
            wait_seconds=0.2,
            seconds=0.2,
            threads=1,
        )
        for at_once, overlapped in counts
    ]


@pytest.mark.parametrize(
    ("stays", "most"),
    [
        ([], 0),
        ([(0.0, 1.0)], 1),
        ([(0.0, 1.0), (1.0, 2.0)], 1),
        ([(0.0, 1.0), (0.5, 2.0)], 2),
        ([(0.0, 1.0), (0.5, 2.0), (1.0, 3.0), (1.5, 1.6)], 3),
    ],
)
def test_stays_overlap_while_both_last(stays: list[tuple[float, float]], most: int) -> None:
    assert most_overlapping(stays) == most


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=30))
def test_the_most_is_what_counting_at_every_begin_finds(drawn: list[tuple[int, int]]) -> None:
    stays = [(float(began), float(began + lasted)) for began, lasted in drawn]
    counted = max(
        (sum(began <= at < ended for began, ended in stays) for at, _ in stays), default=0
    )
    assert most_overlapping(stays) == counted


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, [1, 2, 4]),
        (4, [1, 2, 4, 8, 16]),
        (20, [1, 2, 4, 8, 16, 32, 64, 80]),
        (None, [1, 2, 4, 8, 16, 32, 64, 128, 256]),
        (1000, [1, 2, 4, 8, 16, 32, 64, 128, 256]),
    ],
)
def test_stairs_go_to_four_times_the_limit(limit: int | None, expected: list[int]) -> None:
    assert stairs_for(limit) == expected


def test_more_wait_longer_unless_few_can_meet() -> None:
    waits = [wait_for(at_once) for at_once in stairs_for(None)]
    assert all(one <= other for one, other in pairwise(waits))
    assert wait_for(MOST_AT_ONCE) > 1, "a second after a full accept queue TCP knocks again"
    assert wait_for(MOST_AT_ONCE, 4) == wait_for(4)


@pytest.mark.parametrize(
    ("found", "limit"),
    [
        (stairs((1, 1)), None),
        (stairs((1, 1), (2, 1), (4, 1)), 1),
        (stairs((2, 2), (4, 4), (8, 4), (16, 4)), 4),
        (stairs((32, 20), (64, 20), (80, 20)), 20),
        (stairs((128, 128), (256, 256)), None),
        (stairs((128, 128), (256, 240)), None),
        (stairs((64, 60), (128, 50), (256, 70)), None),
        (stairs((4, 4), (8, 5), (16, 4)), None),
    ],
)
def test_a_limit_is_a_landing_of_two_stairs(found: list[Stair], limit: int | None) -> None:
    assert limit_in(found) == limit


def test_the_most_of_no_stair_is_nothing() -> None:
    assert most_in([]) is None
    assert most_in(stairs((1, 1), (2, 2))) == 2
