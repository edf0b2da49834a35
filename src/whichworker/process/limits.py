"""How much memory a launch may use, and who holds it to that: the kernel where a control group was handed to this user."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

CGROUPS = Path("/sys/fs/cgroup")
SHARE_OF_AVAILABLE = 0.8
DELEGATION_MARKS = ("user.delegate", "trusted.delegate")
"""What systemd writes on a group it has handed over (Delegate=yes); https://systemd.io/CGROUP_DELEGATION."""

Version = Literal[1, 2]


class Group(Struct, frozen=True, kw_only=True):
    """A control group for one launch: a folder that the warden makes, the files it writes there, and removes at the end."""

    folder: str
    settings: tuple[tuple[str, str], ...]


class Delegation(Struct, frozen=True):
    """A control group with the memory controller that this user may divide further."""

    version: Version
    folder: Path


def default_memory_bytes(meminfo: Path = Path("/proc/meminfo"), root: Path = CGROUPS) -> int:
    """What one launch may use unless told otherwise: four fifths of what is available now, to the machine and to the groups above."""
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
    """What a group holds of files: counted as used, but given back when memory is short."""
    cached = {"inactive_file": 0, "active_file": 0}
    with contextlib.suppress(OSError):
        for name, value in (
            line.split() for line in (folder / "memory.stat").read_text().splitlines()
        ):
            cached[name.removeprefix("total_")] = int(
                value
            )  # v1 has the total, with the groups below, after the group's own
    return cached["inactive_file"] + cached["active_file"]


@functools.cache
def delegation(root: Path = CGROUPS) -> Delegation | None:
    """The group that was handed to this user, v2 before v1; None where limits have to be watched instead.

    That a root user *may* write is no delegation: the tree belongs to whoever manages it, and groups made there would escape its books.
    Found out once, as finding out may move this process into a group below, where only that allows limits on others.
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
    """The control group that limits one launch to so much memory; None without a delegation."""
    if found is None:
        return None
    folder = str(found.folder / f"whichworker-{token}")
    if found.version == 1:
        return Group(folder=folder, settings=(("memory.limit_in_bytes", str(memory_bytes)),))
    settings = (("memory.max", str(memory_bytes)), ("memory.oom.group", "1"))
    return Group(folder=folder, settings=settings)


def _own_folders(root: Path) -> tuple[Path, Path]:
    """This process's groups in the v2 hierarchy and in v1's of memory, whether they exist or not."""
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
    """Whether children of this group can be limited: its controllers are passed on, which a group with processes in it cannot do."""
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
