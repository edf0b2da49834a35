"""How many connections saturate a server: the smallest power of two that the next one hardly beats."""

from __future__ import annotations

from collections.abc import Mapping

GAIN = 0.03
MOST = 256
LONGEST_WINDOW = 5.0


def next_rung(seen: Mapping[int, float]) -> int | None:
    """The next number of connections to try, or None when the knee is known (or the ladder ends)."""
    if not seen:
        return 1
    top = max(seen)
    return None if top >= MOST or _knee(seen) is not None else 2 * top


def knee(seen: Mapping[int, float]) -> int:
    """The smallest power of two whose throughput is within 3 % of the next one's; the last rung where none is."""
    found = _knee(seen)
    return max(seen) if found is None else found


def _knee(seen: Mapping[int, float]) -> int | None:
    for rung in sorted(seen):
        if 2 * rung in seen and seen[rung] * (1 + GAIN) >= seen[2 * rung]:
            return rung
    return None


def window_seconds(response_seconds: float, cold_start_seconds: float = 0.0) -> float:
    """max(0.5 s, 20 response times); three times that where a start costs more than five windows.

    A stretch of three windows on one launch is their mean, which is how windows that share a launch may enter at all.
    """
    window = max(0.5, 20 * response_seconds)
    return min(LONGEST_WINDOW, 3 * window) if cold_start_seconds > 5 * window else window
