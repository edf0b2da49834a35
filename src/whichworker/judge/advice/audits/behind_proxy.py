"""Some servers need a proxy in front of them: a client that sends slowly occupies a worker."""

from __future__ import annotations

from functools import partial

from whichworker.model import codes
from whichworker.result import ArmResult, Audit, Result

NAME = "behind-proxy"
Outcome = partial(Audit, name=NAME, title="slow clients cost no worker")
BUFFERED = (
    "gunicorn-sync",
    "gunicorn-gthread",
    "gunicorn-uvicorn",
    "gunicorn-asgi",
    "uvicorn",
    "uwsgi",
    "pyuwsgi",
    "daphne",
)
"""Servers in which a client that sends its headers slowly holds a worker, a thread or a slot."""


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed if slow clients hold the advised server; no race shows a gain."""
    if not best.name.startswith(BUFFERED):
        return Outcome(state="passed")
    return Outcome(
        state="failed",
        problem=f"{best.name} needs a proxy in front",
        evidence=f"{codes.NO_HEADER_TIMEOUT.title} (docs/reference/conformance.md)",
        diff="# `advise --emit nginx` writes a proxy that buffers slow clients\n",
    )
