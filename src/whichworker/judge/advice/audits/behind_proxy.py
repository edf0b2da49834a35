"""Some servers need a proxy in front: a client that sends slowly, or keeps its connection, holds a worker for as long."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Result

NAME, TITLE = "behind-proxy", "slow clients cost no worker"
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
"""Servers whose workers, threads or slots were seen to be held by a client that sends its headers slowly."""


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed, with nothing to gain in a race, where the advised server is known to be held by slow clients."""
    if not best.name.startswith(BUFFERED):
        return Audit(name=NAME, title=TITLE, state="passed")
    evidence = f"{best.name} holds a slot for a client that sends its headers slowly (docs/reference/conformance.md)"
    return Audit(
        name=NAME,
        title=TITLE,
        state="failed",
        evidence=evidence,
        diff="# advise --emit nginx writes the proxy that buffers them\n",
    )
