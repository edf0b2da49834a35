"""Reading small files of /proc at the least cost: no path object, no decoding, no buffer."""

from __future__ import annotations

import os

MOST_BYTES = 64 * 1024


def read(path: str) -> bytes:
    """The content of a file of /proc; empty where it, or its process, is gone. Raises PermissionError where it may not be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return b""
    try:
        return os.read(file, MOST_BYTES)
    except ProcessLookupError:
        return b""
    finally:
        os.close(file)


def names(folder: str) -> list[str]:
    """What a folder of /proc holds; nothing where it, or its process, is gone. Raises PermissionError where it may not be read."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - path objects would cost more than the listing
    except (FileNotFoundError, ProcessLookupError):
        return []
