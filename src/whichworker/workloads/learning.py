"""The correct response, learnt from the app: all of it, or the part that did not change."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Sequence

from msgspec import Struct

from whichworker.model import Answer

PIECE = re.compile(rb"[^>\n,;&]*[>\n,;&]?")
ITEM = re.compile(rb"[^<>\n,;&{}\[\]()]+|[<>\n,;&{}\[\]()]")
"""A value of a list, a text of a page, or one delimiter."""
WORD = re.compile(rb"[^0-9A-Za-z\x80-\xff]+")
TOOLBAR = re.compile(
    rb"""<div id=["']?(?:dj|fl|fast|p)Debug(?:Root)?\b(?:.*(?=</body>)|.*)""", re.DOTALL
)
"""The debugging toolbars of Django, Flask, FastAPI and Pyramid, at the end of a page."""
CUT = b"<!-- a debugging toolbar -->"
"""In the place of a toolbar, as the evidence of a change shows it."""
LEAST_PART, MOST_PARTS = 16, 8  # bytes; parts that are compared: shorter ones fit anywhere
LEAST_COMPARED = 0.1  # of the body: with less a wrong page could pass
MOST_COMPARED_BYTES = 2_000_000  # beyond, a comparison takes seconds
SHOWN_BEFORE, SHOWN_AFTER = 24, 36  # bytes around a change: both sides fit on a line
MOST_PAIRS = 4_000_000  # of pieces, for the same reason


class Seen(Struct, frozen=True):
    """The part of one response that is used for learning."""

    status: int
    content_type: str
    body: bytes


def without_toolbar(body: bytes) -> bytes:
    """The body with a mark in the place of a debugging toolbar, which no comparison includes.

    A toolbar shows times, and its counts include the requests of other threads: they tell nothing
    about the app.
    """
    return TOOLBAR.sub(CUT, body)


class LearntAnswers(Struct, frozen=True):
    """The correct response, and the compared share of its body: 1 if it never changed.

    `change` shows where two responses differed first.
    """

    answer: Answer
    compared: float
    change: str = ""


def learn(answers: Sequence[Seen], minutes: Collection[int] = ()) -> LearntAnswers | None:
    """The response that all of these are; None if they differ in more than their bodies.

    A time of day within these `minutes` of the hour, when the requests were sent, may change.
    """
    first = answers[0]
    if any((one.status, one.content_type) != (first.status, first.content_type) for one in answers):
        return None
    headers = (("Content-Type", first.content_type),) if first.content_type else ()
    clock = clock_of(minutes)
    same = all(one.body == first.body for one in answers) and CUT not in first.body
    if same and not (clock and clock.search(first.body)):
        return LearntAnswers(Answer(status=first.status, headers=headers, body=first.body), 1.0)
    parts = stable_parts([one.body for one in answers], clock)
    share = sum(map(len, parts)) / max(1, len(first.body))
    other = next((one.body for one in answers if one.body != first.body), first.body)
    seen = change(first.body, other) or (CUT in first.body and "it has a debugging toolbar") or ""
    if share < LEAST_COMPARED:
        return LearntAnswers(Answer(status=first.status, headers=headers), 0.0, seen)
    told = Answer(status=first.status, headers=headers, contains=tuple(parts))
    return LearntAnswers(told, share, seen)


def change(before: bytes, after: bytes) -> str:
    """The first place where two bodies differ, with a few words around it; empty if none."""
    if before == after:
        return ""
    least = min(len(before), len(after))
    at = next((at for at in range(least) if before[at] != after[at]), least)
    begin = max(0, at - SHOWN_BEFORE)
    first, second = (
        repr(body[begin : at + SHOWN_AFTER].decode("utf-8", "replace")) for body in (before, after)
    )
    return f"{first} became {second}"


def minutes_between(began: float, ended: float) -> set[int]:
    """The minutes of the hour between two times (seconds since the epoch); all after one hour."""
    first, last = int(began // 60), int(ended // 60)
    return {minute % 60 for minute in range(first, min(last, first + 59) + 1)}


def clock_of(minutes: Collection[int]) -> re.Pattern[bytes] | None:
    """A pattern for the time of day at these minutes, in any zone of whole hours, if any.

    The minutes and seconds of a longer time are none: 04:58 of 12:04:58.
    """
    told = "|".join(f"{minute:02d}" for minute in sorted(set(minutes)))
    hour = r"(?<!\d)(?<!\d:)(?:[01]?\d|2[0-3])"
    return re.compile(rf"{hour}:(?:{told})(?!\d)".encode()) if told else None


def stable_parts(bodies: Sequence[bytes], clock: re.Pattern[bytes] | None = None) -> list[bytes]:
    """The longest stretches that all bodies share: whole tags, lines or values, in order.

    Without the pieces that show the `clock`.
    """
    first = bodies[0]
    if len(first) > MOST_COMPARED_BYTES:
        return []
    parts = first.split(CUT)
    if any(_reordered(first, other) for other in bodies[1:]):
        # Neighbours may be neighbours by chance, and the first item has no space before it.
        parts = [item.strip(b" \t\r\"'") for part in parts for item in ITEM.findall(part)]
    for other in bodies[1:]:
        parts = [shared for part in parts for shared in _shared(part, other)]
    if clock is not None:
        parts = [kept for part in parts for kept in _timeless(part, clock)]
    longest = sorted({part for part in parts if len(part) >= LEAST_PART}, key=len, reverse=True)[
        :MOST_PARTS
    ]
    return [part for part in longest if all(part in body for body in bodies)]


def _reordered(first: bytes, other: bytes) -> bool:
    """Whether values that both bodies have once stand in another order: a set has no order."""
    places = []
    for body in (first, other):
        words = [WORD.sub(b"", item) for item in ITEM.findall(body)]
        once = Counter(words)
        places.append({word: at for at, word in enumerate(words) if word and once[word] == 1})
    ours, theirs = places
    order = [theirs[word] for word in ours if word in theirs]
    return order != sorted(order)


def _timeless(part: bytes, clock: re.Pattern[bytes]) -> list[bytes]:
    """The pieces between those that show a time."""
    found, kept = [], b""
    for piece in filter(None, PIECE.findall(part)):
        if clock.search(piece):
            found.append(kept)
            kept = b""
        else:
            kept += piece
    return [one for one in (*found, kept) if one]


def _ends(part: bytes, other: bytes) -> list[bytes]:
    """The same beginning and end of two long texts: comparing all pieces would take minutes."""
    least = min(len(part), len(other))
    begin = next((at for at in range(least) if part[at] != other[at]), least)
    end = next(
        (at for at in range(least - begin) if part[-1 - at] != other[-1 - at]), least - begin
    )
    return [part[:begin], part[len(part) - end :]]


def _shared(part: bytes, other: bytes) -> list[bytes]:
    if part in other:
        return [part]
    ours, theirs = (list(filter(None, PIECE.findall(text))) for text in (part, other))
    if len(ours) * len(theirs) > MOST_PAIRS:
        return _ends(part, other)
    blocks = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [b"".join(ours[block.a : block.a + block.size]) for block in blocks if block.size]
