"""Files to deploy with, one kind a module, in a literal table: they run as they are, with the flags that were raced."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from whichworker.deployment.kinds.parts import SHIM_FILE, pins
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
Emit = Callable[[Deployment], list[Emitted]]


def emit(kinds: tuple[str, ...], what: Deployment) -> list[Emitted]:
    """The files of these kinds, with those that all of them need; none twice."""
    found: dict[str, Emitted] = {}
    for kind in ("server", *kinds):
        write: Emit = importlib.import_module(TABLE[kind]).emit
        for file in write(what):
            found.setdefault(file.name, file)
    found["requirements-server.txt"] = Emitted(
        name="requirements-server.txt", text=pins(what), kind="requirements"
    )
    if what.shim:
        found[SHIM_FILE] = Emitted(name=SHIM_FILE, text=what.shim, kind="shim")
    return list(found.values())
