"""A Dockerfile: https://docs.docker.com/reference/dockerfile/"""

from __future__ import annotations

import json
from pathlib import Path

from whichworker.deployment.kinds.parts import (
    PORT,
    SHIM_FILE,
    command,
    everywhere,
    heading,
    reads_python,
    reasons,
)
from whichworker.model.deployments import Deployment, Emitted

BUILD = "# uWSGI is built from its source\nRUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev\n"


def emit(what: Deployment) -> list[Emitted]:
    """Dockerfile, to be built from the project's folder with the emitted files beside it."""
    folder = Path(what.directory)
    if (folder / "requirements.txt").is_file():
        install = "COPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt\nCOPY . .\n"
    elif (folder / "pyproject.toml").is_file():
        install = "COPY . .\nRUN pip install --no-cache-dir .\n"
    else:
        install = "COPY . .\n"
    argv = everywhere(command(what) if reads_python(what) else what.argv)
    config = (
        f"COPY {what.config.name} ./\n" if what.config is not None and reads_python(what) else ""
    )
    build = BUILD if what.server.startswith("uwsgi") else ""
    shim = f"COPY {SHIM_FILE} ./\n" if what.shim else ""
    environment = "".join(
        f"ENV {name}={value}\n"
        for name, value in {"PYTHONUNBUFFERED": "1", **what.environment}.items()
    )
    given = f" --env-file {what.environment_file}" if what.environment_file else ""
    text = f"""{heading(what)}{reasons(what)}# docker build -t {what.project} PROJECT, with the files of this folder copied to it
# docker run{given} --publish {PORT}:{PORT} {what.project}
FROM python:{what.python}-slim
WORKDIR /app
COPY requirements-server.txt ./
{build}RUN pip install --no-cache-dir -r requirements-server.txt
{install}{config}{shim}{environment}EXPOSE {PORT}
# the server answers what is under way, then ends
STOPSIGNAL {what.stop_signal}
CMD {json.dumps(argv)}
"""
    return [Emitted(name="Dockerfile", text=text, kind="docker")]
