"""The CPU quota of a control group: `docker --cpus`, a Kubernetes limit, systemd's CPUQuota.

https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max), for v1
https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROC, ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
UNIFIED, FORMER = ("", "unified"), ("cpu", "cpu,cpuacct", "cpuacct,cpu")
"""Names of the hierarchies of version 2 and of version 1, below the root."""


class Quota:
    """The limits of this process's control group and of all groups above it, read once."""

    def __init__(self, proc: Path = PROC, root: Path = ROOT) -> None:
        self._limited = [
            (limit, folder)
            for folder in dict.fromkeys(_folders(proc, root))
            if (limit := _limit(folder)) is not None
        ]

    @property
    def cores(self) -> float | None:
        """Cores' worth of CPU time that all processes together may use; None without a limit."""
        return min((limit for limit, _ in self._limited), default=None)

    def throttled(self) -> int:
        """Periods so far in which processes were stopped because the quota was used up."""
        return sum(
            int(found[1])
            for _, folder in self._limited
            if (
                found := re.search(r"^nr_throttled (\d+)", _text(folder / "cpu.stat"), re.MULTILINE)
            )
        )


@cache
def here() -> Quota:
    """The quota of this process."""
    return Quota()


def _folders(proc: Path, root: Path) -> Iterator[Path]:
    """The folder of each group that holds this process, and of those above it."""
    for line in _text(proc).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        names = UNIFIED if not controllers else FORMER if "cpu" in controllers.split(",") else ()
        for mount in (root / name for name in names):
            # A container sees its own group as the root, whatever the path says.
            group = mount / path.lstrip("/")
            yield from (one for one in (group, *group.parents) if one.is_relative_to(mount))


def _limit(folder: Path) -> float | None:
    most, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not most:
        most, period = (
            _text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")
        )
    if not (most.isdigit() and period.isdigit() and int(period)):
        return None  # "max", -1, or no such file
    return int(most) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
