"""Whether more connections would bring more: a rung is a knee if the next two are not better.

Rungs are powers of two; better means by more than 3 %.
"""

from __future__ import annotations

from collections.abc import Mapping

GAIN = 0.03
"""The least gain that counts: repeats of one rung differ by about as much."""
MOST = 256
"""Connections on the top rung."""
RUNG_SECONDS, LONGEST_RUNG, RUNG_ANSWERS = 0.25, 2.0, 40.0
"""Seconds of a rung, the longest, and responses that a slow server's rung lasts for.

One response more or less among forty is 2.5 %, which is less than a gain.
"""
COUNTED = 2.0
"""Responses that may fall on either side of a rung's ends: they are no gain."""


def rung_seconds(per_second: float | None) -> float:
    """Seconds that a rung takes, by the throughput of the one before; None for the first."""
    return (
        RUNG_SECONDS
        if not per_second
        else min(LONGEST_RUNG, max(RUNG_SECONDS, RUNG_ANSWERS / per_second))
    )


def flattened(seen: Mapping[int, float]) -> bool:
    """Whether more connections brought nothing, so that the load is not the limit.

    Two rungs must show it: throughput may pause on one rung and rise again (decision 6).
    """
    for rung, per_second in seen.items():
        following = [above for above in (2 * rung, 4 * rung) if above <= MOST]
        if following and all(
            above in seen and per_second * (1 + _gain(per_second)) >= seen[above]
            for above in following
        ):
            return True
    return False


def _gain(per_second: float) -> float:
    """Least gain of a rung: 3 %, or the precision of a count of responses in its time."""
    return max(GAIN, COUNTED / (per_second * rung_seconds(per_second))) if per_second else GAIN
