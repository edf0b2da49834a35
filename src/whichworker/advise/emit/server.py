"""The server's own configuration file, or a start script where it reads none."""

from __future__ import annotations

from whichworker.advise.emit.parts import annotated, heading, reasons, shown
from whichworker.model.deployments import Deployment, Emitted


def emit(what: Deployment) -> list[Emitted]:
    """gunicorn.conf.py, uwsgi.ini and the like; start.sh for servers that have only flags."""
    if what.config is not None:
        sign = ";" if what.config.name.endswith(".ini") else "#"
        behind = annotated(what.config.text, what, sign) if not what.config.name.endswith(".ini") else what.config.text
        why = reasons(what, sign) if what.config.name.endswith(".ini") else ""
        return [Emitted(name=what.config.name, text=f"{heading(what, sign)}{why}{behind}", kind="config")]
    exports = "".join(f"export {name}={value}\n" for name, value in what.environment.items())
    text = f"#!/bin/sh\n{heading(what)}{reasons(what)}{exports}exec {shown(what.argv)}\n"
    return [Emitted(name="start.sh", text=text, kind="script")]
