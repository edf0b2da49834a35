"""The servers of a run that are alive: their processes, CPU and memory, and the end of each log.

Only `/proc` and the run's folder are read: a server's output is a log in that folder, so a process
that has it open belongs to this launch.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from msgspec import Struct

from whichworker import redaction, units

LAUNCHES, OUTPUT = "launches", 1
TAIL_BYTES, TAIL_LINES = 2048, 4
NAME = re.compile(r"-\d+\.log$")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Worker(Struct, frozen=True, kw_only=True):
    """A process: bytes that are resident, and the CPU time per second since the last look."""

    pid: int
    memory: str
    cores: float | None


class LiveServer(Struct, frozen=True, kw_only=True):
    """A launch: its name in the log folder, its processes, and the last lines of its log."""

    name: str
    workers: tuple[Worker, ...]
    log: tuple[str, ...]


class Processes:
    """Looks at the servers of one run, again and again."""

    def __init__(self, folder: Path) -> None:
        self.launches = folder / LAUNCHES
        self._before: dict[int, tuple[float, float]] = {}

    def look(self, at: float) -> tuple[LiveServer, ...]:
        """The servers at a moment, in seconds of any steady clock."""
        found: dict[Path, list[int]] = {}
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and (log := self._log_of(entry.path)) is not None:
                found.setdefault(log, []).append(int(entry.name))
        now: dict[int, tuple[float, float]] = {}
        servers = []
        for log, pids in sorted(found.items()):
            workers = [worker for pid in sorted(pids) if (worker := self._worker(pid, at, now))]
            name = NAME.sub("", log.name)
            servers.append(LiveServer(name=name, workers=tuple(workers), log=tail(log)))
        self._before = now
        return tuple(servers)

    def _log_of(self, process: str) -> Path | None:
        """The log of this run that a process writes to, if any."""
        try:
            target = Path(f"{process}/fd/{OUTPUT}").readlink()
        except OSError:  # gone meanwhile, or of another user
            return None
        return target if target.parent == self.launches else None

    def _worker(self, pid: int, at: float, now: dict[int, tuple[float, float]]) -> Worker | None:
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        used = (int(fields[11]) + int(fields[12])) / TICKS
        now[pid] = (at, used)
        then = self._before.get(pid)
        cores = (used - then[1]) / (at - then[0]) if then and at > then[0] else None
        memory = units.show_bytes(int(fields[21]) * PAGE)
        return Worker(pid=pid, memory=memory, cores=None if cores is None else round(cores, 3))


def tail(log: Path) -> tuple[str, ...]:
    """The last lines, without secrets; empty if the log is gone."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ()
    return tuple(units.visible(redaction.clean(line)) for line in lines[-TAIL_LINES:])


def writer_of(path: Path) -> int | None:
    """The process that has the lock of a journal, and so writes it; None: nobody."""
    try:
        node = path.stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in locks:
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5].endswith(f":{node}"):
            return int(words[4])
    return None
