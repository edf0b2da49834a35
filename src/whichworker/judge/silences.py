"""Stalls and neglected connections in windows of random arrivals: users wait, averages look fine.

A stall is a time in which many requests waited and none had its response. The generator was on time
then: windows in which it was late, or in which the machine was busy, are refused and not read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whichworker import units
from whichworker.design.validity import LEAST_BURST_SECONDS
from whichworker.model import Finding, codes
from whichworker.model.histogram import Histogram
from whichworker.store.open_loop import Paced, Shot

LEAST_SECONDS = 0.1
"""A shorter silence may be a pause of the machine that the generator's lag does not show."""
LEAST_WAITING = 10.0
"""Requests that were due in a silence: fewer may just be slow."""
QUICK, QUICK_TIMES = 0.05, 2.0
"""A silence is longer than this multiple of the response time that one in twenty requests had.

If all of them are slow, it is none. The median would not do: a queue may outlast a stall.
"""
LEAST_SERVED = 0.5
"""Share of the requests with a response: with less, all connections are neglected."""
TIMES = {1: "once", 2: "twice"}


def silence_of(window: Shot | Paced) -> float:
    """The longest stall of a window in seconds; 0.0 if it had none, or if others had the cores."""
    burst = window.probes.burst_seconds if window.probes else None
    if window.refused or (burst or 0.0) > LEAST_BURST_SECONDS:
        return 0.0
    silence = window.silence_seconds
    if silence < LEAST_SECONDS or silence * window.rate < LEAST_WAITING:
        return 0.0
    quick = Histogram.from_hdr(window.response).percentile(QUICK) or 0
    return silence if silence > QUICK_TIMES * quick / 1e9 else 0.0


def findings(name: str, windows: Sequence[Shot | Paced]) -> Iterator[Finding]:
    """The stalls of an arm, and the connections that it neglected; `windows` were not refused.

    The end of a window cuts stalls short, so the longest is nearest to the truth.
    """
    if stalls := [silence for window in windows if (silence := silence_of(window))]:
        often = TIMES.get(len(stalls), f"{len(stalls)} times")
        seconds = sum(window.window_seconds for window in windows)
        yield codes.SERVER_STALLS.finding(
            f"{name} did not respond for up to {units.show_seconds(max(stalls))}, {often}"
            f" in {units.show_seconds(seconds)} of load",
            arm=name,
        )
    if starved := max((_starved(window) for window in windows), default=0):
        many = "a connection" if starved == 1 else f"{starved:,} connections"
        yield codes.CONNECTIONS_STARVED.finding(
            f"{name} never responded on {many}, while it served others", arm=name
        )


def _starved(window: Shot | Paced) -> int:
    lost = window.lost if isinstance(window, Paced) else 0
    served = Histogram.from_hdr(window.response).count
    return window.starved if served >= LEAST_SERVED * (window.count + lost) else 0
