"""What an imported app has for itself: pools of database connections, and ports of its own.

It runs in the app's interpreter, after the import.
"""

import gc
import os
import sys
from typing import Any

LISTENS = "0A"  # of /proc/net/tcp


def pools() -> Any:
    """Pools of SQLAlchemy's engines and of psycopg_pool, with the most connections of each."""
    found = {}
    known = [name for name in ("sqlalchemy", "psycopg_pool") if name in sys.modules]
    for one in gc.get_objects() if known else []:
        try:
            told = pool_of(one)
        except Exception:
            continue
        if told is not None:
            found[id(one)] = told
    return list({str(one): one for one in found.values()}.values())


def pool_of(one: Any) -> Any:
    module, name = type(one).__module__, type(one).__name__
    if module.startswith("sqlalchemy.pool") and "QueuePool" in name:
        more = one._max_overflow
        if more < 0 or not one.size():
            return None  # without a limit
        return pool("SQLAlchemy", one.size() + more, one.timeout())
    if module.startswith("psycopg_pool") and name in ("ConnectionPool", "AsyncConnectionPool"):
        return pool("psycopg_pool", one.max_size, one.timeout)
    return None


def django_pool(database: Any) -> Any:
    """The pool of a Django database: OPTIONS["pool"]; psycopg_pool's defaults are 4 and 30 s."""
    given = (database.get("OPTIONS") or {}).get("pool")
    if not given:
        return None
    given = given if isinstance(given, dict) else {}
    most = given.get("max_size") or given.get("min_size", 4)
    return pool("psycopg_pool", most, given.get("timeout", 30))


def pool(library: Any, connections: Any, seconds: Any) -> Any:
    return {"library": library, "connections": int(connections), "seconds": float(seconds)}


def ports() -> Any:
    """The TCP ports on which this process listens."""
    mine = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            mine.add(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    found = set()
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            with open(table) as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:
            continue
        for row in rows:
            if row[3] == LISTENS and f"socket:[{row[9]}]" in mine:
                found.add(int(row[1].rpartition(":")[2], 16))
    return sorted(found)
