"""The memory limit of a launch; the kernel enforces it if this user has a control group."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

CGROUPS = Path("/sys/fs/cgroup")
SHARE_OF_AVAILABLE = 0.8  # the rest is for the tool, the generator and the system
DELEGATION_MARKS = ("user.delegate", "trusted.delegate")
"""systemd marks a group that it delegates (Delegate=yes); https://systemd.io/CGROUP_DELEGATION."""

Version = Literal[1, 2]


class Group(Struct, frozen=True, kw_only=True):
    """A control group for one launch: the warden makes the folder, fills it and removes it."""

    folder: str
    settings: tuple[tuple[str, str], ...]


class Delegation(Struct, frozen=True):
    """A control group with the memory controller that this user may divide further."""

    version: Version
    folder: Path


def default_memory_bytes(meminfo: Path = Path("/proc/meminfo"), root: Path = CGROUPS) -> int:
    """The default limit of one launch: 80 % of the memory that is available now.

    Available is the least of what the machine and the groups above this process have left.
    """
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    available = int(lines["MemAvailable"].split()[0]) * 1024
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        for folder in (
            above
            for own in _own_folders(root)
            for above in (own, *own.parents)
            if above.is_relative_to(root)
        ):
            with contextlib.suppress(OSError, ValueError):  # ValueError: "max", which is no number
                left = (
                    int((folder / most).read_text())
                    - int((folder / used).read_text())
                    + _cached_bytes(folder)
                )
                available = min(available, max(0, left))
    return int(available * SHARE_OF_AVAILABLE)


def _cached_bytes(folder: Path) -> int:
    """The page cache of a group: it counts as used, but the kernel frees it when needed."""
    cached = {"inactive_file": 0, "active_file": 0}
    with contextlib.suppress(OSError):
        for name, value in (
            line.split() for line in (folder / "memory.stat").read_text().splitlines()
        ):
            # In v1 the total, which includes the groups below, follows the group's own value.
            cached[name.removeprefix("total_")] = int(value)
    return cached["inactive_file"] + cached["active_file"]


@functools.cache
def delegation(root: Path = CGROUPS) -> Delegation | None:
    """The group that this user may divide, v2 before v1; None if limits have to be watched.

    Write access of root is no delegation: systemd, or another manager, owns the tree and would
    not know of new groups. The result is cached, because the search may move this process into a
    group below: only then can the group limit others.
    """
    for version, folder in zip((2, 1), _own_folders(root), strict=True):
        if not _handed_over(folder):
            continue
        if version == 1 and (folder / "memory.limit_in_bytes").exists():
            return Delegation(1, folder)
        if version == 2 and _may_limit_memory(folder):
            return Delegation(2, folder)
    return None


def group(token: str, memory_bytes: int, found: Delegation | None) -> Group | None:
    """The control group that limits one launch to this memory; None without a delegation."""
    if found is None:
        return None
    folder = str(found.folder / f"whichworker-{token}")
    if found.version == 1:
        return Group(folder=folder, settings=(("memory.limit_in_bytes", str(memory_bytes)),))
    settings = (("memory.max", str(memory_bytes)), ("memory.oom.group", "1"))
    return Group(folder=folder, settings=settings)


def _own_folders(root: Path) -> tuple[Path, Path]:
    """This process's groups in the v2 and the v1 memory hierarchy, whether they exist or not."""
    unified = root if (root / "cgroup.controllers").exists() else root / "unified"
    paths = {2: "", 1: ""}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0":
                paths[2] = path
            elif "memory" in controllers.split(","):
                paths[1] = path
    return _inside(unified, paths[2]), _inside(root / "memory", paths[1])


def _inside(hierarchy: Path, path: str) -> Path:
    """The folder of a group; in a container the hierarchy's root may be the group itself."""
    folder = hierarchy / path.lstrip("/")
    return folder if folder.exists() else hierarchy


def _handed_over(folder: Path) -> bool:
    if not os.access(folder, os.W_OK):
        return False
    if os.getuid() and folder.stat().st_uid == os.getuid():
        return True
    for mark in DELEGATION_MARKS:
        with contextlib.suppress(OSError):
            if os.getxattr(folder, mark) == b"1":
                return True
    return False


def _may_limit_memory(folder: Path) -> bool:
    """Whether children of this group can be limited: it must pass its controllers on.

    A group with processes in it cannot do that.
    """
    if "memory" in _words(folder / "cgroup.subtree_control"):
        return True
    offered = "memory" in _words(folder / "cgroup.controllers")
    if not offered or set(_words(folder / "cgroup.procs")) - {str(os.getpid())}:
        return False
    try:
        (folder / "whichworker").mkdir(exist_ok=True)
        (folder / "whichworker" / "cgroup.procs").write_text(str(os.getpid()))
        (folder / "cgroup.subtree_control").write_text("+memory")
    except OSError:
        return False
    return True


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
