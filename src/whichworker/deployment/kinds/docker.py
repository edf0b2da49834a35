"""A Dockerfile: https://docs.docker.com/reference/dockerfile/"""

from __future__ import annotations

import json
from pathlib import Path

from whichworker.deployment.kinds.parts import (
    PORT,
    SHIM_FILE,
    Start,
    command,
    everywhere,
    heading,
    misread,
    reads_python,
    reasons,
)
from whichworker.errors import UsageError
from whichworker.model.deployments import Deployment, Emitted

BUILD = (
    "# uWSGI is built from its source\n"
    "RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev\n"
)


def write(what: Deployment) -> list[Emitted]:
    """Dockerfile, for a build in the project's folder with the emitted files in it."""
    folder = Path(what.directory)
    if (folder / "requirements.txt").is_file():
        install = (
            "COPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt\n"
            "COPY . .\n"
        )
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
    text = f"""{heading(what)}{reasons(what)}# copy the files of this folder to PROJECT, then:
# docker build -t {what.project} PROJECT
# docker run{given} --publish {PORT}:{PORT} {what.project}
{misread(what, "docker")}FROM python:{what.python}-slim
WORKDIR /app
COPY requirements-server.txt ./
{build}RUN pip install --no-cache-dir -r requirements-server.txt
{install}{config}{shim}{environment}EXPOSE {PORT}
# at this signal the server finishes the requests in flight, then ends
STOPSIGNAL {what.stop_signal}
CMD {json.dumps(argv)}
"""
    return [Emitted(name="Dockerfile", text=text, kind="docker")]


def read(text: str, path: Path, directory: str) -> Start:
    """The start that the CMD and the ENV lines of a Dockerfile describe; raises UsageError."""
    command = next(
        (line.removeprefix("CMD ") for line in text.splitlines() if line.startswith("CMD ")), "[]"
    )
    told = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    try:
        argv = tuple(map(str, json.loads(command)))
    except ValueError as error:
        raise UsageError(
            f"the CMD of {path} is not a list in JSON", hint="write the files again with --emit"
        ) from error
    return Start(
        argv=argv,
        folder=directory,
        environment=dict(one.split("=", 1) for one in told if "=" in one),
    )
