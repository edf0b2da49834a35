"""A read-only look at the machine: what it is, and what would make its numbers worse."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from whichworker.bench import open_files
from whichworker.design.validity import MOST_FOREIGN
from whichworker.model import Finding, Machine
from whichworker.probes import cpu, machine
from whichworker.process.launch import containment
from whichworker.question.ask import budget_of
from whichworker.store import places

LOOK_SECONDS = 1.0
LEAST_FILES = 8192
MANY_FILES = 65_536
LEAST_FREE_BYTES = 10**9


def examine(sleep_seconds: float = LOOK_SECONDS) -> tuple[Machine, list[Finding]]:
    """Describe the machine and find what stands in the way of measuring on it; takes about a second and changes nothing."""
    described = machine.describe()
    return described, [
        *_cores(),
        *_company(described.usable_cores, sleep_seconds),
        *_limits(),
        *_tools(),
    ]


def _cores() -> Iterator[Finding]:
    budget = budget_of(1.0)
    if budget.shared:
        text = "only one core is usable: generator and server would share it"
        yield Finding(
            code="cores-shared",
            severity="warning",
            text=text,
            hint="measure where two cores or more are usable",
        )
    else:
        text = f"servers get {len(budget.server_cores)} of the usable cores, the generator one"
        yield Finding(code="cores", severity="info", text=text)


def _company(cores: tuple[int, ...], seconds: float) -> Iterator[Finding]:
    before, own, at = cpu.core_times(cores), time.process_time(), time.monotonic()
    time.sleep(seconds)
    after, capacity = cpu.core_times(cores), (time.monotonic() - at) * len(cores)
    foreign = max(0.0, (after.busy - before.busy - (time.process_time() - own)) / capacity)
    stolen = (after.stolen - before.stolen) / capacity
    busy = foreign > MOST_FOREIGN / 2
    yield Finding(
        code="foreign-cpu",
        severity="warning" if busy else "info",
        text=f"others use {foreign:.0%} of the usable cores now, {stolen:.1%} is stolen by the hypervisor",
        hint=f"windows are refused above {MOST_FOREIGN:.0%}: end what else runs here"
        if busy
        else "",
    )


def _limits() -> Iterator[Finding]:
    yield _open_files()
    for name, folder in (("environments", places.cache_folder()), ("runs", places.state_folder())):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        severe = free < LEAST_FREE_BYTES
        text = f"{name} are kept in {folder}, {free / 1e9:.1f} GB free"
        yield Finding(code=f"disk-{name}", severity="warning" if severe else "info", text=text)


def _open_files() -> Finding:
    soft, hard = open_files.limits()
    room = open_files.most_connections()
    text = f"a process may open {soft or 'any number of'} files, {hard or 'any number'} at most"
    if room is not None:
        text += f": loads and races raise the first as they need, up to {room} connections"
    if hard is None or hard >= LEAST_FILES:
        return Finding(code="open-files", severity="info", text=text)
    return Finding(
        code="open-files",
        severity="warning",
        text=text,
        hint=f"raise the hard limit, as root: ulimit -Hn {MANY_FILES}",
    )


def _tools() -> Iterator[Finding]:
    held = containment()
    if held == "namespace":
        yield Finding(
            code="containment",
            severity="info",
            text="process trees are held in PID namespaces: nothing can outlive a run",
        )
    else:
        text = "no PID namespaces here: process trees are found by walking, which a kill of both the tool and its warden can defeat"
        yield Finding(
            code="containment",
            severity="warning",
            text=text,
            hint="allow unprivileged user namespaces",
        )
    if not any(shutil.which(name) for name in ("gcc", "cc", "clang")):
        text = "no C compiler: uWSGI cannot be built"
        yield Finding(
            code="compiler",
            severity="warning",
            text=text,
            hint="Debian: apt-get install gcc python3-dev",
        )
    if not Path("/proc/self/schedstat").exists():
        text = "no /proc/self/schedstat: how long the generator waits for its core cannot be seen"
        yield Finding(code="schedstat", severity="warning", text=text)
