"""One command that may start processes of its own: none of them outlives it, or the tool."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from whichworker.process.launch import Launch, Order

LOOK_SECONDS = 0.01
"""Between two looks whether it has ended: nobody notices this delay beside an import."""

KILLED = -signal.SIGKILL
"""The status of a command that was killed from outside, as subprocess has it."""


def run(
    argv: Sequence[str],
    directory: str,
    environment: Mapping[str, str],
    log: Path,
    seconds: float,
    cores: Sequence[int] = (),
    late: Callable[[Sequence[int]], None] = lambda _: None,
) -> int | None:
    """Run a command below a warden, its output in `log`; its exit status, or None out of time.

    It runs on these cores, or on all that this process may use. `late` gets the command's processes
    when it is out of time, before they are killed.
    Processes that it started are killed with it. Raises ServerFailed if the warden cannot start.
    """
    order = Order(
        argv=tuple(argv),
        directory=directory,
        environment=dict(environment),
        cores=tuple(sorted(cores or os.sched_getaffinity(0))),
        log=str(log),
    )
    return finish(order, seconds, late)


def finish(
    order: Order, seconds: float, late: Callable[[Sequence[int]], None] = lambda _: None
) -> int | None:
    """Carry out an order to its end; returns and raises as `run`."""
    ends = time.monotonic() + seconds
    with Launch(order) as launch:
        while not launch.ended():
            if time.monotonic() >= ends:
                late(launch.pids())
                return None
            time.sleep(LOOK_SECONDS)
        return KILLED if launch.status is None else launch.status
