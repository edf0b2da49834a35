"""How many files a process may open: each connection is one, in the generator and in the server."""

from __future__ import annotations

import resource

from whichworker.errors import UsageError

OTHERS = 128
"""Files that are no connections of the load: logs, pipes, libraries, and what a server opens towards its own services."""


def limits() -> tuple[int | None, int | None]:
    """The soft and the hard limit of this process; None where there is none."""
    soft, hard = (
        None if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    return soft, hard


def most_connections() -> int | None:
    """How many connections the hard limit has room for; None where there is no limit."""
    _, hard = limits()
    return None if hard is None else max(0, hard - OTHERS)


def check(connections: int) -> None:
    """Raise UsageError where so many connections are more than the hard limit has room for."""
    room = most_connections()
    if room is not None and connections > room:
        _, hard = limits()
        fact = f"{connections:,} connections need {connections + OTHERS:,} open files; a process may open {hard:,} at most here"
        fewer = f"--connections {room}, or " if room else ""
        raise UsageError(
            fact, hint=f"{fewer}raise the hard limit, as root: ulimit -Hn {connections + OTHERS}"
        )


def allow(connections: int) -> None:
    """Raise the soft limit of this process, and so of what it starts, where it is lower than so many connections need.

    Raises UsageError where the hard limit is lower than that.
    """
    check(connections)
    soft, _ = limits()
    if soft is not None and soft < connections + OTHERS:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (connections + OTHERS, hard))
