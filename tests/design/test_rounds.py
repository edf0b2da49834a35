"""Rounds: an order that a resumed run repeats, and that favours nobody."""

from __future__ import annotations

import pytest

from whichworker.design.rounds import random_round


@pytest.mark.parametrize("number", [1, 2, 77])
def test_the_order_is_a_function_of_seed_number_and_names(number: int) -> None:
    names = [f"arm-{place}" for place in range(10)]
    planned = random_round(number, names, seed=5)
    assert planned == random_round(number, list(reversed(names)), seed=5)
    assert planned.number == number
    assert sorted(planned.order) == sorted(names)
    assert planned != random_round(number, names, seed=6)
    assert planned.order != random_round(number + 1, names, seed=5).order


def test_the_order_never_changes_between_versions() -> None:
    """A journal of an earlier version is resumed in the same order."""
    assert random_round(3, ["a", "b", "c", "d", "e"], seed=42).order == ("d", "a", "e", "b", "c")


def test_every_arm_comes_first_about_equally_often() -> None:
    first = [
        random_round(number, ["a", "b", "c", "d"], seed=9).order[0] for number in range(1, 401)
    ]
    assert all(70 <= first.count(name) <= 130 for name in "abcd")
