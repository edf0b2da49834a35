"""The machine of a result: results can be compared only on the same one."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

import psutil

from whichworker.model import Machine
from whichworker.probes import quota


def describe() -> Machine:
    """Read the machine; the fingerprint covers what decides speed, not the name of the host."""
    cpu = _cpu_name()
    cores = os.cpu_count() or 1
    usable = tuple(sorted(os.sched_getaffinity(0)))
    memory = psutil.virtual_memory().total
    limit = quota.here().cores
    parts = (
        platform.system(),
        platform.release(),
        platform.machine(),
        cpu,
        str(cores),
        str(len(usable)),
        str(memory // 2**28),
        *([f"quota {limit:g}"] if limit is not None else []),
    )
    return Machine(
        fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16],
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=cpu,
        cores=cores,
        usable_cores=usable,
        memory_bytes=memory,
        details={
            "virtual": "hypervisor" in _cpu_flags(),
            **({"cpu_quota_cores": limit} if limit is not None else {}),
        },
    )


def _cpu_name() -> str:
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cpu_flags() -> set[str]:
    for line in _cpuinfo():
        if line.startswith("flags"):
            return set(line.split())
    return set()


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
