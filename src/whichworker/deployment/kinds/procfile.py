"""A Procfile, for Heroku and similar platforms: the port comes from the environment."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from whichworker.deployment.kinds import quoting
from whichworker.deployment.kinds.parts import PORT, Start, command, everywhere, reads_python
from whichworker.model.deployments import Deployment, Emitted


def write(what: Deployment) -> list[Emitted]:
    """Procfile: one line, which cannot have comments."""
    argv = everywhere(command(what) if reads_python(what) else what.argv)
    text = re.sub(rf"(?<=[:= ]){PORT}(?=$|\s)", "$PORT", " ".join(map(quoting.shell, argv)))
    return [Emitted(name="Procfile", text=f"web: {text}\n", kind="procfile")]


def read(text: str, path: Path, directory: str) -> Start:
    """The start of the web process."""
    line = next(
        (line.partition(":")[2] for line in text.splitlines() if line.startswith("web:")), ""
    )
    return Start(argv=tuple(shlex.split(line)), folder=directory)
