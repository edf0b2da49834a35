"""Priority of a process that must not disturb a measurement."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def step_back(cores: Iterable[int]) -> None:
    """Take only time that a core has left, and only of these cores (none: any).

    This holds for all threads of the process; the kernel may refuse it, and then nothing changes.
    """
    chosen = set(cores)
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))
        if chosen:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(thread.name), chosen)
