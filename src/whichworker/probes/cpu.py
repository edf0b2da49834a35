"""CPU time: of a process tree in nanoseconds, and of whole cores in clock ticks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CPUCLOCK_SCHED = 2


class CoreTimes(NamedTuple):
    """Seconds since boot, summed over some cores: all that was not idle, and the part stolen by the hypervisor."""

    busy: float
    stolen: float


def process_cpu_seconds(pid: int) -> float | None:
    """CPU seconds of one living process, its ended threads included; None when it is gone.

    The per-process CPU clock of the kernel, `((~pid) << 3) | CPUCLOCK_SCHED` (include/linux/posix-timers.h): nanoseconds, where
    /proc/PID/stat has ticks of 10 ms and schedstat shows one thread only.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED) / 1e9
    except OSError:
        return None


def tree_cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds of each living process."""
    return {pid: seconds for pid in pids if (seconds := process_cpu_seconds(pid)) is not None}


def spent(before: dict[int, float], after: dict[int, float]) -> float | None:
    """CPU seconds spent between two readings of a tree; processes that came later count whole, None where one has gone.

    The CPU of a process that ended in between is lost to its clock, so the sum would be too small: better none than a wrong one.
    """
    if not before or before.keys() - after.keys():
        return None
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def core_times(cores: Iterable[int]) -> CoreTimes:
    """What these cores have been busy with, from /proc/stat; guest time is in user time already."""
    wanted = {f"cpu{core}" for core in cores}
    busy = stolen = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in wanted:
            user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[:8])
            busy += user + nice + system + irq + softirq + steal
            stolen += steal
    return CoreTimes(busy / TICKS_PER_SECOND, stolen / TICKS_PER_SECOND)
