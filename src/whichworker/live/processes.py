"""The servers of a run that are alive: their processes, CPU and memory, and the end of each log.

Only `/proc` and the run's folder are read: a server's output is a log in that folder, so a process
that has it open belongs to this launch.
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import psutil
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

    def __init__(self, folder: Path, *, with_logs: bool = True) -> None:
        self.launches, self.with_logs = folder / LAUNCHES, with_logs
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
            lines = tail(log) if self.with_logs else ()
            servers.append(LiveServer(name=name, workers=tuple(workers), log=lines))
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
    """The last whole lines, without secrets; empty if the log is gone.

    Secrets may have several lines, so they are taken out before the text is split. A line that
    begins before the part that is read is left out: half a secret could not be recognized.
    """
    try:
        with log.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES)
            file.seek(start)
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    lines = redaction.clean(text.partition("\n")[2] if start else text).splitlines()
    return tuple(map(units.visible, lines[-TAIL_LINES:]))


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
            process = int(words[4])
            if process > 1 and _has_open(process, path):
                return process
    return None


def _has_open(process: int, path: Path) -> bool:
    """Whether this file is open there: another filesystem may have the same number."""
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                if entry.samefile(path):
                    return True
    return False


def started(process: int) -> datetime | None:
    """The start of a process; None if it has ended."""
    try:
        return datetime.fromtimestamp(psutil.Process(process).create_time(), UTC)
    except psutil.Error:
        return None
