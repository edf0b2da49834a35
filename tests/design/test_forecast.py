"""Forecasts: what makes them longer, and when there is none."""

from __future__ import annotations

import math

import msgspec
import pytest

from whichworker.design.forecast import FARTHEST_FORECAST, Outlook, rounds_to_decide

GAP = math.log1p(0.03)
USUAL = Outlook(
    mean=0.05, noise=0.1, rounds=36, generations=3, launches=2.0, launch_sd=0.012, birge=1.0
)


def forecast(limit: float = 120.0, **changed: float) -> int | None:
    return rounds_to_decide(msgspec.structs.replace(USUAL, **changed), limit=limit, gap=GAP)


@pytest.mark.parametrize(
    ("changed", "least", "most"),
    [
        ({}, 50, 400),
        ({"mean": 0.7}, 1, 1),
        ({"mean": -0.7}, 1, 1),
        ({"mean": 0.0}, 100, FARTHEST_FORECAST),
        ({"noise": 0.01, "launch_sd": 0.001}, 1, 30),
        ({"launches": 0.0, "generations": 1}, 15, 200),
    ],
)
def test_a_table(changed: dict[str, float], least: int, most: int) -> None:
    found = forecast(**changed)
    assert found is not None and least <= found <= most


@pytest.mark.parametrize(
    "harder",
    [{"noise": 0.12}, {"launch_sd": 0.018}, {"birge": 1.5}, {"mean": 0.042}, {"limit": 1320.0}],
)
def test_what_makes_it_longer(harder: dict[str, float]) -> None:
    easy, hard = forecast(), forecast(**harder)
    assert easy is not None and (hard is None or hard > easy)


def test_half_of_delta_takes_longest() -> None:
    waits = [
        forecast(mean=mean, noise=0.03, launch_sd=0.003) for mean in (0.0, GAP / 2, GAP, 3 * GAP)
    ]
    assert all(wait is not None for wait in waits)
    assert max(wait or 0 for wait in waits) == waits[1]


def test_no_forecast_beyond_a_thousand_rounds() -> None:
    assert forecast(mean=0.015, noise=1.0) is None
