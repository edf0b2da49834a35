"""The servers that ship, and those that third parties add by the entry point group."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import cast

from whichworker.errors import UsageError
from whichworker.servers.protocol import Server

SERVERS: dict[str, str] = {
    "gunicorn-sync": "whichworker.servers.gunicorn:Sync",
    "gunicorn-gthread": "whichworker.servers.gunicorn:Threaded",
    "gunicorn-gevent": "whichworker.servers.gunicorn:Gevent",
    "gunicorn-eventlet": "whichworker.servers.gunicorn:Eventlet",
    "gunicorn-tornado": "whichworker.servers.gunicorn:Tornado",
    "gunicorn-asgi": "whichworker.servers.gunicorn:Asgi",
    "gunicorn-asgi-uvloop": "whichworker.servers.gunicorn:AsgiUvloop",
    "gunicorn-uvicorn": "whichworker.servers.gunicorn:Uvicorn",
    "gunicorn-uvicorn-uvloop": "whichworker.servers.gunicorn:UvicornUvloop",
    "uvicorn": "whichworker.servers.uvicorn:Asyncio",
    "uvicorn-httptools": "whichworker.servers.uvicorn:Httptools",
    "uvicorn-uvloop": "whichworker.servers.uvicorn:Uvloop",
    "uvicorn-h11-uvloop": "whichworker.servers.uvicorn:H11Uvloop",
    "uvicorn-wsgi": "whichworker.servers.uvicorn:Wsgi",
    "uvicorn-wsgi-httptools": "whichworker.servers.uvicorn:WsgiHttptools",
    "uvicorn-static": "whichworker.servers.wrapped:Static",
    "uvicorn-a2wsgi": "whichworker.servers.wrapped:A2wsgi",
    "uvicorn-a2wsgi-uvloop": "whichworker.servers.wrapped:A2wsgiUvloop",
    "uvicorn-a2wsgi-static": "whichworker.servers.wrapped:A2wsgiStatic",
    "hypercorn": "whichworker.servers.hypercorn:Asyncio",
    "hypercorn-uvloop": "whichworker.servers.hypercorn:Uvloop",
    "hypercorn-trio": "whichworker.servers.hypercorn:Trio",
    "hypercorn-wsgi": "whichworker.servers.hypercorn:Wsgi",
    "hypercorn-wsgi-uvloop": "whichworker.servers.hypercorn:WsgiUvloop",
    "daphne": "whichworker.servers.daphne:Daphne",
    "granian-wsgi": "whichworker.servers.granian:Wsgi",
    "granian-asgi": "whichworker.servers.granian:Asgi",
    "granian-asgi-uvloop": "whichworker.servers.granian:AsgiUvloop",
    "granian-asgi-rloop": "whichworker.servers.granian:AsgiRloop",
    "granian-asginl": "whichworker.servers.granian:Asginl",
    "granian-asginl-uvloop": "whichworker.servers.granian:AsginlUvloop",
    "granian-asginl-rloop": "whichworker.servers.granian:AsginlRloop",
    "uwsgi": "whichworker.servers.uwsgi:Uwsgi",
    "uwsgi-gevent": "whichworker.servers.uwsgi:Gevent",
    "pyuwsgi": "whichworker.servers.uwsgi:Wheel",
    "pyuwsgi-gevent": "whichworker.servers.uwsgi:WheelGevent",
    "waitress": "whichworker.servers.waitress:Waitress",
    "cheroot": "whichworker.servers.cheroot:Cheroot",
    "mod-wsgi": "whichworker.servers.mod_wsgi:ModWsgi",
    "bjoern": "whichworker.servers.bjoern:Bjoern",
    "peregrine-wsgi": "whichworker.servers.peregrine:Wsgi",
    "peregrine-asgi": "whichworker.servers.peregrine:Asgi",
    "h2corn": "whichworker.servers.h2corn:H2corn",
}

CONTENDERS = (
    "gunicorn-sync",
    "gunicorn-gthread",
    "gunicorn-gevent",
    "gunicorn-asgi",
    "gunicorn-uvicorn",
    "uvicorn",
    "hypercorn",
    "daphne",
    "granian-wsgi",
    "granian-asgi",
    "uwsgi",
    "waitress",
)
"""The servers of a race without a list."""

ENTRY_POINTS = "whichworker.servers"

PARTS = (*Server.__annotations__, "settings", "command", "config_file", "in_flight_limit")
"""The parts of an adapter that a race reads."""


def names() -> list[str]:
    """Every arm that can be raced here, third parties' last."""
    return list({**SERVERS, **_strangers()})


def load(name: str) -> Server:
    """The adapter of this full name; raises UsageError if its class cannot be loaded."""
    path = SERVERS.get(name) or _strangers()[name]
    module, _, attribute = path.partition(":")
    try:
        adapter = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the adapter of {name} cannot be loaded from {path}: {error}",
            hint="correct its row in SERVERS, or the entry point of its package: module:Class",
        ) from error
    if lacks := [part for part in PARTS if not hasattr(adapter, part)]:
        raise UsageError(
            f"the adapter of {name}, {path}, has no {', no '.join(lacks)}",
            hint="docs/guides/adapters.md lists the parts of an adapter",
        )
    return cast(Server, adapter)


def _strangers() -> dict[str, str]:
    return {
        point.name: point.value for point in importlib.metadata.entry_points(group=ENTRY_POINTS)
    }
