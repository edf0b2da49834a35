"""Memory of a process tree."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def tree_pss_bytes(pids: Iterable[int]) -> int | None:
    """The sum of the proportional set sizes: shared pages count once, divided among those who share them.

    None where a living process may not be read (smaps_rollup needs the same user or root), or none lives. Source:
    Documentation/filesystems/proc.rst.
    """
    try:
        sizes = [size for pid in pids if (size := _pss_bytes(pid)) is not None]
    except PermissionError:
        return None
    return sum(sizes) if sizes else None


def _pss_bytes(pid: int) -> int | None:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None


def threads(pids: Iterable[int]) -> int:
    """How many threads the living processes have."""
    count = 0
    for pid in pids:
        try:
            count += sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            continue
    return count
