"""Why there is no validated rate, from hunts that ended early; no number that was not measured."""

from __future__ import annotations

import re

from tests.design.capacity.test_posterior import SLO, seen_at

from whichworker.design.capacity.hunt import Hunt
from whichworker.judge.second_stage import unvalidated

CAPACITY = 700.0


def hunted(tests: int) -> Hunt:
    """A hunt whose time is over after the search and this many windows of the confirmation."""
    hunt, done = Hunt(SLO, 1000, seed=1, curve=False), 0
    while (shot := hunt.next_shot()) is not None:
        if shot.phase == "confirm":
            if done == tests:
                break
            done += 1
        count = round(shot.rate * shot.window_seconds)
        late = min(count, round(count * 0.01 * (shot.rate / CAPACITY) ** 20))
        hunt.take(shot, seen_at(shot, count, late))
    return hunt


def test_a_search_without_end() -> None:
    assert unvalidated(Hunt(SLO, 1000, seed=1)) == "the time ended during the search"


def test_a_rate_that_was_not_tested_has_no_probability() -> None:
    hunt = hunted(0)
    assert hunt.confirmation is not None
    said = unvalidated(hunt)
    assert re.fullmatch(r"the time ended before \d+/s was tested", said)


def test_a_test_that_was_cut_short_says_how_long_it_was() -> None:
    hunt = hunted(1)
    assert hunt.confirmation is not None and hunt.certified is None
    said = unvalidated(hunt)
    assert re.match(r"\d+/s was tested for [\d.]+ s, and misses the objective with a", said)
