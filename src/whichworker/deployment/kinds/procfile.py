"""A Procfile, for Heroku and similar platforms: the port comes from the environment."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

from whichworker.deployment.kinds import quoting
from whichworker.deployment.kinds.parts import PORT, Start, everywhere
from whichworker.model.deployments import Deployment, Emitted

VARIABLE = re.compile(r"[A-Za-z_]\w*=")


def write(what: Deployment) -> list[Emitted]:
    """Procfile: one line, which cannot have comments; the platform gives it to a shell."""
    argv = everywhere(what)
    text = re.sub(rf"(?<=[:= ]){PORT}(?=$|\s)", "$PORT", " ".join(map(quoting.shell, argv)))
    variables = "".join(
        f"{name}={quoting.shell(value)} " for name, value in what.environment.items()
    )
    return [Emitted(name="Procfile", text=f"web: {variables}{text}\n", kind="procfile")]


def read(text: str, path: Path, directory: str) -> Start:
    """The start of the web process."""
    line = next(
        (line.partition(":")[2] for line in text.splitlines() if line.startswith("web:")), ""
    )
    words = shlex.split(line)
    variables = list(itertools.takewhile(VARIABLE.match, words))
    return Start(
        argv=tuple(words[len(variables) :]),
        folder=directory,
        environment=dict(one.split("=", 1) for one in variables),
    )
