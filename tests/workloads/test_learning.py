"""The correct response, learnt from a few of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from itertools import permutations

import pytest

from whichworker.workloads.learning import (
    Seen,
    change,
    learn,
    minutes_between,
    stable_parts,
    without_toolbar,
)

PAGE = (
    b"<html><head><title>A page that is long enough</title></head><body><p>%d</p>"
    b"<footer>always the same footer</footer></body></html>"
)


def test_equal_answers_must_be_equal() -> None:
    found = learn([Seen(200, "text/html", b"same")] * 4)
    assert found is not None
    assert found.answer.body == b"same"
    assert found.answer.headers == (("Content-Type", "text/html"),)
    assert found.compared == 1.0


def test_what_changes_is_masked() -> None:
    found = learn([Seen(200, "text/html", PAGE % number) for number in (1, 22, 333, 4)])
    assert found is not None
    assert found.answer.body is None
    assert 0.5 < found.compared < 1.0
    assert all(part in PAGE % 99 for part in found.answer.contains)
    assert any(b"footer" in part for part in found.answer.contains)


TOOLED = (
    b"<html><body><p>A page that is long enough</p>%s<div><h3>Templates (%d rendered)</h3>"
    b"<pre>&lt;/body&gt;</pre></div></div></body></html>"
)


@pytest.mark.parametrize(
    "tool",
    [
        b'<div id="djDebugRoot" data-theme="auto">',
        b'<div id="djDebug" class="djdt-hidden">',
        b'<div id="flDebug" style="display:none;">',
        b'<div id="pDebug">',
    ],
)
def test_a_debugging_toolbar_is_not_compared_even_if_it_never_changed(tool: bytes) -> None:
    seen = [Seen(200, "text/html", without_toolbar(TOOLED % (tool, 9)))] * 4
    found = learn(seen)
    assert found is not None
    assert found.answer.body is None
    assert found.change == "it has a debugging toolbar"
    under_load = TOOLED % (tool, 21)
    assert found.answer.contains
    assert all(part in under_load for part in found.answer.contains)
    assert not all(part in under_load.replace(b"page", b"fault") for part in found.answer.contains)


def test_a_page_without_a_toolbar_is_compared_as_it_is() -> None:
    for body in (
        b"",
        PAGE % 1,
        b'<div id="djDebugging">',
        b'<p class="djDebug">',
        b"\x89PNG\0\xff",
    ):
        assert without_toolbar(body) == body


def test_what_changes_altogether_is_compared_by_its_status() -> None:
    found = learn([Seen(200, "text/plain", bytes([65 + at]) * 40) for at in range(4)])
    assert found is not None
    assert (found.compared, found.answer.contains, found.answer.body) == (0.0, (), None)


def test_answers_of_two_kinds_are_none() -> None:
    assert learn([Seen(200, "text/html", b"a"), Seen(302, "text/html", b"")]) is None
    assert learn([Seen(200, "text/html", b"a"), Seen(200, "application/json", b"a")]) is None


def test_json_of_one_line_is_compared_value_by_value() -> None:
    bodies = [
        b'{"name": "a long enough name", "now": %d, "place": "somewhere far away"}' % now
        for now in (1, 2, 3)
    ]
    parts = stable_parts(bodies)
    assert any(b"a long enough name" in part for part in parts)
    assert not any(b"now" in part and b": 1" in part for part in parts)


STAMPED = (
    b'<html>\n<meta name="created" content="22nd Nov 2026 05:59" />\n'
    b"<p>The best of all shops, since 1999</p>\n</html>"
)


def test_what_shows_the_time_of_day_is_not_compared() -> None:
    seen = [Seen(200, "text/html", STAMPED)] * 2
    whole = learn(seen, minutes=(30, 31))
    assert whole is not None
    assert whole.answer.body == STAMPED
    timeless = learn(seen, minutes=(58, 59))
    assert timeless is not None
    assert timeless.answer.body is None
    assert any(b"best of all shops" in part for part in timeless.answer.contains)
    assert not any(b"05:59" in part for part in timeless.answer.contains)


@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("12:58", True),
        ("at 5:58 pm", True),
        ("2026-11-29T12:58:03.25Z", True),
        ("uptime:23:58", True),
        ("12:04:58", False),
        ("2026-11-29T12:04:58.160+00:00", False),
        ("24:58", False),
        ("112:58", False),
        ("12:580", False),
    ],
)
def test_only_hours_and_minutes_are_a_time_of_day(text: str, is_time: bool) -> None:
    body = f"<p>The best of all shops, since 1999</p><p>{text}</p>".encode()
    found = learn([Seen(200, "text/html", body)] * 2, minutes=(58, 59))
    assert found is not None
    assert (found.answer.body is None) is is_time
    assert not found.change


NEWS = (
    "<html><head><title>The newest articles of the shop</title></head><body>{}"
    "<p>Ask for a lower price, or for another one</p></body></html>"
)
BEGAN = 1_793_613_570.0
"""Seconds since the epoch: half a minute before a full hour."""
CLOCKS: dict[str, Callable[[float], str]] = {
    "minutes": lambda now: f"<p>vor {int(now - BEGAN + 300) // 60} Minuten</p>",
    "words": lambda now: f"<p>{'just now' if now < BEGAN + 40 else 'a minute ago'}</p>",
    "hour": lambda now: f"<p>{time.strftime('%I:%M %p', time.gmtime(now))}</p>",
    "day": lambda now: f"<p>{time.strftime('%A, %d %B', time.gmtime(now))}</p>",
    "header": lambda now: f"<p>{formatdate(now)}</p>",
    "epoch": lambda now: f"<script>window.now={int(now)};</script>",
    "version": lambda now: f"<script src='/a.js?v={int(now * 1000)}'></script>",
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("later", [11.0, 31.0, 59.0, 61.0, 600.0])
def test_a_page_is_correct_at_another_time(clock: str, later: float) -> None:
    """Learnt within 5 s, and from the app alone a day, an hour and a minute ahead."""
    times = (0.0, 0.3, 1.1, 3.2, 4.0 + 90_061.0)
    pages = [NEWS.format(CLOCKS[clock](BEGAN + one)).encode() for one in (*times, later)]
    found = learn(
        [Seen(200, "text/html", body) for body in pages[:-1]], minutes_between(BEGAN, BEGAN + 5)
    )
    assert found is not None
    assert found.answer.body is None
    assert found.compared > 0.7
    assert all(part in pages[-1] for part in found.answer.contains)
    assert any(
        part not in NEWS.format("").encode().replace(b"lower", b"higher")
        for part in found.answer.contains
    )


ITEMS = ("a red bicycle with bell", "a blue kettle", "a green lamp for the desk")


@pytest.mark.parametrize(
    "form",
    [
        "<html><title>all that there is</title><ul>{}</ul></html>",
        '{{"name": "the whole catalogue", "items": [{}], "version": "no. 7"}}',
        "the first line of this page\n{}\nand its last line",
    ],
)
@pytest.mark.parametrize("between", ["</li><li>", '", "', "\n", ";"])
def test_an_order_that_changes_is_not_compared(form: str, between: str) -> None:
    every = [form.format(between.join(items)).encode() for items in permutations(ITEMS)]
    found = learn([Seen(200, "", every[0]), Seen(200, "", every[1])])  # they begin alike
    assert found is not None
    assert found.answer.contains
    assert all(part in body for part in found.answer.contains for body in every)


def test_a_change_is_shown_with_what_stands_around_it() -> None:
    before, after = (b"x" * 99 + b"offered %d minutes ago" % count for count in (12, 13))
    assert change(before, before) == ""
    shown = change(before, after)
    assert "offered 12 minutes ago' became " in shown
    assert shown.endswith("offered 13 minutes ago'")
    assert len(shown) < 130
    assert change(b"a", b"ab") == "'a' became 'ab'"
