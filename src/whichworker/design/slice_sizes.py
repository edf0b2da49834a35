"""How long a slice must be: so many responses that do not count, then so many that do, in whole turns of the connections.

A turn is one response on each connection. Whole turns are counted, as servers that respond in batches would otherwise be measured by
where in a batch the count began.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

SKIPPED_TURNS, SKIPPED_SECONDS = 3, 0.010
COUNTED_TURNS, COUNTED_SECONDS = 5, 0.030
"""The beginning of a slice is not the server at work: counted whole, gthread/granian was 0.40 at 100 ms, 0.59 at 3 s."""
SLOW_SKIPPED, SLOW_COUNTED = 1, 2
SLOW_TURN_SECONDS, WAITING_TURN_SECONDS = 0.2, 0.5
"""From so long a turn on fewer turns do: whole turns leave no edge to be wrong about, and a round must come to its end. From the second
on the first turn counts, too: a server that mostly waits has nothing to warm up in half a second."""
MOST_SKIPPED_TURNS = 12
SETTLED = 0.1
"""A turn belongs to the beginning while its rate is more than a tenth from that of the second half."""
SATURATED = 0.97
"""The smallest rung that no higher one beats by more than this saturates. Too few connections bias an arm (granian-wsgi: 20-25 % at 4
connections), too many only make its slices longer: so a rung must show that it is enough."""
LEAST_CONNECTIONS, MOST_CONNECTIONS = 4, 32
MOST_TURN_SECONDS = 0.016
"""More connections than this allows would make slices longer than 150 ms; an arm that computes for milliseconds needs no more than 8."""
CERTAIN_CONNECTIONS = 8
RUNG_SKIPPED, RUNG_COUNTED = 2, 3
"""Turns of a rung: it only has to show whether more connections bring more."""
PASSES = 3
"""How often each rung is measured, up, down and up again, so that a drift of the core cancels out."""
SLOW_RESPONSE_SECONDS, SLOW_CONNECTIONS = 0.1, 32
"""Responses that take longer alone are waited for, not computed: such an arm has as many connections as it has slots."""


class Size(Struct, frozen=True):
    """What a slice of an arm leaves out and counts, in responses, and what it takes in seconds (drain included)."""

    uncounted: int
    counted: int
    seconds: float


def size(connections: int, per_second: float, skipped_turns: int = SKIPPED_TURNS) -> Size:
    """The slice of an arm that does so many responses a second on so many connections."""
    turn = connections / per_second
    return _size(connections, turn, skipped_turns, COUNTED_TURNS)


def rung(connections: int, per_second: float) -> Size:
    """A slice to climb with: shorter, as it only has to show whether more connections bring more."""
    turn = connections / per_second
    return _size(connections, turn, RUNG_SKIPPED, RUNG_COUNTED)


def _size(connections: int, turn: float, skipped: int, counted: int) -> Size:
    if turn > SLOW_TURN_SECONDS:
        skipped, counted = 0 if turn > WAITING_TURN_SECONDS else SLOW_SKIPPED, SLOW_COUNTED
    else:
        skipped, counted = max(skipped, math.ceil(SKIPPED_SECONDS / turn)), max(counted, math.ceil(COUNTED_SECONDS / turn))
    return Size(connections * skipped, connections * counted, (skipped + counted + 1) * turn)


def turns(times_ns: Sequence[int], connections: int) -> list[float]:
    """Seconds of each whole turn of a slice, from when its responses were complete."""
    ends = [0, *times_ns[connections - 1 :: connections]]
    return [(after - before) / 1e9 for before, after in pairwise(ends)]


def profile(slices: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The rate of each turn since a slice began, relative to the second half of it, averaged over slices by their time."""
    length = min(map(len, slices), default=0)
    if length < 2:
        return ()
    totals = [sum(one[at] for one in slices) for at in range(length)]
    steady = sum(totals[length // 2 :]) / (length - length // 2)
    return tuple(steady / total if total else 0.0 for total in totals)


def skipped_turns(rates: Sequence[float]) -> int:
    """How many turns of a profile belong to the beginning: three at least, and until three in a row are within a tenth of the rest."""
    for at in range(SKIPPED_TURNS, min(MOST_SKIPPED_TURNS, len(rates) - SKIPPED_TURNS)):
        mean = sum(rates[at : at + SKIPPED_TURNS]) / SKIPPED_TURNS
        if abs(mean - 1) <= SETTLED:
            return at
    return SKIPPED_TURNS if len(rates) < 2 * SKIPPED_TURNS else min(MOST_SKIPPED_TURNS, len(rates) - SKIPPED_TURNS)


def rungs(per_second: float, most: int | None = None) -> tuple[int, ...]:
    """The numbers of connections to try, by about how fast an arm is; never more than `most`."""
    top = MOST_CONNECTIONS
    while top > CERTAIN_CONNECTIONS and top / per_second > MOST_TURN_SECONDS:
        top //= 2
    if most is not None and most <= LEAST_CONNECTIONS:
        return (most,)
    top = min(top, most or top)
    return tuple(LEAST_CONNECTIONS * 2**at for at in range(8) if LEAST_CONNECTIONS * 2**at <= top)


def saturating(ladder: Mapping[int, float]) -> int:
    """The smallest number of connections that no larger one beats by more than 3 %."""
    return next(rung for rung in sorted(ladder) if all(rate * SATURATED <= ladder[rung] for above, rate in ladder.items() if above > rung))
