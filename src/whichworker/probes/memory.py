"""Memory and open files of a process tree."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from whichworker.probes.reading import names, read


class Memory(NamedTuple):
    """Bytes: the sums of proportional sizes (shared pages divided) and of private memory."""

    pss: int
    uss: int


def tree_memory(pids: Iterable[int]) -> Memory | None:
    """The memory of the living processes; None if one may not be read, or none lives.

    It takes a few hundred microseconds for each, as the kernel walks its page tables. smaps_rollup
    needs the same user or root (Documentation/filesystems/proc.rst).
    """
    try:
        sizes = [_memory(text) for pid in pids if (text := read(f"/proc/{pid}/smaps_rollup"))]
    except PermissionError:
        return None
    return (
        Memory(sum(size.pss for size in sizes), sum(size.uss for size in sizes)) if sizes else None
    )


def open_files(pids: Iterable[int]) -> int | None:
    """The number of open descriptors; None if a living process may not be read, or none lives."""
    total = None
    for pid in pids:
        try:
            # The folder's size is their number since Linux 6.2, 0 before. A path object costs more.
            size = os.stat(f"/proc/{pid}/fd").st_size  # noqa: PTH116
            total = (total or 0) + (size or len(names(f"/proc/{pid}/fd")))
        except (FileNotFoundError, ProcessLookupError):
            continue
        except PermissionError:
            return None
    return total


def _memory(rollup: bytes) -> Memory:
    sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in rollup.splitlines()[1:]}
    return Memory(sizes[b"Pss:"], sizes[b"Private_Clean:"] + sizes[b"Private_Dirty:"])
