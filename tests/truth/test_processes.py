"""Two hundred launches of all contenders, each ended with a request in flight: nothing is left."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest
from tests import storm

pytestmark = [pytest.mark.truth, pytest.mark.timeout(1800)]

SEED, LAUNCHES = 20, 200


def test_nothing_is_left_of_two_hundred_launches(tmp_path: Path) -> None:
    bench, weather, began = storm.shelter(tmp_path), random.Random(SEED), time.monotonic()
    gusts = storm.forecast(SEED, LAUNCHES)
    wrong = {}
    for place, gust in enumerate(gusts):
        if complaints := storm.blow(bench, gust, weather):
            wrong[place, *gust] = complaints
            print(f"  {place:3} {gust.server:18} {gust.end:12} {'; '.join(complaints)}")
    ends = ", ".join(
        f"{end} {count}" for end, count in sorted(Counter(gust.end for gust in gusts).items())
    )
    print(
        f"  {len(gusts)} launches in {time.monotonic() - began:.0f} s: {ends}; "
        f"{len(wrong)} left something"
    )
    assert not wrong
