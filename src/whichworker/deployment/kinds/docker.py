"""A Dockerfile: https://docs.docker.com/reference/dockerfile/"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from whichworker import foreign
from whichworker.deployment.kinds import quoting
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
    unraced,
)
from whichworker.errors import UsageError
from whichworker.model.deployments import Deployment, Emitted

USER = 10001
"""The number of the container's user: any above those of a distribution."""
BUILD = (
    "# uWSGI is built from its source\n"
    "RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev\n"
)
PIP = "pip install --no-cache-dir"
APP_PINS = "/tmp/requirements-app.txt"
LOCKED = {
    "requirements.txt": f"{PIP} -r requirements.txt",
    "requirements/production.txt": f"{PIP} -r requirements/production.txt",
    "requirements/prod.txt": f"{PIP} -r requirements/prod.txt",
    "requirements/base.txt": f"{PIP} -r requirements/base.txt",
    "uv.lock": f"{PIP} uv && uv export --frozen --no-dev --no-emit-project --output-file {APP_PINS}"
    f" && {PIP} -r {APP_PINS}",
    "poetry.lock": f"{PIP} poetry poetry-plugin-export && poetry export --output {APP_PINS}"
    f" && {PIP} -r {APP_PINS}",
    "Pipfile.lock": f"{PIP} pipenv && pipenv requirements > {APP_PINS} && {PIP} -r {APP_PINS}",
}
"""How the app's packages are installed, by the file that lists them; the first that is there."""
NEEDED_BY_LOCK = {"uv.lock": "pyproject.toml", "poetry.lock": "pyproject.toml"}
QUOTES = re.compile(r'^"(.*)"$')
NOT_IN_IMAGE = (
    ".git",
    ".venv",
    "venv",
    "**/__pycache__",
    "**/.env",
    "**/.env.*",
    "**/*.sqlite3",
    "**/*.pem",
    "**/*.key",
    "Dockerfile",
    "Dockerfile.dockerignore",
)
"""Secrets, data, and files that can be made again."""


class _Listed(Struct):
    dependencies: list[str] = []


class _Packaged(Struct, rename="kebab"):
    build_system: dict[str, Any] | None = None
    project: _Listed = field(default_factory=_Listed)


def write(what: Deployment) -> list[Emitted]:
    """Dockerfile, for a build in the project's folder with the emitted files in it.

    Dockerfile.dockerignore keeps secrets and databases out of the image.
    """
    argv = everywhere(command(what) if reads_python(what) else what.argv)
    own = [what.config.name] if what.config is not None and reads_python(what) else []
    copied = "".join(f"COPY {name} ./\n" for name in (*own, *([SHIM_FILE] if what.shim else [])))
    build = BUILD if what.server.startswith("uwsgi") else ""
    environment = "".join(
        f"ENV {name}={quoting.docker(value)}\n"
        for name, value in {"PYTHONUNBUFFERED": "1", **what.environment}.items()
    )
    given = f" --env-file {quoting.shell(what.environment_file)}" if what.environment_file else ""
    text = f"""{heading(what)}{reasons(what)}# copy the files of this folder to PROJECT, then:
# docker build -t {what.project} PROJECT
# docker run{given} --publish {PORT}:{PORT} {what.project}
{misread(what, "docker")}{unraced(what)}FROM python:{what.python}-slim
RUN useradd --system --uid {USER} app
WORKDIR /app
COPY requirements-server.txt ./
{build}RUN {PIP} -r requirements-server.txt
{_install(Path(what.directory))}COPY --chown=app . .
{copied}{environment}# a server needs no rights
USER {USER}
EXPOSE {PORT}
# at this signal the server finishes the requests in flight, then ends
STOPSIGNAL {what.stop_signal}
CMD {json.dumps(argv)}
"""
    root = Path(what.directory)
    private = [Path(name) for name in what.private]
    inside = [str(one.relative_to(root)) for one in private if one.is_relative_to(root)]
    ignored = "".join(f"{name}\n" for name in dict.fromkeys((*NOT_IN_IMAGE, *inside)))
    return [
        Emitted(name="Dockerfile", text=text, kind="docker"),
        Emitted(
            name="Dockerfile.dockerignore", text=f"{heading(what)}{ignored}", kind="dockerignore"
        ),
    ]


def _install(folder: Path) -> str:
    """The lines that install the app's packages, by the way its project lists them."""
    name = next((name for name in LOCKED if (folder / name).is_file()), "")
    if name:
        needed = " ".join(filter(None, (NEEDED_BY_LOCK.get(name), name.partition("/")[0])))
        place = "./requirements/" if "/" in name else "./"
        return f"COPY {needed} {place}\nRUN {LOCKED[name]}\n"
    try:
        found = foreign.toml_in(foreign.text_of(folder / "pyproject.toml"), _Packaged)
    except foreign.Unreadable:
        found = _Packaged()
    if found.build_system is not None or (folder / "setup.py").is_file():
        return f"COPY . .\nRUN {PIP} .\n"
    listed = found.project.dependencies
    if listed:  # a project that cannot be built still lists what it needs
        words = " ".join(map(quoting.shell, listed))
        return f"RUN {PIP} {words}\n"
    return "# nothing here lists the packages of the app: add RUN pip install …\n"


def read(text: str, path: Path, directory: str) -> Start:
    """The start that the CMD and the ENV lines of a Dockerfile describe; raises UsageError."""
    command = next(
        (line.removeprefix("CMD ") for line in text.splitlines() if line.startswith("CMD ")), "[]"
    )
    told = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    try:
        argv = foreign.json_in(command, tuple[str, ...])
    except foreign.Unreadable as error:
        raise UsageError(
            f"the CMD of {path} is not a list of texts in JSON",
            hint="write the files again with --emit",
        ) from error
    return Start(
        argv=argv,
        folder=directory,
        environment={
            name: re.sub(r"\\(.)", r"\1", QUOTES.sub(r"\1", value))
            for name, equals, value in (one.partition("=") for one in told)
            if equals
        },
    )
