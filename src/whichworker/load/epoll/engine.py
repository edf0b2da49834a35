"""The engine that is always there: raw epoll in pure Python, for everything a load can ask."""

from __future__ import annotations

from collections.abc import Callable

from whichworker.load.epoll.closed import ClosedLoop
from whichworker.load.epoll.loop import Loop, Progress
from whichworker.load.epoll.paced import OpenLoop
from whichworker.load.quiet import quiet_collector
from whichworker.load.record import rehearse
from whichworker.model import Load, Tally

ENGINE = "epoll"


def run(
    load: Load, announce: Callable[[int, int], None], progress: Progress | None = None
) -> Tally:
    """Carry out a load and count the right answers of its window.

    `announce` is told once, before the first request, the CLOCK_MONOTONIC nanoseconds at which the window opens and
    closes; `progress`, about once a second, the seconds since the begin and the right answers and failures so far.
    Failures are counted from the first request on. Where the load sets a flood, that many failures, or half a second
    of refused connections, end the run early; so does an interrupt. Raises UsageError for a load that cannot be run.
    """
    rehearse()
    with quiet_collector():
        loop: Loop = OpenLoop(load, progress) if load.pace else ClosedLoop(load, progress)
        try:
            announce(loop.window.opens, loop.window.closes)
            loop.pump()
        except KeyboardInterrupt:
            pass  # what was counted so far is the result
        finally:
            loop.close()
    return loop.window.to_tally(ENGINE)
