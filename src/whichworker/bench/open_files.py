"""The limit on open files: each connection is one, in the generator and in the server."""

from __future__ import annotations

import resource

from whichworker.errors import UsageError

OTHERS = 128
"""Files that are not connections of the load: logs, pipes, libraries, a server's services."""


def limits() -> tuple[int | None, int | None]:
    """The soft and the hard limit of this process; None for no limit."""
    soft, hard = (
        None if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    return soft, hard


def most_connections() -> int | None:
    """The number of connections that the hard limit has room for; None for no limit."""
    _, hard = limits()
    return None if hard is None else max(0, hard - OTHERS)


def check(connections: int) -> None:
    """Raise UsageError if the hard limit has no room for these connections."""
    room = most_connections()
    if room is not None and connections > room:
        _, hard = limits()
        need = connections + OTHERS
        fact = f"{connections:,} connections need {need:,} open files; the limit is {hard:,}"
        fewer = f"--connections {room}, or " if room else ""
        raise UsageError(fact, hint=f"{fewer}raise the hard limit, as root: ulimit -Hn {need}")


def allow(connections: int) -> None:
    """Raise the soft limit of this process and its children if these connections need more.

    Raises UsageError if the hard limit is lower than that.
    """
    check(connections)
    soft, _ = limits()
    if soft is not None and soft < connections + OTHERS:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (connections + OTHERS, hard))
