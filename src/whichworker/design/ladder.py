"""How many connections saturate a server: the smallest power of two that neither of the next two beats by more than 3 %."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

GAIN = 0.03
SPARED = 0.9
MOST = 256
LONGEST_WINDOW = 5.0
RUNG_SECONDS, LONGEST_RUNG, RUNG_ANSWERS = 0.25, 2.0, 40.0
"""A rung is a quarter of a second, or as long as forty answers take: where a server is slow one answer more or less is several percent."""
COUNTED = 2.0
"""Answers that may fall on either side of a rung's ends: no gain, whatever share of the rung they are."""


def next_rung(seen: Mapping[int, float]) -> int | None:
    """The next number of connections to try, or None when the knee is known (or the ladder ends)."""
    if not seen:
        return 1
    top = max(seen)
    return None if top >= MOST or _knee(seen) is not None else 2 * top


def rung_seconds(per_second: float | None) -> float:
    """How long a rung takes, by the throughput of the one before; None for the first."""
    return (
        RUNG_SECONDS
        if not per_second
        else min(LONGEST_RUNG, max(RUNG_SECONDS, RUNG_ANSWERS / per_second))
    )


def flattened(seen: Mapping[int, float]) -> bool:
    """Whether more connections were seen to bring nothing: then it is not the load that limits."""
    return _knee(seen) is not None


def knee(seen: Mapping[int, float]) -> int:
    """The smallest power of two whose throughput is within 3 % of the next two; the last rung where none is.

    Two, because throughput may rest on one rung and rise again: see docs/decisions/0006.
    """
    found = _knee(seen)
    return max(seen) if found is None else found


def together(ladders: Iterable[Mapping[int, float]]) -> int:
    """One number of connections for all arms: the largest of their knees, so that each is saturated.

    Fewer where that many would make the windows of a slow arm too long, and the fewer cost no arm more than a tenth of its throughput: one
    rung that chance made fast must not shut out the others.
    """
    seen = list(ladders)
    most = rung = max(map(knee, seen), default=1)
    while rung > 1 and any(
        window_seconds(rung / max(one.values())) > LONGEST_WINDOW for one in seen
    ):
        rung //= 2
    saturated = all(one.get(rung, max(one.values())) >= SPARED * max(one.values()) for one in seen)
    return rung if saturated else most


def _knee(seen: Mapping[int, float]) -> int | None:
    for rung in sorted(seen):
        following = [above for above in (2 * rung, 4 * rung) if above <= MOST]
        if following and all(
            above in seen and seen[rung] * (1 + _gain(seen[rung])) >= seen[above]
            for above in following
        ):
            return rung
    return None


def _gain(per_second: float) -> float:
    """What a rung must be better by: 3 %, or what a count of answers can tell in its time."""
    return max(GAIN, COUNTED / (per_second * rung_seconds(per_second))) if per_second else GAIN


def window_seconds(response_seconds: float, cold_start_seconds: float = 0.0) -> float:
    """max(0.5 s, 20 response times); three times that where a start costs more than five windows.

    A stretch of three windows on one launch is their mean, which is how windows that share a launch may enter at all.
    """
    window = max(0.5, 20 * response_seconds)
    dear = cold_start_seconds > 5 * window
    return min(LONGEST_WINDOW, 3 * window) if dear and window <= LONGEST_WINDOW else window
