"""The index of runs: what each journal says, as it was last read. It can be lost at any time.

Judging a journal takes up to a second, so the entries are kept in a small database of the cache, by
the size and the time of the journal. Any trouble with it only costs time.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

import whichworker
from whichworker.history.entries import KeptRun, entry_of
from whichworker.store.journal import FILE

NAME = "history.sqlite3"
BUSY_SECONDS = 5.0
"""To wait for another command that writes the index."""
TABLE = (
    "CREATE TABLE IF NOT EXISTS entries"
    " (folder TEXT PRIMARY KEY, state TEXT NOT NULL, entry BLOB NOT NULL)"
)


def entries(cache: Path, folders: Sequence[Path], note: Callable[[str], None]) -> list[KeptRun]:
    """The entries of these runs, in their order; journals that changed are read again."""
    with _opened(cache) as index:
        known = dict(index.execute("SELECT folder, state || char(10) || entry FROM entries"))
        found: list[KeptRun] = []
        rows: list[tuple[str, str, str]] = []
        for folder in folders:
            state = _state(folder)
            kept, _, text = known.get(str(folder), "").partition("\n")
            entry = _decoded(text) if kept == state else None
            if entry is None:
                note(f"reading run {folder.name}")
                entry = entry_of(folder)
                rows.append((str(folder), state, msgspec.json.encode(entry).decode()))
            found.append(entry)
        gone = [(folder,) for folder in known if not (Path(folder) / FILE).exists()]
        with contextlib.suppress(sqlite3.DatabaseError):  # a full disk costs the index only
            index.executemany("REPLACE INTO entries VALUES (?, ?, ?)", rows)
            index.executemany("DELETE FROM entries WHERE folder = ?", gone)
            index.commit()
        return found


@contextmanager
def _opened(cache: Path) -> Iterator[sqlite3.Connection]:
    """The database; a broken one is replaced, and one that is in use or read-only is not used."""
    path = cache / NAME
    try:
        index = _connected(path)
    except sqlite3.OperationalError:
        index = _connected(Path(":memory:"))
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)
        index = _connected(path)
    try:
        yield index
    finally:
        index.close()


def _connected(path: Path) -> sqlite3.Connection:
    index = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        index.execute(TABLE)
        index.execute("SELECT folder, state, entry FROM entries LIMIT 1").fetchall()
    except sqlite3.DatabaseError:
        index.close()
        raise
    return index


def _state(folder: Path) -> str:
    """Changes with the journal, and with the version that judges it."""
    try:
        seen = (folder / FILE).stat()
    except OSError:
        return "gone"
    return f"{whichworker.__version__} {seen.st_size} {seen.st_mtime_ns}"


def _decoded(text: str) -> KeptRun | None:
    try:
        return msgspec.json.decode(text.encode(), type=KeptRun)
    except msgspec.MsgspecError:
        return None
