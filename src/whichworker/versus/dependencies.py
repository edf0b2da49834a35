"""The interpreter of another version: today's if its dependencies are the same, else its own.

An environment of its own is built once for each lock file or list of requirements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from whichworker import foreign
from whichworker.environments import locks
from whichworker.environments.installer import run_uv
from whichworker.environments.interpreters import inspect
from whichworker.errors import EnvironmentFailed, UsageError

LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml")
"""Each names every package; if one is there, the lists below say nothing more."""
LISTS = ("requirements.txt", "requirements/*.txt", "requirements*.txt", "requirements/*.in")
FOLDER = "versions"


class Tree(Struct, frozen=True):
    """A version's files: the folder of the app, at or below the root of the repository."""

    folder: Path
    root: Path

    @property
    def levels(self) -> tuple[Path, ...]:
        """The folders that may say what the app depends on, the app's own first."""
        above = [one for one in self.folder.parents if one.is_relative_to(self.root)]
        return (self.folder, *above)


def python_of(
    before: Tree, today: Tree, python: str, cache: Path, note: Callable[[str], None]
) -> str:
    """The interpreter for the version `before`; `python` is the interpreter of `today`.

    Raises UsageError if its dependencies differ and cannot be installed.
    """
    if described(before) == described(today):
        return python
    note("an environment for the other version: its dependencies differ")
    for folder in before.levels:
        lock, wanted = folder / "uv.lock", folder / "requirements.txt"
        if lock.is_file():
            install = partial(_sync, cache, folder)
            return _built(cache, python, lock.read_bytes(), install)
        if wanted.is_file() and not any((folder / name).is_file() for name in LOCKS):
            return _built(cache, python, _texts(folder), partial(_install, cache, wanted))
    raise UsageError(
        "the two versions have different dependencies, and only uv.lock and requirements.txt can be"
        " installed for the other one",
        hint="compare versions with the same dependencies",
    )


def described(tree: Tree) -> list[object]:
    """All that decides about the dependencies of a version."""
    return [_described(folder) for folder in tree.levels]


def _described(folder: Path) -> object:
    found = {name: (folder / name).read_bytes() for name in LOCKS if (folder / name).is_file()}
    return found or (_texts(folder), _declared(folder / "pyproject.toml"))


def _texts(folder: Path) -> bytes:
    """The lists of requirements; comments and order of files do not matter."""
    files = sorted({path for pattern in LISTS for path in folder.glob(pattern) if path.is_file()})
    lines = [
        line.strip()
        for path in files
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    return "\n".join(lines).encode()


def _declared(path: Path) -> Any:
    """The dependencies that a pyproject.toml declares; nothing for a broken one."""
    nothing = [None, None, None]
    if not path.is_file():
        return nothing
    try:
        whole = foreign.toml_in(foreign.text_of(path), dict[str, Any])
    except foreign.Unreadable:
        return nothing
    project, tool = whole.get("project", {}), whole.get("tool", {})
    poetry = tool.get("poetry", {}) if isinstance(tool, dict) else {}
    return [
        project.get("dependencies") if isinstance(project, dict) else None,
        project.get("optional-dependencies") if isinstance(project, dict) else None,
        poetry.get("dependencies") if isinstance(poetry, dict) else None,
    ]


def _built(cache: Path, python: str, text: bytes, install: Callable[[Path], object]) -> str:
    base = inspect(python).base
    key = hashlib.sha256(text + base.encode()).hexdigest()[:16]
    place = cache / FOLDER / key

    def build() -> None:
        run_uv(cache, "venv", "--quiet", "--no-project", "--python", base, str(place))
        install(place)

    try:
        return str(locks.once(place, build) / "bin/python")
    except EnvironmentFailed as error:
        raise UsageError(
            f"the dependencies of the other version cannot be installed: {error.fact}",
            seen=error.seen,
            hint=error.hint or "compare versions with the same dependencies",
        ) from error


def _sync(cache: Path, folder: Path, place: Path) -> None:
    """Install what uv.lock names, but not the project itself: its files are the version's own."""
    chosen = ("--no-emit-project", "--no-hashes", "--all-extras", "--all-groups")
    listed = run_uv(cache, "export", "--quiet", "--frozen", *chosen, "--project", str(folder))
    wanted = place / "requirements.txt"
    wanted.write_text(listed, encoding="utf-8")
    _install(cache, wanted, place)


def _install(cache: Path, wanted: Path, place: Path) -> None:
    python = str(place / "bin/python")
    run_uv(cache, "pip", "install", "--quiet", "--python", python, "--requirements", str(wanted))
