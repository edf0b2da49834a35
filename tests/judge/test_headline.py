"""How sure the answer is: clear, tied, undecided or invalid, and what deciding would take."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from tests.judge.stories import END, OldStory, Story, rate_of, reading

from whichworker.design.rounds import TWIN
from whichworker.judge import headline
from whichworker.judge.headline import (
    ALL_FAILED,
    LAUNCHES,
    NONE_MEASURED,
    rounds_to_decide,
    seconds_of_a_round,
    verdict_of,
)
from whichworker.judge.replay import PORTRAIT
from whichworker.judge.slices import Sliced
from whichworker.result import RaceVerdict, Validity
from whichworker.store.records import Window

VALID, INVALID = Validity(state="valid"), Validity(state="invalid", reasons=("two copies differ",))
COPIES = ("waitress", "waitress", "waitress")


def quiet(name: str, number: int) -> float:
    """Equal arms, and hardly any noise."""
    return 400.0 * math.exp(random.Random(f"{name} {number}").gauss(0, 0.002))


def noisy(name: str, number: int) -> float:
    """Equal arms, and so much noise that a few rounds say nothing."""
    return 400.0 * math.exp(random.Random(f"{name} {number}").gauss(0, 0.05))


def verdict(story: Story, validity: Validity = VALID) -> RaceVerdict:
    return verdict_of(story.race, Sliced(story.journal(), story.settled.twin_of), validity)


def test_a_clear_winner_is_faster_than_each_of_the_others(tmp_path: Path) -> None:
    found = verdict(Story(tmp_path).rounds())
    assert (found.state, found.leader, found.tied_with, found.undecided_against) == (
        "clear",
        "granian-wsgi",
        (),
        (),
    )
    assert found.seconds_to_decide is None
    assert "granian-wsgi" in found.headline and "2 other" in found.headline


def test_whoever_is_within_delta_is_tied(tmp_path: Path) -> None:
    story = Story(tmp_path, COPIES[:2])
    while story.race.next_round() and story.generation < 60:
        story.rounds(5, quiet).relaunch()
    found = verdict(story)
    assert found.state == "tied", story.race.pairs()
    assert {found.leader, *found.tied_with} == set(story.settled.contenders)
    assert found.undecided_against == () and found.seconds_to_decide is None
    assert (
        all(name in found.headline for name in story.settled.contenders) and "3%" in found.headline
    )


def test_what_is_open_has_the_seconds_that_it_takes(tmp_path: Path) -> None:
    story = Story(tmp_path, COPIES).rounds(12, noisy).relaunch().rounds(12, noisy)
    found, sliced = verdict(story), Sliced(story.journal(), story.settled.twin_of)
    assert found.state == "undecided" and found.leader is not None
    assert set(found.undecided_against) | set(found.tied_with) == set(story.settled.contenders) - {
        found.leader
    }
    assert found.undecided_against
    rounds = rounds_to_decide(story.race)
    assert rounds is not None and found.seconds_to_decide == pytest.approx(
        rounds * seconds_of_a_round(sliced)
    )
    assert found.leader in found.headline and all(
        name in found.headline for name in found.undecided_against
    )


def test_names_beyond_the_third_are_counted(tmp_path: Path) -> None:
    found = verdict(Story(tmp_path, ("waitress",) * 6).rounds(6, noisy))
    assert len(found.undecided_against) == 5
    assert "2 more" in found.headline
    assert sum(name in found.headline.split() for name in found.undecided_against) <= 3


@pytest.mark.parametrize("rounds", [0, 3, 12])
def test_an_invalid_run_names_no_leader(rounds: int, tmp_path: Path) -> None:
    found = verdict(Story(tmp_path).rounds(rounds), INVALID)
    assert (found.state, found.leader, found.tied_with, found.undecided_against) == (
        "invalid",
        None,
        (),
        (),
    )


@pytest.mark.parametrize(("rounds", "missing"), [(1, 3), (3, 1)])
def test_too_few_rounds_are_undecided_and_the_rest_is_told_in_seconds(
    rounds: int, missing: int, tmp_path: Path
) -> None:
    story = Story(tmp_path).rounds(rounds)
    found = verdict(story)
    assert (found.state, found.leader) == ("undecided", None)
    assert found.seconds_to_decide == pytest.approx(missing * LAUNCHES * 4 * 0.055)


def test_a_few_rounds_have_the_seconds_of_those_that_a_forecast_needs(tmp_path: Path) -> None:
    story = Story(tmp_path, COPIES).rounds(5, noisy)
    found, sliced = verdict(story), Sliced(story.journal(), story.settled.twin_of)
    assert found.seconds_to_decide == pytest.approx(
        (headline.LEAST_ROUNDS - 5) * seconds_of_a_round(sliced)
    )
    assert "5 rounds are too few; give it more with --time" in found.headline


def test_without_a_round_nobody_knows_how_long_one_takes(tmp_path: Path) -> None:
    found = verdict(Story(tmp_path))
    assert (found.state, found.seconds_to_decide) == ("undecided", None)
    assert "--time" in found.headline
    nothing = verdict_of(None, Sliced(Story(tmp_path, settle=False).journal()), VALID)
    assert (nothing.state, nothing.leader) == ("undecided", None)


def test_one_arm_has_nobody_to_be_faster_than(tmp_path: Path) -> None:
    found = verdict(Story(tmp_path, ["granian-wsgi"]).rounds())
    assert (found.state, found.leader) == ("clear", "granian-wsgi")
    assert "only" in found.headline and "faster" not in found.headline


def test_an_arm_that_failed_stands_in_nobodys_way(tmp_path: Path) -> None:
    found = verdict(Story(tmp_path).rounds(1, fail="gunicorn-gthread").rounds())
    assert (found.state, found.leader) == ("clear", "granian-wsgi")
    assert "gunicorn-gthread" not in found.undecided_against


def test_arms_whose_heat_had_no_time_are_not_beaten(tmp_path: Path) -> None:
    """Two of three were raced, the third was to be raced after them."""
    story = Story(
        tmp_path, heats=(("granian-wsgi", "gunicorn-gthread"), ("granian-wsgi", "waitress"))
    )
    for number in range(1, 11):
        order = ("granian-wsgi", "gunicorn-gthread", TWIN)
        story.one_round(number, order, rate_of)
    found = verdict(story)
    assert story.race.listed == ["gunicorn-gthread", "granian-wsgi"]
    assert found.state == "undecided"
    assert found.undecided_against == ("waitress",)


def test_a_leader_of_too_few_rounds_is_no_winner(tmp_path: Path) -> None:
    """The last heat had begun, and its arm looked twice as fast in two rounds."""
    story = Story(
        tmp_path, heats=(("gunicorn-gthread", "waitress"), ("gunicorn-gthread", "granian-wsgi"))
    )
    for number in range(1, 11):
        story.one_round(number, ("gunicorn-gthread", "waitress"), rate_of)
    for number in (11, 12):
        story.one_round(number, ("gunicorn-gthread", "granian-wsgi"), rate_of)
    assert story.race.leader() == "granian-wsgi" and "granian-wsgi" not in story.race.listed
    found = verdict(story)
    assert (found.state, "granian-wsgi" in found.headline) == ("undecided", True)


def test_rounds_of_old_journals_have_no_seconds(tmp_path: Path) -> None:
    story = OldStory(tmp_path).blocks(2).add(END)
    assert seconds_of_a_round(Sliced(story.journal())) == 0.0


@pytest.mark.parametrize(
    ("behind", "passed", "words"),
    [
        (
            ("a", "b"),
            ("c",),
            (
                "x leads: it is faster than 2 of the 3 others;"
                " c may be as fast, but not faster by more than 3%"
            ),
        ),
        ((), ("c", "d"), "x leads: c and d may be as fast, but not faster by more than 3%"),
    ],
)
def test_who_left_without_a_claim_is_not_called_slower(
    behind: tuple[str, ...], passed: tuple[str, ...], words: str
) -> None:
    assert headline._leads("x", behind, passed, 0.03) == words


def test_what_the_calibration_knows_is_said_if_there_was_no_time_for_more(tmp_path: Path) -> None:
    story = Story(tmp_path)
    for name, rate in (("waitress", 412.0), ("granian-wsgi", 1990.0)):
        story.add(Window(block=PORTRAIT, arm=name, reading=reading(rate, name)))
    found = verdict(story)
    assert (found.state, found.leader) == ("undecided", None)
    assert "waitress about 412/s" in found.headline
    assert "granian-wsgi about 1,990/s" in found.headline


@pytest.mark.parametrize("reason", [ALL_FAILED, NONE_MEASURED])
def test_a_run_without_a_number_says_that_instead_of_doubt(reason: str, tmp_path: Path) -> None:
    found = verdict(Story(tmp_path), Validity(state="invalid", reasons=(reason,)))
    assert found.headline == f"No verdict: {reason}"
