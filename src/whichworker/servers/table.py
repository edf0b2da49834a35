"""What ships, as a literal table, and what third parties add by the entry point group `whichworker.servers`."""

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
    "gunicorn-asgi": "whichworker.servers.gunicorn:Asgi",
    "gunicorn-asgi-uvloop": "whichworker.servers.gunicorn:AsgiUvloop",
    "gunicorn-uvicorn": "whichworker.servers.gunicorn:Uvicorn",
    "uvicorn": "whichworker.servers.uvicorn:Asyncio",
    "uvicorn-uvloop": "whichworker.servers.uvicorn:Uvloop",
    "hypercorn": "whichworker.servers.hypercorn:Asyncio",
    "hypercorn-uvloop": "whichworker.servers.hypercorn:Uvloop",
    "daphne": "whichworker.servers.daphne:Daphne",
    "granian-wsgi": "whichworker.servers.granian:Wsgi",
    "granian-asgi": "whichworker.servers.granian:Asgi",
    "granian-asgi-uvloop": "whichworker.servers.granian:AsgiUvloop",
    "uwsgi": "whichworker.servers.uwsgi:Uwsgi",
    "waitress": "whichworker.servers.waitress:Waitress",
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
"""Who races when nobody is named."""

ENTRY_POINTS = "whichworker.servers"


def names() -> list[str]:
    """Every arm that can be raced here, strangers last."""
    return list({**SERVERS, **_strangers()})


def load(name: str) -> Server:
    """The adapter of this full name; raises UsageError where its class cannot be loaded."""
    path = {**_strangers(), **SERVERS}[name]
    module, _, attribute = path.partition(":")
    try:
        return cast(Server, getattr(importlib.import_module(module), attribute)())
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the adapter of {name} cannot be loaded from {path}: {error}") from error


def _strangers() -> dict[str, str]:
    return {point.name: point.value for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
