"""The processes of an app's own services on this machine: their CPU time is part of its work.

Without them, an app that asks its local database for much would make a quiet machine look busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psutil

from whichworker.services.listening import listener_of

PROGRAMS = {
    "postgresql": ("postgres", "postmaster"),
    "mysql": ("mysqld", "mariadbd"),
    "redis": ("redis-server", "valkey-server"),
    "memcached": ("memcached",),
}
"""The names of a service's process."""
SOCKETS = ("/var/run/postgresql/.s.PGSQL.{}", "/tmp/.s.PGSQL.{}")


def processes_of(services: Iterable[tuple[str, int]]) -> tuple[int, ...]:
    """The first process of each service, given by its kind and TCP port, if it is found here.

    The owner of another user's port is hidden: then it is the only process of that name, if any.
    """
    found = (_process(kind, port) for kind, port in services)
    return tuple(dict.fromkeys(pid for pid in found if pid is not None))


def _process(kind: str, port: int) -> int | None:
    paths = [path.format(port) for path in SOCKETS] if kind == "postgresql" else []
    for path in ("", *paths):
        if (pid := listener_of(path, port)) is not None:
            return pid
    roots = _roots(PROGRAMS.get(kind, ()))
    return roots[0] if len(roots) == 1 else None


def _roots(programs: Sequence[str]) -> list[int]:
    """The processes of these names that no process of these names has started."""
    named = {
        one.info["pid"]: one.info["ppid"]
        for one in psutil.process_iter(["pid", "ppid", "name"])
        if one.info["name"] in programs
    }
    return [pid for pid, parent in named.items() if parent not in named]
