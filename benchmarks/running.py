"""One command on one core, and its resources: CPU of the process tree, memory, disturbances."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

SAMPLE_SECONDS = 0.05  # between two readings of the memory

_TICKS = os.sysconf("SC_CLK_TCK")


class Usage(Struct, frozen=True, kw_only=True):
    """The output and resources of a command; others took `foreign_share` of its core.

    `peak_bytes` is the sum of each process's own peak, or None where it was not watched.
    """

    code: int
    output: str
    seconds: float
    cpu_seconds: float
    foreign_share: float
    peak_bytes: int | None


def run_pinned(
    argv: Sequence[str], core: int, most_seconds: float, folder: Path, *, watch_memory: bool = False
) -> Usage:
    """Run a command on one core to its end; raises TimeoutError, and kills it, after too long.

    CPU is from wait4: the command and every descendant that was waited for.
    """
    peaks: dict[int, int] = {}
    with tempfile.TemporaryFile() as output:
        before, began = core_ticks(core), time.monotonic()
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
        watch = (lambda: _note_peaks(process.pid, peaks)) if watch_memory else None
        if not _ended(process.pid, began + most_seconds, watch):
            os.killpg(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds, after = time.monotonic() - began, core_ticks(core)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode == -signal.SIGKILL:
            raise TimeoutError(f"no end within {most_seconds:g} s: {' '.join(argv)}")
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    cpu = usage.ru_utime + usage.ru_stime
    return Usage(
        code=process.returncode,
        output=text,
        seconds=seconds,
        cpu_seconds=cpu,
        foreign_share=max(0.0, (after - before) / _TICKS - cpu) / seconds,
        peak_bytes=sum(peaks.values()) if watch_memory else None,
    )


def _ended(pid: int, ends: float, watch: Callable[[], None] | None) -> bool:
    """Wait for a child without reaping it; wake up meanwhile only to watch."""
    pidfd = os.pidfd_open(pid)
    try:
        while (left := ends - time.monotonic()) > 0:
            if watch is not None:
                watch()
            if select.select(
                [pidfd], [], [], min(left, SAMPLE_SECONDS) if watch is not None else left
            )[0]:
                return True
        return False
    finally:
        os.close(pidfd)


def core_ticks(core: int) -> int:
    """How many ticks a core was busy or stolen since the start of the machine."""
    for line in Path("/proc/stat").read_text().splitlines():
        words = line.split()
        if words[0] == f"cpu{core}":
            user, nice, system, _idle, _wait, interrupts, soft_interrupts, steal = map(
                int, words[1:9]
            )
            return user + nice + system + interrupts + soft_interrupts + steal
    raise LookupError(f"no core {core} in /proc/stat")


def _note_peaks(root: int, peaks: dict[int, int]) -> None:
    """VmHWM of each living process of the tree: ru_maxrss would include the parent before exec."""
    for pid in _tree(root):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                peaks[pid] = max(peaks.get(pid, 0), int(line.split()[1]) * 1024)


def _tree(root: int) -> list[int]:
    pids = [root]
    for pid in pids:  # grows while it is read: children of children
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
            pids += [
                int(child) for task in tasks for child in (task / "children").read_text().split()
            ]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return pids
