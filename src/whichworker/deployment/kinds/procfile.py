"""A Procfile, for Heroku and everything that learnt it from there: the port comes from the environment."""

from __future__ import annotations

import re

from whichworker.deployment.kinds.parts import PORT, command, everywhere, reads_python, shown
from whichworker.model.deployments import Deployment, Emitted


def emit(what: Deployment) -> list[Emitted]:
    """Procfile: a line, and no room for comments."""
    argv = everywhere(command(what) if reads_python(what) else what.argv)
    text = re.sub(rf"(?<=[:= ]){PORT}(?=$|\s)", "$PORT", shown(argv))
    return [Emitted(name="Procfile", text=f"web: {text}\n", kind="procfile")]
