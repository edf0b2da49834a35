"""The length of a slice: responses that do not count, then responses that do, in whole turns.

A turn is one response on each connection. Whole turns are counted: otherwise a server that
responds in batches would be measured by where in a batch the count began.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

SKIPPED_TURNS, SKIPPED_SECONDS = 3, 0.010
COUNTED_TURNS, COUNTED_SECONDS = 5, 0.030
"""The beginning of a slice shows the server before it is at full work.

Counted whole, gthread/granian was 0.40 at 100 ms, 0.59 at 3 s.
"""
LONG_TURN_SECONDS, LONG_SKIPPED, LONG_COUNTED = 0.03, 1, 3
"""One turn of this length leaves out more than the beginning, which lasts 10 to 20 ms. Three count
for 0.1 s or more; with five, and three left out, an app of 250/s had three rounds in a minute."""
SLOW_SKIPPED, SLOW_COUNTED = 1, 2
SLOW_TURN_SECONDS, WAITING_TURN_SECONDS = 0.2, 0.5
"""Turns of at least this length need fewer turns, since a round must end.

Whole turns have no edge that could be wrong. From the second length the first turn counts, too: a
server that mostly waits has nothing to warm up in half a second.
"""
MOST_SKIPPED_TURNS = 12
"""Turns that are searched for the beginning: a longer one would be no beginning."""
SETTLED = 0.1
"""A turn belongs to the beginning if its rate is over 10 % from the second half's rate."""
LEAST_CONNECTIONS, MOST_CONNECTIONS, MOST_TRIED = 8, 16, 256
MOST_TURN_SECONDS = 0.007
"""An arm begins with 16 connections, or with 8 if a turn of more takes longer than this.

Such an arm computes for 0.4 ms or more. With four connections granian-wsgi, which
computes for 0.2 ms, lost a quarter of its rate; 32 brought nothing over 16.
"""
BUSY = 0.85
"""A server that uses this share of its cores is limited by them, not by connections."""
STILL_RISING = 1.08
"""Twice the connections must bring more than this; a rung's own noise is about 5 %."""
ALIKE = 2.0
"""Arms within a factor of two of the next slower one share a number of connections.

The choice must not make equal arms differ.
"""
SLOW_RESPONSE_SECONDS, SLOW_CONNECTIONS = 0.1, 32
"""Responses that take longer alone are mostly waited for: one connection for each slot."""
SATURATING = 4.0
"""Multiple of the connections that use all of the cores: some more, as requests are uneven."""


class SliceSize(Struct, frozen=True):
    """Responses that a slice leaves out and counts, and its seconds (drain included)."""

    uncounted: int
    counted: int
    seconds: float


def size(
    connections: int,
    per_second: float,
    skipped_turns: int = SKIPPED_TURNS,
    requests_per_session: float = 1.0,
) -> SliceSize:
    """The slice of an arm at this rate per second on this number of connections.

    With sessions, a turn is a whole one on each connection: steps cost unequally, and the slow ones
    in flight at both ends of the count must be few, and as many at the one as at the other.
    """
    each = math.ceil(requests_per_session)
    wide = connections * each
    turn = wide / per_second
    if turn > SLOW_TURN_SECONDS:
        whole = turn > WAITING_TURN_SECONDS and each == 1
        skipped, counted = 0 if whole else SLOW_SKIPPED, SLOW_COUNTED
    elif turn > LONG_TURN_SECONDS:
        more = skipped_turns if skipped_turns > SKIPPED_TURNS else LONG_SKIPPED
        skipped, counted = more, LONG_COUNTED
    else:
        skipped = max(skipped_turns, math.ceil(SKIPPED_SECONDS / turn))
        counted = max(COUNTED_TURNS, math.ceil(COUNTED_SECONDS / turn))
    return SliceSize(wide * skipped, wide * counted, (skipped + counted + 1) * turn)


def turns(times_ns: Sequence[int], connections: int) -> list[float]:
    """Seconds of each whole turn of a slice, from when its responses were complete."""
    ends = [0, *times_ns[connections - 1 :: connections]]
    return [(after - before) / 1e9 for before, after in pairwise(ends)]


def profile(slices: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The rate of each turn of a slice, relative to its second half, averaged by time."""
    length = min(map(len, slices), default=0)
    if length < 2:
        return ()
    totals = [sum(one[at] for one in slices) for at in range(length)]
    steady = sum(totals[length // 2 :]) / (length - length // 2)
    return tuple(steady / total if total else 0.0 for total in totals)


def skipped_turns(rates: Sequence[float]) -> int:
    """How many turns of a profile belong to the beginning: at least three.

    It ends when three turns in a row are within a tenth of the rest.
    """
    for at in range(SKIPPED_TURNS, min(MOST_SKIPPED_TURNS, len(rates) - SKIPPED_TURNS)):
        mean = sum(rates[at : at + SKIPPED_TURNS]) / SKIPPED_TURNS
        if abs(mean - 1) <= SETTLED:
            return at
    return (
        SKIPPED_TURNS
        if len(rates) < 2 * SKIPPED_TURNS
        else min(MOST_SKIPPED_TURNS, len(rates) - SKIPPED_TURNS)
    )


def first_rung(per_second: float, most: int | None = None) -> int:
    """Connections to begin with, by an arm's approximate rate; `most` is its limit, if any."""
    rung = MOST_CONNECTIONS
    while rung > LEAST_CONNECTIONS and rung / per_second > MOST_TURN_SECONDS:
        rung //= 2
    return min(rung, most or rung)


def slow_rung(busy: float | None) -> int:
    """Connections for slow responses; `busy` is the share of the cores that one connection uses.

    Computed responses need few: with more, none of an interleaving server is complete in time.
    """
    if not busy:
        return SLOW_CONNECTIONS
    return min(SLOW_CONNECTIONS, max(LEAST_CONNECTIONS, math.ceil(SATURATING / busy)))


def next_rung(
    ladder: Mapping[int, float], busy: float | None, most: int | None = None
) -> int | None:
    """The next number of connections to try; None if the top one saturates.

    It does if the server keeps its cores `busy` (the share of them; None: unknown), or if it
    brought hardly more than the rung below.
    """
    *_, below, top = (0, *sorted(ladder))
    if busy is not None and busy >= BUSY:
        return None
    if len(ladder) > 1 and below and ladder[top] <= STILL_RISING * ladder[below]:
        return None
    return 2 * top if 2 * top <= min(MOST_TRIED, most or MOST_TRIED) else None


def together(
    wanted: Mapping[str, int], rates: Mapping[str, float], most: Mapping[str, int | None]
) -> dict[str, int]:
    """One number of connections for arms of about the same rate: the largest that one wants.

    Each arm gets no more than its limit. Identical arms may want different numbers by chance, and
    five times the connections can be worth 5 %: then the arms would differ without a cause.
    """
    chosen: dict[str, int] = {}
    group: list[str] = []
    order = sorted(wanted, key=lambda name: -rates[name])
    for name, following in zip(order, [*order[1:], ""], strict=True):
        group.append(name)
        if not following or rates[name] > ALIKE * rates[following]:
            number = max(wanted[one] for one in group)
            chosen |= {one: min(number, most.get(one) or number) for one in group}
            group = []
    return chosen
