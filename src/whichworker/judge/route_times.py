"""The response times of each route: windows of one rate merged, with the intervals they support."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whichworker.design import paces
from whichworker.model.histogram import Histogram
from whichworker.result import RouteTimes
from whichworker.store.open_loop import RouteCount

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def route_times(
    windows: Sequence[Mapping[str, RouteCount]], requests: int, load: float = 1.0
) -> tuple[RouteTimes, ...]:
    """Each route that has requests in these windows, which have so many `requests` in all.

    `load` is the share of full load; at full load no interval is known.
    """
    names = dict.fromkeys(name for window in windows for name in window)
    every = [(name, [window[name] for window in windows if name in window]) for name in names]
    return tuple(
        _times(name, counts, requests, load)
        for name, counts in every
        if any(count.due for count in counts)
    )


def _times(name: str, counts: Sequence[RouteCount], requests: int, load: float) -> RouteTimes:
    merged, due = Histogram(), sum(count.due for count in counts)
    for count in counts:
        merged.merge(Histogram.from_hdr(count.response))
    slices = [Histogram.from_hdr(text) for count in counts for text in count.slices]
    clauses = dict.fromkeys(clause for count in counts for clause in count.missed)
    lost = max(0, due - merged.count)
    times = {name: merged.supported_percentile(q, lost) for name, q in PERCENTILES.items()}
    return RouteTimes(
        name=name,
        requests=due,
        lost=lost,
        **times,
        missed={clause: sum(count.missed[clause] for count in counts) for clause in clauses},
        intervals=intervals(merged, slices, load, min(1.0, due / requests), lost),
    )


def intervals(
    merged: Histogram,
    slices: Sequence[Histogram],
    load: float,
    part: float = 1.0,
    lost: int = 0,
) -> dict[str, tuple[float, float]]:
    """The 95 % intervals of the percentiles that the times support, in seconds.

    The times belong to a `part` of the requests, and `slices` are the same ones, stretch by
    stretch; `lost` more requests are later than all of them.
    """
    return {
        name: found
        for name, q in PERCENTILES.items()
        if merged.supported_percentile(q, lost) is not None
        and (found := _interval(merged, slices, q * (1 + lost / merged.count), load, part))
    }


def _interval(
    merged: Histogram, slices: Sequence[Histogram], q: float, load: float, part: float
) -> tuple[float, float] | None:
    value = merged.percentile(q)
    if value is None:
        return None
    beyond, totals = [one.count_above(value) for one in slices], [one.count for one in slices]
    shares = paces.interval_shares(merged.count, q, beyond, totals, load, part)
    low, high = (merged.percentile(min(1.0, share)) for share in shares) if shares else (None, None)
    return (low / 1e9, high / 1e9) if low is not None and high is not None else None
