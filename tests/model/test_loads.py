"""When a generator spins: one rule for the engines that do it and the judges that excuse it."""

from __future__ import annotations

import pytest

from whichworker.model import Address, Load, Pace, Stage

RECOVERY = (Stage(1.0, 24_000.0, 24_000.0), Stage(9.0, 3000.0, 3000.0))
"""An overload and the calm after it: a peak of 24 000/s, 5100/s on average."""


def load(pace: Pace | None, threads: int = 1, connections: int = 100) -> Load:
    return Load(
        address=Address("127.0.0.1", 1),
        host="x",
        requests=(),
        connections=connections,
        settle_seconds=0.0,
        window_seconds=10.0,
        pace=pace,
        threads=threads,
    )


def steady(rate: float, spin: bool | None = None) -> Pace:
    return Pace(stages=(Stage(10.0, rate, rate),), spin=spin)


@pytest.mark.parametrize(
    ("asked", "spins"),
    [
        (load(None), False),  # a closed loop never waits for the clock
        (load(steady(10_000.0)), False),
        (load(steady(10_001.0)), True),
        (load(steady(1.0, spin=True)), True),
        (load(steady(50_000.0, spin=False)), False),
        (load(steady(15_000.0), threads=2), False),
        (load(steady(21_000.0), threads=2), True),
        (load(steady(15_000.0), threads=2, connections=1), True),  # only one thread has work
        (load(Pace(stages=RECOVERY)), False),  # by its mean, not by its peak
    ],
)
def test_a_generator_spins_by_the_mean_rate_on_each_thread(asked: Load, spins: bool) -> None:
    assert asked.spins is spins


def test_the_mean_rate_of_a_ramp_is_its_middle() -> None:
    assert Pace(stages=(Stage(4.0, 0.0, 100.0), Stage(4.0, 100.0, 0.0))).mean_rate == 50.0
    assert Pace(stages=(Stage(0.0, 9.0, 9.0),)).mean_rate == 0.0
