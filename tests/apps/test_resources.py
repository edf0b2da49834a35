"""What an imported app has for itself, seen from inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps.checkup import examine
from whichworker.apps.examine import Examiner
from whichworker.environments.interpreters import own_base
from whichworker.model import App, Pool
from whichworker.store import places

PSYCOPG = """
class ConnectionPool:
    max_size, timeout = 4, 30.0
class NullConnectionPool(ConnectionPool): ...
"""
SQLALCHEMY = """
class QueuePool:
    def __init__(self, size=5, more=10): self._size, self._max_overflow = size, more
    def size(self): return self._size
    def timeout(self): return 30.0
class AsyncAdaptedQueuePool(QueuePool): ...
class NullPool: ...
"""
CALLABLE = "def application(environ, start_response): ...\n"


def app_of(folder: Path, text: str) -> App:
    """The app with this text, examined; its libraries have the shapes of the real ones."""
    (folder / "psycopg_pool.py").write_text(PSYCOPG)
    (folder / "sqlalchemy").mkdir()
    (folder / "sqlalchemy" / "__init__.py").touch()
    (folder / "sqlalchemy" / "engine.py").write_text("class Engine: ...\n")
    (folder / "sqlalchemy" / "pool.py").write_text(SQLALCHEMY)
    (folder / "shop.py").write_text(text + CALLABLE)
    app = App(name="shop", directory=str(folder), python=own_base(), wsgi="shop:application")
    return examine(app, Examiner(places.cache_folder()))[0]


@pytest.mark.parametrize(
    ("text", "pools"),
    [
        ("", []),
        ("from sqlalchemy import pool\np = pool.QueuePool()\n", [("SQLAlchemy", 15)]),
        (
            "from sqlalchemy import pool\np = pool.AsyncAdaptedQueuePool(20, 0)\n",
            [("SQLAlchemy", 20)],
        ),
        ("from sqlalchemy import pool\np, q = pool.QueuePool(5, -1), pool.NullPool()\n", []),
        ("import psycopg_pool\np = psycopg_pool.ConnectionPool()\n", [("psycopg_pool", 4)]),
        ("import psycopg_pool\np = psycopg_pool.NullConnectionPool()\n", []),
    ],
)
def test_the_pools_of_an_app(text: str, pools: list[tuple[str, int]], tmp_path: Path) -> None:
    assert app_of(tmp_path, text).pools == tuple(
        Pool(library=library, connections=connections, seconds=30.0)
        for library, connections in pools
    )
