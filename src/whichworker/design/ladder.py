"""Whether more connections would bring more: a rung is a knee if neither of the next two powers of two beats it by more than 3 %."""

from __future__ import annotations

from collections.abc import Mapping

GAIN = 0.03
MOST = 256
RUNG_SECONDS, LONGEST_RUNG, RUNG_ANSWERS = 0.25, 2.0, 40.0
"""A rung is a quarter of a second, or as long as forty answers take: where a server is slow one answer more or less is several percent."""
COUNTED = 2.0
"""Answers that may fall on either side of a rung's ends: no gain, whatever share of the rung they are."""


def rung_seconds(per_second: float | None) -> float:
    """How long a rung takes, by the throughput of the one before; None for the first."""
    return (
        RUNG_SECONDS
        if not per_second
        else min(LONGEST_RUNG, max(RUNG_SECONDS, RUNG_ANSWERS / per_second))
    )


def flattened(seen: Mapping[int, float]) -> bool:
    """Whether more connections were seen to bring nothing: then it is not the load that limits.

    Two rungs must say so, because throughput may rest on one rung and rise again: see docs/decisions/0006.
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
    """What a rung must be better by: 3 %, or what a count of answers can tell in its time."""
    return max(GAIN, COUNTED / (per_second * rung_seconds(per_second))) if per_second else GAIN
