"""From slices to the rates of launches: drift is taken out, torn rounds count for nothing."""

from __future__ import annotations

import math
from random import Random

import pytest

from whichworker.store.records import Record, RoundEnd, Slice
from whichworker.studies.plan import cell_name
from whichworker.studies.rates import rates_of

STANDS = {"a": 1000.0, "b": 900.0, "c": 100.0}
CELLS = {cell_name(stand, ask): (stand, ask) for stand in STANDS for ask in ("json", "query")}


def cut(
    stand: str,
    round_: int,
    rate: float,
    at: float,
    *,
    block: int = 1,
    ask: str = "json",
    refused: str = "",
) -> Slice:
    return Slice(
        round=round_,
        place=0,
        arm=cell_name(stand, ask),
        generation=block,
        requests=100,
        seconds=100 / rate,
        responses=150,
        whole_seconds=150 / rate,
        at=at,
        refused=refused,
    )


def rounds(count: int, *, first: int = 1, block: int = 1, seed: int = 1) -> list[Record]:
    """Rounds in random order on a core whose speed falls by half meanwhile."""
    records: list[Record] = []
    for number in range(first, first + count):
        order = list(STANDS)
        Random(f"{seed}/{number}").shuffle(order)
        for place, stand in enumerate(order):
            at = number + place / 20
            records.append(
                cut(
                    stand,
                    number,
                    STANDS[stand] * math.exp(-0.7 * (at - first) / count),
                    at,
                    block=block,
                )
            )
        records.append(RoundEnd(number=number))
    return records


def test_what_the_core_did_meanwhile_does_not_tell_servers_apart() -> None:
    found = rates_of(rounds(8), CELLS)["json"]
    assert found["b"][1] - found["a"][1] == pytest.approx(math.log(0.9), abs=0.01)
    assert found["c"][1] - found["a"][1] == pytest.approx(math.log(0.1), abs=0.01)


def test_each_launch_has_its_own_rate() -> None:
    found = rates_of([*rounds(4), *rounds(4, first=5, block=2)], CELLS)["json"]
    assert set(found["a"]) == {1, 2}


def test_a_torn_round_and_refused_slices_count_for_nothing() -> None:
    whole = rounds(4)
    torn: list[Record] = [
        cut("a", 5, 1e6, 6.0),
        RoundEnd(number=5, abandoned=True),
        cut("b", 6, 1e6, 7.0),
    ]
    refused: list[Record] = [cut("a", 2, 1e6, 3.0, refused="others used 40% of the servers' cores")]
    assert rates_of([*refused, *whole, *torn], CELLS) == rates_of(whole, CELLS)


def test_slices_of_cells_that_are_not_planned_are_left_out() -> None:
    assert rates_of(rounds(2), {}) == {}


def test_one_server_alone_has_the_mean_of_its_slices() -> None:
    alone: list[Record] = [
        cut("a", 1, 100.0, 1.0),
        RoundEnd(number=1),
        cut("a", 2, 400.0, 2.0),
        RoundEnd(number=2),
    ]
    assert rates_of(alone, CELLS)["json"]["a"][1] == pytest.approx(math.log(200))
