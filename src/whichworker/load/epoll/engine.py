"""The engine that is always available: raw epoll in pure Python, for every kind of load."""

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
    """Run a load and count the correct responses of its window.

    `announce` is called once, before the first request, with the CLOCK_MONOTONIC nanoseconds at
    which the window opens and closes; `progress`, about once a second, with the seconds since the
    begin and the correct responses and failures so far. Failures count from the first request on.
    If the load sets a flood, that many failures, or half a second of refused connections, end the
    run early; so does an interrupt. Raises UsageError for a load that cannot be run.
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
