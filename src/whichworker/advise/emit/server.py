"""The server's own configuration file, or a start script where it reads none."""

from __future__ import annotations

from whichworker.advise.emit.parts import annotated, heading, reasons, shown
from whichworker.model.deployments import Deployment, Emitted

GUNICORN = "timeout = 30\ngraceful_timeout = 30\n"
"""Its own defaults, said aloud: nothing that was raced is changed by them."""


def emit(what: Deployment) -> list[Emitted]:
    """gunicorn.conf.py, uwsgi.ini and the like; start.sh for servers that have only flags."""
    if what.config is not None:
        sign = ";" if what.config.name.endswith(".ini") else "#"
        whole = what.config.text + (GUNICORN if what.config.name == "gunicorn.conf.py" else "")
        behind = annotated(whole, what, sign) if not what.config.name.endswith(".ini") else what.config.text
        why = reasons(what, sign)
        return [Emitted(name=what.config.name, text=f"{heading(what, sign)}{why}{behind}", kind="config")]
    exports = "".join(f"export {name}={value}\n" for name, value in what.environment.items())
    text = f"#!/bin/sh\n{heading(what)}{reasons(what)}{exports}exec {shown(what.argv)}\n"
    return [Emitted(name="start.sh", text=text, kind="script")]
