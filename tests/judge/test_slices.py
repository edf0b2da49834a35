"""What the slices of each arm add up to."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from tests.judge.stories import BUSY, OldStory, Story, rate_of, reading

from whichworker.design.rounds import TWIN
from whichworker.judge.slices import MOST_STRETCHES, Sliced
from whichworker.store.records import BlockEnd, Launched, RoundEnd, Window

ONE = ("granian-wsgi",)
FLAT = 1000.0


def sliced(story: Story) -> Sliced:
    return Sliced(story.journal(), story.settled.twin_of)


def long(folder: Path, rounds: int) -> Story:
    """So many rounds of two arms, whether anything is left to decide or not."""
    story = Story(folder, ("granian-wsgi", "waitress"))
    for number in range(1, rounds + 1):
        story.one_round(number, ("granian-wsgi", "waitress", TWIN), lambda name, at: FLAT + at)
    return story


def test_the_twins_slices_are_its_arms(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(4)
    seen = sliced(story)
    assert {name: len(seen.of(name)) for name in story.settled.contenders} == {
        "gunicorn-gthread": 4,
        "granian-wsgi": 8,
        "waitress": 4,
    }
    assert (seen.twin_rounds, seen.rounds, seen.of(TWIN)) == (4, 4, [])
    assert seen.launches == {"gunicorn-gthread": 1, "granian-wsgi": 2, "waitress": 1}
    apart = Sliced(story.journal())
    assert len(apart.of(TWIN)) == len(apart.of("granian-wsgi")) == 4


def test_throughput_is_the_geometric_mean_and_cpu_the_median(tmp_path: Path) -> None:
    story = Story(tmp_path, ONE)
    story.add(
        *(
            story.slice("granian-wsgi", number, 0, rate)
            for number, rate in ((1, 500.0), (2, 2000.0))
        )
    )
    story.add(
        RoundEnd(number=1),
        story.slice("granian-wsgi", 2, 0, 1000.0),
        RoundEnd(number=2, seconds=0.5),
    )
    seen = sliced(story)
    assert seen.throughput("granian-wsgi") == pytest.approx(1000.0)
    assert seen.cpu_seconds_per_request("granian-wsgi") == pytest.approx(0.9 / 1000)
    assert seen.round_seconds == [0.0, 0.5]
    assert (seen.throughput("waitress"), seen.cpu_seconds_per_request("waitress")) == (None, None)


@pytest.mark.parametrize(
    ("rounds", "stretches", "width"),
    [(1, 1, 1), (40, 40, 1), (41, 21, 2), (80, 40, 2), (81, 27, 3), (400, 40, 10)],
)
def test_a_long_race_has_no_more_than_forty_stretches(
    rounds: int, stretches: int, width: int, tmp_path: Path
) -> None:
    story = long(tmp_path, rounds)
    found = list(sliced(story).stretches("waitress"))
    assert len(found) == stretches <= MOST_STRETCHES
    assert [one.block for one in found] == list(range(1, stretches + 1))
    first = [FLAT + number for number in range(1, min(width, rounds) + 1)]
    rate = math.prod(first) ** (1 / len(first))
    assert found[0].throughput_per_second == pytest.approx(rate, rel=1e-5)
    assert found[0].cpu_seconds_per_request == pytest.approx(0.9 / rate, rel=1e-5)


def test_an_arm_that_left_early_has_no_later_stretches(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(4)
    for number in range(5, 11):
        story.one_round(number, ("granian-wsgi", TWIN), rate_of)
    seen = sliced(story)
    assert [one.block for one in seen.stretches("waitress")] == [1, 2, 3, 4]
    assert [one.block for one in seen.stretches("granian-wsgi")] == list(range(1, 11))


def test_a_slice_that_was_refused_counts_for_nothing_but_its_repeat(tmp_path: Path) -> None:
    plain, refused = (
        sliced(Story(tmp_path / "a").rounds(3)),
        sliced(Story(tmp_path / "b").rounds(3, refusals=2)),
    )
    assert refused.throughput("waitress") == pytest.approx(plain.throughput("waitress") or 0)
    assert refused.refused == {"gunicorn-gthread": 6, "granian-wsgi": 12, "waitress": 6}
    assert refused.tried == {"gunicorn-gthread": 9, "granian-wsgi": 18, "waitress": 9}
    assert (refused.lost, refused.planned) == (0, 12)
    assert (plain.lost, plain.planned, sum(plain.refused.values())) == (0, 12, 0)


def test_a_slice_that_stayed_refused_is_lost_once(tmp_path: Path) -> None:
    seen = sliced(Story(tmp_path).rounds(3, refusals=3, lost=True))
    assert (seen.lost, seen.planned) == (12, 12)
    assert sum(seen.tried.values()) == 36
    assert seen.throughput("waitress") is None and list(seen.stretches("waitress")) == []


@pytest.mark.parametrize("end", [[], [RoundEnd(number=2, abandoned=True)]])
def test_a_torn_round_counts_for_nothing(end: list[RoundEnd], tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(1)
    before = sliced(story)
    story.add(story.slice("waitress", 2, 0, 7.0), story.slice(TWIN, 2, 1, 7.0), *end)
    after = sliced(story)
    assert after.throughput("waitress") == before.throughput("waitress")
    assert (after.rounds, after.twin_rounds, after.round_seconds) == (
        before.rounds,
        before.twin_rounds,
        before.round_seconds,
    )


def test_a_slice_whose_cpu_is_unknown_has_a_rate(tmp_path: Path) -> None:
    story = Story(tmp_path, ONE)
    known = story.slice("granian-wsgi", 1, 0, 1000.0)
    changed = {name: getattr(known, name) for name in known.__struct_fields__} | {
        "server_cpu_seconds": None
    }
    story.add(type(known)(**changed), RoundEnd(number=1))
    seen = sliced(story)
    assert seen.throughput("granian-wsgi") == pytest.approx(1000.0)
    assert seen.cpu_seconds_per_request("granian-wsgi") is None
    assert [one.cpu_seconds_per_request for one in seen.stretches("granian-wsgi")] == [None]


def test_a_portrait_is_no_measurement_of_the_race(tmp_path: Path) -> None:
    seen = sliced(Story(tmp_path))
    assert {name: len(readings) for name, readings in seen.portraits.items()} == dict.fromkeys(
        ("gunicorn-gthread", *ONE, "waitress"), 1
    )
    assert (seen.tried, seen.planned, seen.throughput("waitress")) == ({}, 0, None)


def test_windows_of_old_journals_are_measurements_and_portraits_and_launches(
    tmp_path: Path,
) -> None:
    story = OldStory(tmp_path).blocks(3)
    lost = Window(
        block=4, arm="waitress", reading=reading(7.0, "waitress", repeats=5, refused=BUSY)
    )
    seen = sliced(story.add(lost, BlockEnd(number=4, abandoned=True)))
    assert {name: len(seen.of(name)) for name in story.settled.contenders} == {
        "gunicorn-gthread": 3,
        "granian-wsgi": 6,
        "waitress": 3,
    }
    assert {name: len(readings) for name, readings in seen.portraits.items()} == {
        "gunicorn-gthread": 3,
        "granian-wsgi": 6,
        "waitress": 3,
    }
    assert seen.launches == {"gunicorn-gthread": 3, "granian-wsgi": 6, "waitress": 3}
    assert (seen.lost, seen.planned, seen.refused["waitress"]) == (6, 18, 6)
    assert (seen.rounds, seen.round_seconds) == (3, [])


def test_launches_of_the_twin_are_its_arms(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(2).relaunch()
    assert sliced(story).launches == {"gunicorn-gthread": 2, "granian-wsgi": 4, "waitress": 2}
    assert sum(isinstance(record, Launched) for record in story.records) == 8
