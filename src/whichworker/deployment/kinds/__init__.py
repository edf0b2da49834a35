"""Files to deploy with, one kind a module, in a literal table: they run as they are, with the flags that were raced."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from whichworker.deployment.kinds.parts import SHIM_FILE, Start, pins
from whichworker.model.deployments import Deployment, Emitted

TABLE = {
    "server": "whichworker.deployment.kinds.server",
    "gunicorn": "whichworker.deployment.kinds.server",
    "systemd": "whichworker.deployment.kinds.systemd",
    "docker": "whichworker.deployment.kinds.docker",
    "procfile": "whichworker.deployment.kinds.procfile",
    "supervisor": "whichworker.deployment.kinds.supervisor",
    "kubernetes": "whichworker.deployment.kinds.kubernetes",
    "nginx": "whichworker.deployment.kinds.nginx",
}
READ_BY = {
    "script": "server",
    "systemd": "systemd",
    "docker": "docker",
    "procfile": "procfile",
    "supervisor": "supervisor",
    "kubernetes": "kubernetes",
}
"""The module that reads a written file of this kind back; files of other kinds start nothing."""
Write = Callable[[Deployment], list[Emitted]]
Read = Callable[[str, Path, str], Start]


def emit(kinds: tuple[str, ...], what: Deployment) -> list[Emitted]:
    """The files of these kinds, with those that all of them need; none twice."""
    found: dict[str, Emitted] = {}
    for kind in ("server", *kinds):
        write: Write = importlib.import_module(TABLE[kind]).write
        for file in write(what):
            found.setdefault(file.name, file)
    found["requirements-server.txt"] = Emitted(
        name="requirements-server.txt", text=pins(what), kind="requirements"
    )
    if what.shim:
        found[SHIM_FILE] = Emitted(name=SHIM_FILE, text=what.shim, kind="shim")
    return list(found.values())


def read(kind: str, text: str, path: Path, directory: str) -> Start:
    """The start that a file of this kind describes: its command, its folder and its environment."""
    module: Read = importlib.import_module(TABLE[READ_BY[kind]]).read
    return module(text, path, directory)
