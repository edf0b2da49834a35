"""Whether a server is saturated, read from a slice beside other programs."""

from __future__ import annotations

import msgspec
import pytest

from whichworker.design import slice_sizes
from whichworker.race.ready import MOST_TURN_SECONDS, affordable, busy, patience
from whichworker.store.records import Slice

ALONE = Slice(
    round=0,
    place=0,
    arm="daphne",
    generation=1,
    requests=400,
    seconds=0.4,
    responses=440,
    whole_seconds=0.5,
    at=0.0,
    server_cpu_seconds=0.48,
    foreign_share=0.0,
)


def beside(used: float | None, foreign: float | None) -> Slice:
    return msgspec.structs.replace(ALONE, server_cpu_seconds=used, foreign_share=foreign)


@pytest.mark.parametrize(
    ("used", "foreign", "cores", "saturated"),
    [
        (0.48, 0.0, 1, True),
        (0.30, 0.0, 1, False),  # it waits for something
        (0.48, None, 1, True),
        (0.30, 0.38, 1, True),  # a neighbour has the rest
        (0.20, 0.38, 1, False),  # the rest is idle
        (0.60, 0.38, 2, True),
        (0.0, 1.0, 1, True),  # no CPU was left, so more connections cannot help
    ],
)
def test_a_server_that_uses_all_that_others_leave_is_saturated(
    used: float, foreign: float | None, cores: int, saturated: bool
) -> None:
    share = busy(beside(used, foreign), cores)
    assert share is not None
    assert (share >= slice_sizes.BUSY) is saturated


def test_a_server_whose_cpu_time_is_unknown_may_or_may_not_be_saturated() -> None:
    assert busy(beside(None, 0.0), 1) is None


@pytest.mark.parametrize(
    ("per_second", "connections"), [(1000.0, 15_000), (4.0, 60), (1 / 7, 2), (0.01, 2)]
)
def test_a_slow_app_gets_connections_that_have_a_turn(per_second: float, connections: int) -> None:
    assert affordable(per_second) == connections
    assert connections == 2 or connections / per_second <= MOST_TURN_SECONDS


@pytest.mark.parametrize(
    ("connections", "per_second", "response_seconds", "least"),
    [
        (32, 20.0, 0.07, 6.4),  # an interleaving server has all of its responses after 1.6 s
        (8, 1000.0, 0.001, 0.5),
        (4, 0.5, 2.0, 32.0),
    ],
)
def test_a_rung_waits_for_four_turns(
    connections: int, per_second: float, response_seconds: float, least: float
) -> None:
    turn = connections / per_second
    part = slice_sizes.size(connections, per_second)
    assert patience(part, response_seconds, turn) == pytest.approx(least)


@pytest.mark.parametrize(
    ("used", "connections"),
    [(0.95, 8), (0.5, 8), (0.25, 16), (0.05, 32), (0.0, 32), (None, 32)],
)
def test_slow_responses_that_are_computed_need_few_connections(
    used: float | None, connections: int
) -> None:
    assert slice_sizes.slow_rung(used) == connections
