"""Locks of the cache's folders: exclusive to build or remove one, shared to use it.

A process shares a lock until it ends. A lock file's time is the last use of its folder.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

COMPLETE = ".whichworker-complete"
SUFFIX = ".lock"

_held: dict[Path, int] = {}
_building: set[int] = set()


def lock_of(place: Path) -> Path:
    """The lock file of a folder, beside it."""
    return place.parent / f"{place.name}{SUFFIX}"


def once(place: Path, build: Callable[[], None]) -> Path:
    """Have `build` make a folder unless a complete one exists; this process then keeps it in use.

    An interrupted build starts again.
    """
    while place not in _held or not (place / COMPLETE).exists():
        lock = _held.pop(place, None) or _take(place, fcntl.LOCK_SH)
        if not (place / COMPLETE).exists():
            os.close(lock)
            lock = _take(place, fcntl.LOCK_EX)
            _building.add(lock)
            try:
                if not (place / COMPLETE).exists():
                    shutil.rmtree(place, ignore_errors=True)
                    build()
                    _to_disk(place)
                    (place / COMPLETE).touch()
                # not atomic: another process may clear in between, so the loop checks again
                fcntl.flock(lock, fcntl.LOCK_SH)
            except BaseException:
                os.close(lock)
                raise
            finally:
                _building.discard(lock)
        _held[place] = lock
    os.utime(_held[place])
    return place


def _to_disk(place: Path) -> None:
    """Write the file system of a folder to its disk, so that the mark is never there before it."""
    with suppress(FileNotFoundError):
        folder = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        ctypes.CDLL(None).syncfs(folder)
        os.close(folder)


def building() -> tuple[int, ...]:
    """The locks of present builds, which child processes inherit and hold if this one dies."""
    return tuple(_building)


def share(place: Path) -> None:
    """Use a folder that any process may add to, such as the byte code, until this process ends."""
    if place not in _held:
        _held[place] = _take(place, fcntl.LOCK_SH)
    os.utime(_held[place])


@contextmanager
def alone(place: Path) -> Iterator[bool]:
    """Whether no process uses or builds a folder; if so, none will before the block ends."""
    try:
        lock = _take(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        os.close(lock)


def in_use(place: Path) -> bool:
    """Whether a process uses or builds a folder now; leaves no trace."""
    try:
        lock = os.open(lock_of(place), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def last_used(place: Path) -> float:
    """When a folder was last used, in seconds since the epoch."""
    for path in (lock_of(place), place):
        with suppress(FileNotFoundError):
            return path.stat().st_mtime
    return 0.0


def _take(place: Path, kind: int) -> int:
    """The descriptor of a locked lock file; if the file was removed meanwhile, this tries again."""
    path = lock_of(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, kind)
            with suppress(FileNotFoundError):
                if os.fstat(lock).st_ino == path.stat().st_ino:
                    return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
