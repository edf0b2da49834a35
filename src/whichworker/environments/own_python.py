"""The interpreter with the app's dependencies: named, active, or the project's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from whichworker import foreign
from whichworker.environments import interpreters
from whichworker.environments.installer import uv_path

FOLDERS = (".venv", "venv", "env", ".env")
ASK_SECONDS = 30
"""For a project manager, which may be slow to start."""
LONGEST_PATH = 1024
"""Characters: the kernel takes 4096 bytes."""
NONE_FOUND = "whichworker's own interpreter: no .venv here and no VIRTUAL_ENV"
"""The origin of an interpreter that is not the app's."""
LEVELS = 2
"""Folders above the app's to search if there is no repository."""


def find(folder: Path, python: str | None, project: Path | None = None) -> tuple[str, str]:
    """The interpreter of an app and how it was found, else the one that whichworker runs on.

    `folder` is where the imports of the app begin. Its environment is there or above it, else in
    or above `project`, the folder that was searched for the app.
    """
    if python:
        return interpreters.find(python, uv_path()), "--python"
    for place, origin in _places(folder, project or folder):
        found = place if place.is_file() else place / "bin/python"
        if found.exists():
            return str(found), origin
    return interpreters.own_base(), NONE_FOUND


def _places(folder: Path, project: Path) -> Iterator[tuple[Path, str]]:
    """Possible environments, the surest first; runs a project manager only for its own projects."""
    if active := os.environ.get("VIRTUAL_ENV"):
        yield Path(active), "VIRTUAL_ENV"
    below = [place for place in (folder, *folder.parents) if place.is_relative_to(project)]
    for place in dict.fromkeys([*below, *upwards(folder), *upwards(project)]):
        if shared := os.environ.get("UV_PROJECT_ENVIRONMENT"):
            yield place / shared, "UV_PROJECT_ENVIRONMENT"
        for name in FOLDERS:
            if (place / name).is_dir():
                yield place / name, str(place / name)
        if named := _named(place / ".pdm-python"):
            yield Path(named), str(place / ".pdm-python")
        if (place / "poetry.lock").is_file() and (
            said := _said("poetry", place, "env", "info", "--path")
        ):
            yield Path(said), "poetry env info"
        if (place / "Pipfile").is_file() and (said := _said("pipenv", place, "--venv")):
            yield Path(said), "pipenv --venv"


def _named(file: Path) -> str:
    """The path in a file of one line; empty without such a file."""
    try:
        lines = foreign.text_of(file).split("\n")
    except foreign.Unreadable:
        return ""
    path = lines[0].strip()
    return path if len(lines) <= 2 and len(path) < LONGEST_PATH and "\0" not in path else ""


def upwards(folder: Path) -> Iterator[Path]:
    """The folder and those above it up to the repository's root, or up to LEVELS above."""
    above = [folder, *folder.parents]
    top = next((at for at, place in enumerate(above) if (place / ".git").exists()), LEVELS)
    yield from above[: top + 1]


def _said(tool: str, folder: Path, *argv: str) -> str:
    """The output of a project manager; empty if it is not installed or fails."""
    program = shutil.which(tool)
    if program is None:
        return ""
    try:
        run = subprocess.run(
            [program, *argv],
            cwd=folder,
            capture_output=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return os.fsdecode(run.stdout).strip() if run.returncode == 0 else ""
