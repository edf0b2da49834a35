"""Whose response is correct, without any app running."""

from __future__ import annotations

import pytest

from whichworker.question.voices import ALONE, Voice, agree
from whichworker.workloads.learning import Seen

PAGE = "<html><p>the shop, secure: {}</p><p>nothing else is here</p></html>"


def voice(name: str, *texts: str, status: int = 200, later: tuple[str, ...] = ()) -> Voice:
    def seen(text: str) -> Seen:
        return Seen(status, "text/html", PAGE.format(text).encode())

    return Voice(name, tuple(map(seen, texts)), tuple(map(seen, later)))


def never(name: str) -> Voice:
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("voices", "odd"),
    [
        ((voice("a", "x"), voice("b", "x"), voice(ALONE, "x")), ""),
        ((voice("a", "x", status=301), voice("b", "x"), voice(ALONE, "x")), "a"),
        ((voice("a", "x"), voice("b", "x", status=404), voice(ALONE, "x")), "b"),
        ((voice("a", "x"), voice("b", "x"), voice(ALONE, "x", status=500)), ALONE),
        ((voice("a", "x", status=301), voice(ALONE, "x")), "a"),
        ((voice("a", "x"), voice(ALONE, "x", status=500)), ALONE),
        ((voice("a", "x"),), ""),
    ],
)
def test_most_voices_count_and_then_the_app_itself(voices: tuple[Voice, ...], odd: str) -> None:
    found = agree(voices, never)
    assert [one.name for one in found.differing] == ([odd] if odd else [])
    assert {one.status for one in found.seen} == {200}


def test_a_body_that_one_server_always_gives_is_its_habit() -> None:
    voices = (voice("a", "no", "no"), voice("b", "yes", "yes"), voice(ALONE, "yes", "yes"))
    found = agree(voices, lambda name: voice(name, "no", "no"))
    assert [one.name for one in found.differing] == ["a"]
    chance = agree(voices, lambda name: voice(name, "maybe", "maybe"))
    assert not chance.differing
    assert len(chance.seen) == 6


@pytest.mark.parametrize(
    "voices",
    [
        (voice("a", "1", "2"), voice("b", "1", "2"), voice(ALONE, "1", "2")),
        (voice("a", "now"), voice("b", "then"), voice(ALONE, "then", later=("tomorrow",))),
        (voice("a", "1"), voice("b", "2"), voice(ALONE, "3")),
    ],
)
def test_what_changes_by_itself_is_nobodys_habit(voices: tuple[Voice, ...]) -> None:
    found = agree(voices, never)
    assert not found.differing
    assert len({one.body for one in found.seen}) > 1


def test_another_time_says_nothing_if_it_ends_a_login() -> None:
    gone = Voice(ALONE, voice("", "x").seen, voice("", "x", status=403).seen)
    found = agree((voice("a", "x"), voice("b", "x"), gone), never)
    assert {one.status for one in found.seen} == {200}
    assert not found.differing


def test_a_voice_that_varies_decides_nothing() -> None:
    mixed = Voice("a", (*voice("", "x").seen, *voice("", "x", status=404).seen))
    found = agree((mixed, voice(ALONE, "x")), never)
    assert {one.status for one in found.seen} == {200, 404}
