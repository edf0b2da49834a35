"""Expectations for each server before the matrix was measured, from one trial of each by hand.

They are never corrected by the matrix.
"""

from __future__ import annotations

NOT_SENT = "not sent"
"""For a reload: the signal ends the server, so none is declared and none is sent."""

_SYNC = {"stop": "drains", "reload": "rolls", "chunked": "0 bytes", "keep-alive": "closes"}
_POOL = {"stop": "drains", "reload": "rolls", "chunked": "0 bytes", "keep-alive": "reuses"}
_GREENLETS = {**_POOL, "slow-async": "fails"}
_LOOP = {"stop": "drains", "reload": "rolls", "keep-alive": "reuses"}
_HYPERCORN = {"stop": "drops", "reload": "restarts", "keep-alive": "reuses"}
_BROKEN_VIEWS = {"orm": "fails", "json-async": "fails"}

EXPECTED: dict[str, dict[str, str]] = {
    "gunicorn-sync": _SYNC,
    "gunicorn-gthread": _POOL,
    "gunicorn-gevent": _GREENLETS,
    "gunicorn-tornado": _BROKEN_VIEWS,
    "gunicorn-asgi": _LOOP,
    "gunicorn-asgi-uvloop": _LOOP,
    "gunicorn-uvicorn": _LOOP,
    "gunicorn-uvicorn-uvloop": _LOOP,
    "uvicorn": _LOOP,
    "uvicorn-httptools": _LOOP,
    "uvicorn-uvloop": _LOOP,
    "uvicorn-h11-uvloop": _LOOP,
    "uvicorn-a2wsgi": _POOL,
    "uvicorn-a2wsgi-uvloop": _POOL,
    "hypercorn": _HYPERCORN,
    "hypercorn-uvloop": _HYPERCORN,
    "hypercorn-trio": {"json": "fails"},
    "hypercorn-wsgi": _HYPERCORN,
    "hypercorn-wsgi-uvloop": _HYPERCORN,
    "daphne": {"stop": "drops", "reload": NOT_SENT, "keep-alive": "reuses"},
    "granian-wsgi": _POOL,
    "granian-asgi": _LOOP,
    "granian-asgi-uvloop": _LOOP,
    "granian-asginl": _LOOP,
    "granian-asginl-uvloop": _LOOP,
    "uwsgi": {"stop": "drains", "chunked": "0 bytes", "keep-alive": "reuses"},
    "uwsgi-gevent": {
        "stop": "drains",
        "chunked": "0 bytes",
        "keep-alive": "reuses",
        "slow-async": "fails",
    },
    "pyuwsgi": {"stop": "drains", "reload": NOT_SENT, "chunked": "0 bytes", "keep-alive": "reuses"},
    "pyuwsgi-gevent": {
        "stop": "drains",
        "reload": NOT_SENT,
        "chunked": "0 bytes",
        "keep-alive": "reuses",
        "slow-async": "fails",
    },
    "waitress": {"stop": "drains", "reload": NOT_SENT, "chunked": "reads", "keep-alive": "reuses"},
    "cheroot": {"stop": "drains", "reload": NOT_SENT, "chunked": "0 bytes", "keep-alive": "reuses"},
    "mod-wsgi": {"stop": "drops", "reload": "rolls"},
    "bjoern": {"stop": "drops", "chunked": "0 bytes"},
    "peregrine-wsgi": {"stop": "drains", "reload": "rolls", "keep-alive": "reuses"},
    "peregrine-asgi": {"stop": "drains", "reload": "rolls", "keep-alive": "reuses"},
    "h2corn": {"stop": "drains", "reload": "rolls", "keep-alive": "reuses"},
}
