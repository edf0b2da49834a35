"""Whose capacity is worth knowing."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.conftest import changed
from tests.judge.stories import Story

from whichworker.design.capacity.slo import parse
from whichworker.judge.finalists import finalists
from whichworker.model import Question

COPIES = ("waitress",) * 4


def noisy(name: str, number: int) -> float:
    return 400.0 * math.exp(random.Random(f"{name} {number}").gauss(0, 0.05))


def asked(story: Story, seconds: float, rate: float | None = None) -> Question:
    """The same question with a capacity, and so much time."""
    return changed(
        story.asked,
        slo=parse("p99<200ms"),
        rate=rate,
        budget=replace(story.asked.budget, seconds=seconds),
    )


def test_a_clear_winner_stands_alone(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds()
    found = finalists(asked(story, 300), story.race, story.journal())
    assert list(found) == ["granian-wsgi"]
    assert found["granian-wsgi"] == pytest.approx(2000, rel=0.1)


@pytest.mark.parametrize(("seconds", "places"), [(100, 1), (220, 2), (300, 3), (900, 3)])
def test_whoever_may_be_as_fast_has_a_place_while_there_is_time(
    seconds: float, places: int, tmp_path: Path
) -> None:
    story = Story(tmp_path, COPIES).rounds(10, noisy)
    assert len(story.race.alive) == 4
    found = finalists(asked(story, seconds), story.race, story.journal())
    assert len(found) == places
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_with_a_rate_the_cheapest_that_do_more_than_it(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds()
    assert list(finalists(asked(story, 900, 500.0), story.race, story.journal())) == [
        "granian-wsgi",
        "gunicorn-gthread",
    ]
    assert list(finalists(asked(story, 900, 1500.0), story.race, story.journal())) == [
        "granian-wsgi"
    ]
    assert finalists(asked(story, 900, 9000.0), story.race, story.journal()) == {}


def test_an_arm_without_a_rank_is_none(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(2)
    assert finalists(asked(story, 300), story.race, story.journal()) == {}


def test_an_arm_that_failed_is_none(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(1, fail="granian-wsgi").rounds()
    assert list(finalists(asked(story, 300), story.race, story.journal())) == ["gunicorn-gthread"]
