"""CPU time: of a process tree in nanoseconds, and of whole cores in clock ticks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import NamedTuple

from whichworker.probes.reading import read

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CPUCLOCK_SCHED = 2  # include/linux/posix-timers.h
LEAST_TICKS = 10  # of 10 ms: a share of fewer would be off by more than a tenth


class CoreTimes(NamedTuple):
    """Seconds since boot, summed over some cores: not idle, and stolen by the hypervisor."""

    busy: float
    stolen: float


def process_cpu_seconds(pid: int) -> float | None:
    """CPU seconds of one living process, its ended threads included; None when it is gone.

    Each process has a CPU clock, `((~pid) << 3) | CPUCLOCK_SCHED`, in nanoseconds
    (include/linux/posix-timers.h); /proc/PID/stat has ticks of 10 ms, schedstat one thread.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED) / 1e9
    except OSError:
        return None


def tree_cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds of each living process."""
    return {pid: seconds for pid in pids if (seconds := process_cpu_seconds(pid)) is not None}


def spent(before: dict[int, float], after: dict[int, float]) -> float | None:
    """CPU seconds spent between two readings of a tree; None if a process has ended in between.

    Its clock ends with it, so the sum would be too small. Processes that came later count whole.
    """
    if not before or before.keys() - after.keys():
        return None
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def tree_ticks(pids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """User and system time of each living process in clock ticks, with its ended threads."""
    found = {}
    for pid in pids:
        if fields := read(f"/proc/{pid}/stat").rpartition(b")")[2].split():
            found[pid] = (int(fields[11]), int(fields[12]))
    return found


def system_share(
    before: dict[int, tuple[int, int]], after: dict[int, tuple[int, int]]
) -> float | None:
    """The part of the CPU time between two readings spent in the kernel; None if too short.

    Ticks of 10 ms are too coarse for the amount, but good enough for how it divides.
    """
    user = system = 0
    for pid, (now_user, now_system) in after.items():
        then_user, then_system = before.get(pid, (0, 0))
        user, system = user + now_user - then_user, system + now_system - then_system
    return system / (user + system) if user + system >= LEAST_TICKS else None


def core_times(cores: Iterable[int]) -> CoreTimes:
    """The busy time of these cores, from /proc/stat; user time includes guest time."""
    wanted = {f"cpu{core}".encode() for core in cores}
    busy = stolen = 0
    for line in read("/proc/stat").splitlines():
        if not line.startswith(b"cpu"):
            break  # the lines that follow, the counts of interrupts, are long
        name, *fields = line.split()
        if name in wanted:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            busy += user + nice + system + irq + softirq + steal
            stolen += steal
    return CoreTimes(busy / TICKS_PER_SECOND, stolen / TICKS_PER_SECOND)


def core_idle_seconds(cores: Iterable[int]) -> dict[int, float]:
    """Seconds since boot in which each of these cores was idle, in ticks of 10 ms (/proc/stat)."""
    wanted = {f"cpu{core}".encode(): core for core in cores}
    found: dict[int, float] = {}
    for line in read("/proc/stat").splitlines():
        name, _, rest = line.partition(b" ")
        if name in wanted:
            _user, _nice, _system, idle, iowait = map(int, rest.split()[:5])
            found[wanted[name]] = (idle + iowait) / TICKS_PER_SECOND
        elif not line.startswith(b"cpu"):
            break
    return found
