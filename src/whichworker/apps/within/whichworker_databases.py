"""Note each SQLite file before the app opens it, by an audit hook (PEP 578, Python 3.8).

WHICHWORKER_DATABASES names the file for the notes. Each is a line of JSON: the paths of a database
and of its write-ahead log with their SHA-256 as they were (none for a missing or empty file).
"""

import hashlib
import json
import os
import sys
from typing import Any
from urllib.parse import unquote, urlsplit

NOTES = os.environ["WHICHWORKER_DATABASES"]
PIECE_BYTES = 1 << 20
SEEN = set()  # type: set[str]


def digest(path: str) -> str:
    """The SHA-256 of a file, or an empty string."""
    try:
        if not os.path.getsize(path):
            return ""
        found = hashlib.sha256()
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(PIECE_BYTES), b""):
                found.update(piece)
        return found.hexdigest()
    except OSError:
        return ""


def watch(event: str, arguments: "tuple[Any, ...]") -> None:
    """Note the file of a connection; whatever goes wrong, the app does not notice."""
    if event != "sqlite3.connect":
        return
    try:
        name = os.fsdecode(arguments[0])
        name = unquote(urlsplit(name).path) if name.startswith("file:") else name
        path = os.path.realpath(name)
        if not name or name == ":memory:" or path in SEEN:
            return
        SEEN.add(path)
        line = json.dumps({one: digest(one) for one in (path, path + "-wal")})
        with open(NOTES, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    except Exception:
        return


if hasattr(sys, "addaudithook"):
    sys.addaudithook(watch)
