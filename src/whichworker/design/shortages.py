"""Shortages of an app that has many requests at once, by the lines of its log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from whichworker.model import Failure

Lack = Literal["pool", "server", "lock"]
"""No free connection in the app's own pool; the database refuses more; SQLite is locked."""
SIGNS: tuple[tuple[Lack, re.Pattern[str]], ...] = (
    (
        "pool",
        re.compile(
            r"QueuePool limit|PoolTimeout|couldn't get a connection|"
            r"connection pool (is )?exhausted|pool (is )?exhausted|"
            r"timed? ?out (while )?(waiting for|acquiring) a connection",
            re.IGNORECASE,
        ),
    ),
    (
        "server",
        re.compile(
            r"too many (clients|connections)|TooManyConnections|remaining connection slots|"
            r"max_connections|max_user_connections",
            re.IGNORECASE,
        ),
    ),
    ("lock", re.compile(r"database( table)? is locked", re.IGNORECASE)),
)
QUEUE_POOL = re.compile(r"QueuePool limit of size (\d+) overflow (\d+)")


class Shortage(Struct, frozen=True):
    """A lack, and the line that shows it."""

    lack: Lack
    line: str

    @property
    def pool_connections(self) -> int | None:
        """The most connections of the pool, if the line says so."""
        sizes = QUEUE_POOL.search(self.line)
        return int(sizes[1]) + int(sizes[2]) if sizes else None


def of_load(failures: Sequence[Failure]) -> bool:
    """Whether fewer requests at once would only wait less: all failures are late, or pools' ends.

    An error that comes at once, as the database is locked or refuses a connection, is none of
    these: the setup would return it in production, too.
    """
    return all(failure.kind == "timeout" or _waited_for_a_pool(failure) for failure in failures)


def _waited_for_a_pool(failure: Failure) -> bool:
    found = in_text(failure.sample) if failure.kind == "status" else None
    return found is not None and found.lack == "pool"


def in_text(text: str) -> Shortage | None:
    """The first kind of shortage that a line of this text shows; None if none does."""
    for lack, pattern in SIGNS:
        if line := next((line for line in text.splitlines() if pattern.search(line)), ""):
            return Shortage(lack, line.strip())
    return None
