"""The user a service runs as, and the place of its temporary folder."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from whichworker.errors import UsageError

MOST_SOCKET_BYTES = 99  # a Unix socket's path has at most 107 bytes; the rest is a margin
LONGEST_NAME = "/whichworker-service-12345678/.s.PGSQL.5432"
PREFIX = "whichworker-service-"


class Owner(Struct, frozen=True):
    """A user without privileges."""

    user: int
    group: int


def owner(names: Iterable[str]) -> Owner | None:
    """The first of these users that exists if the tool runs as root; None: the tool's own user.

    Raises UsageError if none exists: PostgreSQL refuses to run as root, and no service needs to.
    """
    wanted = tuple(names)
    if os.geteuid() or not wanted:
        return None
    for name in wanted:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid:
            return Owner(found.pw_uid, found.pw_gid)
    raise UsageError(
        f"when run as root, a service needs one of the users {', '.join(wanted)}",
        hint="useradd --system nobody, or do not run as root",
    )


def room_for(whose: Owner | None) -> Path:
    """Where that user may have a folder whose path is short enough for a Unix socket.

    Raises UsageError if there is no place for one.
    """
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
        if len(os.fsencode(parent) + LONGEST_NAME.encode()) <= MOST_SOCKET_BYTES and _is_open(
            Path(parent), whose
        ):
            return Path(parent)
    raise UsageError(
        "no temporary folder has a path short enough for a Unix socket",
        hint="set TMPDIR to a short path, such as /tmp",
    )


def _is_open(parent: Path, whose: Owner | None) -> bool:
    """Whether that user may pass through all folders down to this one, and we may write to it."""
    passable = whose is None or all(
        folder.stat().st_mode & 0o001 for folder in (parent, *parent.parents)
    )
    return passable and os.access(parent, os.W_OK | os.X_OK)
