"""A read-only description of the machine, and of what would make its numbers worse."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from whichworker.bench import open_files
from whichworker.design.validity import MOST_FOREIGN
from whichworker.model import Finding, Machine, codes
from whichworker.probes import cpu, machine
from whichworker.process.launch import containment
from whichworker.question.ask import budget_of, limited
from whichworker.store import places

LOOK_SECONDS = 1.0
"""For the load by other programs: shorter, and one background job would be missed."""
LEAST_FILES = 8192
"""Open files for a race of many connections; a warning below."""
LEAST_FREE_BYTES = 10**9
"""Free disk for environments and runs; a warning below."""


def examine(sleep_seconds: float = LOOK_SECONDS) -> tuple[Machine, list[Finding]]:
    """Describe the machine and find obstacles to measuring; about a second, changes nothing."""
    described = machine.describe()
    return described, [
        _cores(),
        *limited(),
        _company(described.usable_cores, sleep_seconds),
        *_limits(),
        *_tools(),
    ]


def _cores() -> Finding:
    budget = budget_of(1.0)
    if budget.shared:
        return codes.CORES_SHARED.finding()
    return codes.CORES.finding(
        f"The servers get {len(budget.server_cores)} of the usable cores, the load generator one"
    )


def _company(cores: tuple[int, ...], seconds: float) -> Finding:
    before, own, at = cpu.core_times(cores), time.process_time(), time.monotonic()
    time.sleep(seconds)
    after, capacity = cpu.core_times(cores), (time.monotonic() - at) * len(cores)
    foreign = max(0.0, (after.busy - before.busy - (time.process_time() - own)) / capacity)
    return company(foreign, (after.stolen - before.stolen) / capacity)


def company(foreign: float, stolen: float) -> Finding:
    """The share of the cores that others used; a warning from half of a sample's limit on."""
    return codes.FOREIGN_CPU.finding(
        f"Other processes used {foreign:.0%} of the usable cores, the hypervisor took {stolen:.1%};"
        f" samples are refused above {MOST_FOREIGN:.0%}",
        severity="warning" if foreign > MOST_FOREIGN / 2 else "info",
    )


def _limits() -> Iterator[Finding]:
    yield _open_files()
    for code, name, folder in (
        (codes.DISK_ENVIRONMENTS, "Environments", places.cache_folder()),
        (codes.DISK_RUNS, "Runs", places.state_folder()),
    ):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        text = f"{name} are kept in {folder}, which has {free / 1e9:.1f} GB free"
        yield code.finding(text, severity="warning" if free < LEAST_FREE_BYTES else "info")


def _open_files() -> Finding:
    soft, hard = open_files.limits()
    room = open_files.most_connections()
    text = f"A process may open {soft or 'any number of'} files, at most {hard or 'any number'}"
    if room is not None:
        text += f": whichworker raises the limit if needed, up to {room} connections"
    enough = hard is None or hard >= LEAST_FILES
    return codes.OPEN_FILES.finding(text, severity="info" if enough else "warning")


def _tools() -> Iterator[Finding]:
    if containment() == "namespace":
        yield codes.CONTAINMENT.finding("PID namespaces hold all server processes", severity="info")
    else:
        yield codes.CONTAINMENT.finding("This user may not create PID namespaces")
    if not any(shutil.which(name) for name in ("gcc", "cc", "clang")):
        yield codes.COMPILER.finding()
    if not Path("/proc/self/schedstat").exists():
        yield codes.SCHEDSTAT.finding()
