"""A Procfile, for Heroku and everything that learnt it from there: the port comes from the environment."""

from __future__ import annotations

import re

from whichworker.advise.emit.parts import PORT, command, everywhere, shown
from whichworker.model.deployments import Deployment, Emitted


def emit(what: Deployment) -> list[Emitted]:
    """Procfile: a line, and no room for comments."""
    argv = everywhere(command(what))
    if what.config is not None and argv[:2] == ["gunicorn", "--config"]:
        argv += ["--bind", f"0.0.0.0:{PORT}"]
    text = re.sub(rf"(?<=[:= ]){PORT}(?=$|\s)", "$PORT", shown(argv))
    return [Emitted(name="Procfile", text=f"web: {text}\n", kind="procfile")]
