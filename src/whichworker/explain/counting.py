"""How many requests overlap, and where a staircase ends: pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from whichworker.result.explain import Stair

MOST_AT_ONCE = 256
"""Requests on the last stair: more do not fit into usual accept queues."""
BEYOND = 4
"""Times the declared limit at the last stair, so that a landing shows."""
WAIT_SECONDS = 0.2
LONG_WAIT_SECONDS = 1.6
"""A view's wait on low and on high stairs."""
ARRIVING, MANY = 32, 64
"""32 requests reach a slow server well within one wait, and 64 within two.

Among more, some find the accept queue full and try again a second later (TCP's first
retransmission); they must still meet the first ones.
"""


def most_overlapping(stays: Sequence[tuple[float, float]]) -> int:
    """The most stays (begin, end) at one moment; one that begins as another ends does not count."""
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
    """How long the view waits (seconds) on this stair; at most `limit` requests must meet."""
    meeting = min(at_once, limit or at_once)
    if meeting > MANY:
        return LONG_WAIT_SECONDS
    return WAIT_SECONDS * max(1.0, meeting / ARRIVING)


def limit_in(stairs: Sequence[Stair]) -> int | None:
    """How many overlap at most; None unless the staircase ends in a landing.

    A landing is two equal stairs, the last with twice the requests.
    """
    if len(stairs) < 2:
        return None
    former, last = stairs[-2:]
    if former.overlapped != last.overlapped or last.at_once < 2 * last.overlapped:
        return None
    return last.overlapped


def most_in(stairs: Sequence[Stair]) -> int | None:
    """The most that overlapped on any stair; None without stairs."""
    return max((stair.overlapped for stair in stairs), default=None)
