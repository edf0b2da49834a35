"""How many overlap, how far the staircase goes, and where it ends: pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from whichworker.result.explain import Stair

MOST_AT_ONCE = 256
BEYOND = 4
WAIT_SECONDS = 0.2
LONG_WAIT_SECONDS = 1.6
ARRIVING, MANY = 32, 64
"""So many requests arrive at a slow server well within one wait, and twice as many within two. Among more, some find the accept queue full
and knock again a second later (TCP's first retransmission); they have to meet the first."""


def most_overlapping(stays: Sequence[tuple[float, float]]) -> int:
    """The most stays (begin, end) that had begun and not ended at one moment; one that begins as another ends does not overlap it."""
    moves = sorted([(ended, -1) for _, ended in stays] + [(began, 1) for began, _ in stays])
    present = most = 0
    for _, step in moves:
        present += step
        most = max(most, present)
    return most


def stairs_for(limit: int | None) -> list[int]:
    """1, 2, 4 … and last four times the limit, but never above 256."""
    top = MOST_AT_ONCE if limit is None else min(MOST_AT_ONCE, BEYOND * limit)
    stairs = [1]
    while stairs[-1] < top:
        stairs.append(min(top, 2 * stairs[-1]))
    return stairs


def wait_for(at_once: int, limit: int | None = None) -> float:
    """How long the view waits (seconds) on the stair of so many requests; no more than the limit have to meet."""
    meeting = min(at_once, limit or at_once)
    if meeting > MANY:
        return LONG_WAIT_SECONDS
    return WAIT_SECONDS * max(1.0, meeting / ARRIVING)


def limit_in(stairs: Sequence[Stair]) -> int | None:
    """How many overlap at most; None where the staircase does not end in a landing: two stairs alike, the last with twice the requests."""
    if len(stairs) < 2:
        return None
    former, last = stairs[-2:]
    if former.overlapped != last.overlapped or last.at_once < 2 * last.overlapped:
        return None
    return last.overlapped


def most_in(stairs: Sequence[Stair]) -> int | None:
    """The most that overlapped on any stair; None where there is none."""
    return max((stair.overlapped for stair in stairs), default=None)
