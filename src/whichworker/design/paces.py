"""Response times at fixed shares of the leader's throughput: which rates, how long, how precise.

How long users wait depends on the load, and a race under full load does not show it: all of
its requests wait in a queue that the race itself keeps long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from whichworker.design import quantiles

SHARES = (0.25, 0.5, 0.75, 0.9)
"""Of the leader's throughput: from a quiet hour to a rush."""
MOST_LOAD = 0.97
"""A setup is not asked for more than this share of its own throughput: its queue has no end."""
PASSES, LEAST_REQUESTS = 2, 50.0
"""Windows of each rate, half of them after all others: no single moment decides. There is one pass
if the windows of two would have fewer requests."""
MEMORIES = 40.0
"""A queue forgets how it began within 40/(1 - load)² requests."""
SETTLES, WINDOWS = (0.3, 2.0), (0.3, 4.0)
"""Shortest and longest settling time and window, seconds."""
LEAST_SLICES = 12
"""Slices of an interval, over all windows of a rate."""


class PacedWindow(Struct, frozen=True, kw_only=True):
    """One window of one arm: its share of the leader's throughput and its arrivals per second."""

    arm: str
    share: float
    rate: float
    settle_seconds: float
    window_seconds: float

    @property
    def seconds(self) -> float:
        """How long its arrivals last."""
        return self.settle_seconds + self.window_seconds


def cells(
    throughput: Mapping[str, float], leader: str, seconds: float, longest_seconds: float = 0.0
) -> list[PacedWindow]:
    """One pass over all arms and rates that takes about `seconds`; `throughput` is per second.

    `longest_seconds` is the longest response without load.
    """
    asked = [
        (arm, share, share * throughput[leader])
        for arm in throughput
        for share in SHARES
        if share * throughput[leader] <= MOST_LOAD * throughput[arm]
    ]
    settles = [
        settle_seconds(rate, rate / throughput[arm], longest_seconds) for arm, _, rate in asked
    ]
    shortest, longest = WINDOWS
    each = (seconds - sum(settles)) / max(1, len(asked))
    return [
        PacedWindow(
            arm=arm,
            share=share,
            rate=rate,
            settle_seconds=settle,
            window_seconds=min(longest, max(shortest, each)),
        )
        for (arm, share, rate), settle in zip(asked, settles, strict=True)
    ]


def passes(
    throughput: Mapping[str, float], leader: str, seconds: float, longest_seconds: float = 0.0
) -> int:
    """How many passes over all arms and rates fit into the time."""
    plan = cells(throughput, leader, seconds / PASSES, longest_seconds)
    enough = all(one.rate * one.window_seconds >= LEAST_REQUESTS for one in plan)
    return PASSES if enough and sum(one.seconds for one in plan) <= seconds / PASSES * 1.01 else 1


def settle_seconds(rate: float, load: float, longest_seconds: float = 0.0) -> float:
    """Seconds at a rate until its queue has forgotten how it began; `load` is below 1.

    They are no shorter than the longest response without load, `longest_seconds`: only then are as
    many slow requests in flight as there always are.
    """
    shortest, longest = SETTLES
    return min(longest, max(shortest, longest_seconds, MEMORIES / (1 - load) ** 2 / rate))


def interval_shares(
    count: int,
    q: float,
    beyond: Sequence[int],
    totals: Sequence[int],
    load: float,
    part: float = 1.0,
) -> tuple[float, float] | None:
    """The shares of the ordered times between which the q-quantile lies at 95 %, or None.

    `beyond` and `totals` are the times above the quantile and all of them, slice by slice. Values
    near a quantile come in clusters as long as a queue's memory, so a short run at a high load
    would look more precise than it is: φ is at least 1/(1 - load)². For queues M/M/1 at loads of 25
    to 90 % such intervals had the true value in 91 to 98 % of the runs. `part` is the share of
    the requests that these times belong to: as much of each cluster is in them.
    """
    filled = sum(total > 0 for total in totals)
    phi = quantiles.design_effect(beyond, totals) if filled >= LEAST_SLICES else None
    if phi is None or load >= 1:
        return None
    least = 1 + part * (1 / (1 - load) ** 2 - 1)
    return quantiles.rank_shares(count, q, max(least, quantiles.widened(phi, filled)))
