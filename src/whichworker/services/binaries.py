"""Programs that a machine has installed: on PATH, or where distributions keep them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

VERSION_SECONDS = 20  # `--version` takes milliseconds, seconds on a cold disk


def together(names: tuple[str, ...], path: str, patterns: Iterable[str]) -> tuple[str, ...] | None:
    """The paths of programs in one folder: the first of `path`, else the newest of `patterns`."""
    folders = [Path(folder) for folder in path.split(os.pathsep) if folder]
    for pattern in patterns:
        folders += sorted(Path("/").glob(pattern.lstrip("/")), key=version_in, reverse=True)
    for folder in folders:
        if all(shutil.which(name, path=str(folder)) for name in names):
            return tuple(str(folder / name) for name in names)
    return None


def version_in(path: Path) -> tuple[int, ...]:
    """The numbers in a path, for an order in which 16 comes after 9.6."""
    return tuple(int(number) for number in re.findall(r"\d+", str(path)))


def version_of(program: str, pattern: str) -> str:
    """The group of `pattern` in the output of `--version`; empty if nothing matches."""
    try:
        run = subprocess.run(
            [program, "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(pattern, run.stdout)
    return found[1] if found else ""
