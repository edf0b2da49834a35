"""Rounds of slices: what the statistics see of a slice, and the order of a round."""

from __future__ import annotations

import random
from collections.abc import Sequence

from msgspec import Struct

TWIN = "(twin)"
"""The name of the second copy of one arm, which runs in every round and is never listed."""


class Heard(Struct, frozen=True):
    """One slice as the statistics see it.

    `log_rate` is the natural logarithm of correct responses per second of the counted part, and
    `at_seconds` the middle of that part on a monotonic clock. `core` is the thermometer: the
    logarithm of the CPU seconds of a fixed interpreter loop, higher on a slower core, or None.
    An arm may occur several times in a round; `place` counts the slices of the round from 0.
    """

    arm: str
    place: int
    generation: int
    log_rate: float
    at_seconds: float
    core: float | None


class Round(Struct, frozen=True):
    """One slice of each of these arms, in this order; the twin stands in it as TWIN."""

    number: int
    order: tuple[str, ...]


def random_round(number: int, names: Sequence[str], seed: int) -> Round:
    """A round in random order.

    The order is a function of the seed, the number and the set of names alone, so that a resumed
    run repeats it. A random order gives every pair the same distances on average, and drift
    favours no arm. The weights of `contrasts.weigh` compare neighbours: after one second of slices
    of 13 arms without a thermometer, their log ratio to the leader has a standard deviation of
    9.3 %, the same as with the leader's slice after each challenger, which takes twice as many
    slices (plain differences: 11.4 and 12.7 %); two challengers 9.3 % instead of 13 %.
    """
    order = sorted(names)
    random.Random(f"{seed}/{number}").shuffle(order)
    return Round(number, tuple(order))
