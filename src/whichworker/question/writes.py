"""Whether a reference run wrote to a database: SQLite files compared, PostgreSQL's own counters.

It compares the SQLite files of the settings, and others that the app opened. The counters of
PostgreSQL are pg_stat_user_tables (n_tup_ins, n_tup_upd, n_tup_del), read through a driver that the
app has, while no server runs: a backend reports its last changes when it ends.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.apps import environment_files
from whichworker.apps.checkup import is_local
from whichworker.apps.examine import WITHIN, Database
from whichworker.environments.variables import byte_code
from whichworker.model import App
from whichworker.process import contained, scratch

COUNTERS, OUT = "whichworker_counters.py", "WHICHWORKER_COUNTERS"
READ_SECONDS = 15.0
"""For a driver to load, and a connection to a local database."""


class State(Struct, frozen=True):
    """What the databases held: digests of files, and written rows by table (None: not known)."""

    files: Mapping[str, str]
    rows: Mapping[str, int] | None


class Databases(Struct, frozen=True):
    """The databases of an app that can be watched; the byte code of its driver goes to `cache`."""

    app: App
    known: tuple[Database, ...]
    cache: Path

    def look(self) -> State:
        """The state before or after a launch; no server runs."""
        return State(_digests(self.app.database_files), self._rows() if self._counted() else None)

    def unwatched(self, state: State) -> list[str]:
        """The databases whose writes nobody would notice."""
        counted = [one.alias for one in self._counted()] if state.rows is not None else []
        return [
            text
            for text in self.app.databases
            if "sqlite" not in text.lower() and text.partition(":")[0] not in counted
        ]

    def _counted(self) -> tuple[Database, ...]:
        return tuple(
            one for one in self.known if "postg" in one.engine.lower() and is_local(one.host)
        )

    def _rows(self) -> dict[str, int] | None:
        text = (files(WITHIN) / COUNTERS).read_text(encoding="utf-8")
        wanted = msgspec.json.encode(self._counted()).decode()
        variables = {
            **os.environ,
            **environment_files.read(self.app.environment_file),
            **self.app.environment,
            **byte_code(self.cache),
        }
        with scratch.folder() as folder:
            out = folder / "rows.json"
            contained.run(
                [self.app.python, "-c", text],
                self.app.directory,
                {**variables, OUT: str(out), "WHICHWORKER_DATABASES": wanted},
                folder / "log",
                READ_SECONDS,
            )
            return (
                msgspec.json.decode(out.read_bytes(), type=dict[str, int]) if out.exists() else None
            )


def changed(before: State, after: State) -> str:
    """The writes between two states in words, or an empty string."""
    names = sorted({*before.files, *after.files})
    if found := [name for name in names if before.files.get(name) != after.files.get(name)]:
        return f"changed {found[0]}"
    rows = {
        name: count - (before.rows or {}).get(name, 0)
        for name, count in (after.rows or {}).items()
        if before.rows is not None and count > before.rows.get(name, 0)
    }
    told = ", ".join(f"{count} in {name}" for name, count in sorted(rows.items())[:3])
    return f"wrote rows to PostgreSQL: {told}" if rows else ""


def changed_of(opened: Path) -> str:
    """A SQLite file that the app itself opened and that is not what it was before, if any.

    A file that was not there, such as a cache that the app makes for itself, is nobody's data.
    """
    lines = opened.read_text(encoding="utf-8").splitlines() if opened.exists() else []
    first: dict[str, dict[str, str]] = {}
    for line in lines:
        before = msgspec.json.decode(line, type=dict[str, str])
        first.setdefault(next(iter(before)), before)
    for before in first.values():
        path, log = before
        after = _digests([path])
        if before[path] and any(after.get(one, "") != before[one] for one in (path, log)):
            return f"changed {path}"
    return ""


def _digests(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in (written for one in names for written in (one, f"{one}-wal")):
        path = Path(name)
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
