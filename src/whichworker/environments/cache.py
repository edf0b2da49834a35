"""The folders of the cache with size and last use, and the removal of unused ones."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field
from packaging.utils import canonicalize_name

from whichworker import foreign
from whichworker.environments import locks
from whichworker.environments.variables import BYTE_CODE
from whichworker.environments.venvs import DESCRIPTION, REQUIREMENTS
from whichworker.model import Environment
from whichworker.model.distributions import distribution

Kind = Literal["app", "overlay", "version", "source", "data", "byte code"]
State = Literal["complete", "unfinished", "broken"]
Outcome = Literal["removed", "would be removed", "in use", "kept"]
FOLDERS: dict[str, Kind] = {
    "apps": "app",
    "overlays": "overlay",
    "versions": "version",
    "sources": "source",
    "data": "data",
}
"""A version is an environment for another version of the user's app, a source a wheel of a server
that was built from a folder or a repository."""


class CacheEntry(Struct, frozen=True, kw_only=True):
    """One folder of the cache.

    `state`: unfinished after an interrupted build, broken without its interpreter. `freed_bytes` is
    what its removal frees, without files that uv has linked from its own cache. `last_used` is in
    seconds since the epoch. `outcome` is the result of clearing.
    """

    kind: Kind
    name: str
    path: str
    state: State
    in_use: bool
    size_bytes: int
    freed_bytes: int
    last_used: float
    python: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    outcome: Outcome | None = None


def entries(cache: Path) -> list[CacheEntry]:
    """All folders of the cache, the last used one first; changes nothing."""
    found = [_entry(place, kind) for place, kind in _places(cache)]
    return sorted(found, key=lambda entry: -entry.last_used)


def clear(cache: Path, older_than: float = 0.0, *, dry_run: bool = False) -> list[CacheEntry]:
    """Remove folders that were unused for `older_than` seconds; return all with their outcome.

    Folders in use, by any process, stay. An interrupted removal never leaves a folder that looks
    complete.
    """
    before = time.time() - older_than
    done = [
        msgspec.structs.replace(entry, outcome=_outcome(entry, cache, before, dry_run=dry_run))
        for entry in entries(cache)
    ]
    if not dry_run:
        _sweep_locks(cache)
    return done


def _outcome(entry: CacheEntry, cache: Path, before: float, *, dry_run: bool) -> Outcome:
    if entry.in_use:
        return "in use"
    if entry.last_used > before:
        return "kept"
    return "would be removed" if dry_run else _remove(Path(entry.path), cache, before)


def _remove(place: Path, cache: Path, before: float) -> Outcome:
    """Remove one folder and its byte code, unless another process uses it by now."""
    used = locks.last_used(place)
    with locks.alone(place) as mine:
        if not mine:
            return "in use"
        if used > before:
            return "kept"
        # first, so that half a folder never looks complete
        (place / locks.COMPLETE).unlink(missing_ok=True)
        shutil.rmtree(place)
        shutil.rmtree(cache / BYTE_CODE / place.absolute().relative_to("/"), ignore_errors=True)
        locks.lock_of(place).unlink()
    return "removed"


def _sweep_locks(cache: Path) -> None:
    """Remove lock files whose folders are gone."""
    for folder in FOLDERS:
        for lock in (cache / folder).glob(f"*{locks.SUFFIX}"):
            place = lock.with_name(lock.name.removesuffix(locks.SUFFIX))
            if place.exists() or lock.is_symlink() or lock.stat().st_size:  # ours are empty
                continue
            with locks.alone(place) as mine:
                if mine and not place.exists():
                    lock.unlink()


def _places(cache: Path) -> Iterator[tuple[Path, Kind]]:
    """What was made here: it has a lock beside it. WHICHWORKER_CACHE may name any folder."""
    for folder, kind in FOLDERS.items():
        for place in sorted((cache / folder).glob("*")):
            if place.is_dir() and not place.is_symlink() and locks.lock_of(place).is_file():
                yield place, kind
    code = cache / BYTE_CODE
    if code.is_dir() and not code.is_symlink() and locks.lock_of(code).is_file():
        yield code, "byte code"


def _entry(place: Path, kind: Kind) -> CacheEntry:
    size, freed = sizes(place)
    complete = kind == "byte code" or (place / locks.COMPLETE).exists()
    broken = (
        kind in ("app", "overlay", "version") and complete and not (place / "bin/python").exists()
    )
    return CacheEntry(
        kind=kind,
        name=place.name,
        path=str(place),
        state="broken" if broken else "complete" if complete else "unfinished",
        in_use=locks.in_use(place),
        size_bytes=size,
        freed_bytes=freed,
        last_used=locks.last_used(place),
        python=_python(place),
        versions=_versions(place, kind),
    )


def sizes(place: Path) -> tuple[int, int]:
    """Bytes on disk of a folder, and the part of them that its removal frees."""
    size = freed = 0
    for found in _files(place):
        taken = found.st_blocks * 512
        size += taken
        freed += taken if found.st_nlink == 1 else 0
    return size, freed


def _files(place: Path) -> Iterator[os.stat_result]:
    """The status of each file; those that vanish meanwhile are left out."""
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                yield Path(folder, name).lstat()
            except FileNotFoundError:
                continue


def _python(place: Path) -> str | None:
    """The version of the interpreter of an environment."""
    found = re.search(
        r"^version(?:_info)? *= *(\d+\.\d+(?:\.\d+)?)", _text(place / "pyvenv.cfg"), re.MULTILINE
    )
    return found[1] if found else None


def _versions(place: Path, kind: Kind) -> dict[str, str]:
    """For an overlay, its server and requirements; for an app, its framework."""
    if kind == "app":
        wanted = [place.name.rpartition("-")[0]]
        return _chosen(wanted, dict(_installed(place)))
    if kind != "overlay" or not (text := _text(place / DESCRIPTION)):
        return {}
    try:
        environment = foreign.json_in(text, Environment)
    except foreign.Unreadable:  # written by another version of the tool
        return {}
    return _chosen(
        map(distribution, _text(place / REQUIREMENTS).splitlines()), environment.packages
    )


def _chosen(wanted: Iterable[str], packages: dict[str, str]) -> dict[str, str]:
    versions: dict[str, str] = {
        canonicalize_name(name): version for name, version in packages.items()
    }
    return {name: versions[name] for name in wanted if name in versions}


def _installed(place: Path) -> Iterator[tuple[str, str]]:
    """Names and versions of an environment's packages, by their folders, without an interpreter."""
    for found in place.glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = found.name.removesuffix(".dist-info").partition("-")
        yield name.lower(), version


def _text(path: Path) -> str:
    try:
        return foreign.text_of(path)
    except foreign.Unreadable:
        return ""
