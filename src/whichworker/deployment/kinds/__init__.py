"""Files to deploy with, one module for each kind: they run unchanged, with the raced flags."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from whichworker.deployment.kinds import quoting
from whichworker.deployment.kinds.parts import PINS_FILE, SHIM_FILE, Start, pins
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
NAMES = {
    "systemd": ("{}.service",),
    "docker": ("Dockerfile", "Dockerfile.dockerignore"),
    "procfile": ("Procfile",),
    "supervisor": ("{}.supervisor.conf",),
    "kubernetes": ("kubernetes.yaml", "Dockerfile", "Dockerfile.dockerignore"),
    "nginx": ("{}.nginx.conf",),
}
"""The files of each kind, by the project's name; the server's own file has the server's name."""
READ_BY = {
    "script": "server",
    "systemd": "systemd",
    "docker": "docker",
    "procfile": "procfile",
    "supervisor": "supervisor",
    "kubernetes": "kubernetes",
}
"""The module that reads a file of this kind back; files of other kinds start nothing."""
Write = Callable[[Deployment], list[Emitted]]
Read = Callable[[str, Path, str], Start]


def names_of(kinds: tuple[str, ...], project: str) -> list[str]:
    """The names of the files of these kinds, but for the server's own."""
    return [PINS_FILE, *(name.format(project) for kind in kinds for name in NAMES.get(kind, ()))]


def emit(kinds: tuple[str, ...], what: Deployment) -> list[Emitted]:
    """The files of these kinds and the files that all kinds need, each once.

    Raises UsageError for a path or a value that a file of these kinds cannot write.
    """
    for path in (what.directory, what.folder, what.bin, what.environment_file):
        quoting.place(path)
    found: dict[str, Emitted] = {}
    for kind in ("server", *kinds):
        write: Write = importlib.import_module(TABLE[kind]).write
        for file in write(what):
            found.setdefault(file.name, file)
    found[PINS_FILE] = Emitted(name=PINS_FILE, text=pins(what), kind="requirements")
    if what.shim:
        found[SHIM_FILE] = Emitted(name=SHIM_FILE, text=what.shim, kind="shim")
    return list(found.values())


def read(kind: str, text: str, path: Path, directory: str) -> Start:
    """The start that a file of this kind describes: its command, its folder and its environment."""
    module: Read = importlib.import_module(TABLE[READ_BY[kind]]).read
    return module(text, path, directory)
