"""What an imported app has for itself, seen from inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps import examine as examine_module
from whichworker.apps.checkup import examine
from whichworker.apps.examine import Examiner
from whichworker.environments.interpreters import own_base
from whichworker.errors import UsageError
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


def test_a_port_of_the_app_is_told(tmp_path: Path) -> None:
    opens = "import socket\ns = socket.create_server(('127.0.0.1', 0))\n"
    (tmp_path / "shop.py").write_text(opens + CALLABLE)
    app = App(name="shop", directory=str(tmp_path), python=own_base(), wsgi="shop:application")
    _, seen, said = examine(app, Examiner(places.cache_folder()))
    assert seen is not None
    (port,) = seen.ports
    assert [one.text for one in said if one.code == "port-of-app"] == [
        f"The app listens on port {port} when it is imported"
    ]


def test_an_import_that_serves_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine_module, "IMPORT_SECONDS", 5)
    serves = "from wsgiref.simple_server import make_server\n"
    serves += "make_server('127.0.0.1', 0, None).serve_forever()\n"
    (tmp_path / "shop.py").write_text(serves + CALLABLE)
    app = App(name="shop", directory=str(tmp_path), python=own_base(), wsgi="shop:application")
    with pytest.raises(UsageError, match=r"starts a server of its own on port \d+") as caught:
        examine(app, Examiner(places.cache_folder()))
    assert "__main__" in caught.value.hint


ROUTER = """
class ProtocolTypeRouter:
    def __init__(self, known): self.application_mapping = known
    async def __call__(self, scope, receive, send): ...
application = ProtocolTypeRouter({"websocket": None})
"""


@pytest.mark.parametrize("wsgi", ["wsgi:application", None])
def test_a_router_without_http_is_not_raced(wsgi: str | None, tmp_path: Path) -> None:
    (tmp_path / "asgi.py").write_text(ROUTER)
    (tmp_path / "wsgi.py").write_text(CALLABLE)
    app = App(
        name="x", directory=str(tmp_path), python=own_base(), wsgi=wsgi, asgi="asgi:application"
    )
    examiner = Examiner(places.cache_folder())
    if wsgi is None:
        with pytest.raises(UsageError, match="a router with websocket and without http"):
            examine(app, examiner)
        return
    found, _, said = examine(app, examiner)
    assert (found.wsgi, found.asgi) == (wsgi, None)
    assert [one.code for one in said] == ["http-lacking"]
