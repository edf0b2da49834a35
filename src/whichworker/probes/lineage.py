"""CPU time of process trees whose members come and go, such as PostgreSQL's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from whichworker.probes.cpu import TICKS_PER_SECOND


def lineage_cpu_seconds(pids: Iterable[int]) -> float:
    """CPU seconds of the living processes and of their ended children, in ticks of 10 ms.

    These are fields 14 to 17 of /proc/PID/stat. If `pids` is a whole tree whose root lives on, the
    sum never falls: the time of a process that ends moves into its parent's fields.
    """
    return sum(map(_ticks, pids)) / TICKS_PER_SECOND


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return sum(int(field) for field in fields[11:15])
