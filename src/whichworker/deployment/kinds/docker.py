"""A Dockerfile: https://docs.docker.com/reference/dockerfile/"""

from __future__ import annotations

import json
import re
from pathlib import Path

from whichworker import foreign
from whichworker.deployment.kinds import dockerignore, quoting
from whichworker.deployment.kinds.installs import PIP, Install, install
from whichworker.deployment.kinds.parts import (
    PINS_FILE,
    PORT,
    SHIM_FILE,
    Start,
    everywhere,
    fileless,
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
COMPILER = "gcc libc6-dev"
BUILT = {
    "uwsgi": COMPILER,
    "mod-wsgi": f"{COMPILER} make",
}
"""Debian's packages without which a server cannot be built from its source, by its family."""
QUOTES = re.compile(r'^"(.*)"$')


def write(what: Deployment) -> list[Emitted]:
    """Dockerfile, for a build in the project's folder with the emitted files in it.

    Dockerfile.dockerignore keeps secrets and databases out of the image.
    """
    argv = everywhere(what)
    own = [what.config.name] if what.config is not None and reads_python(what) else []
    added = [*own, *([SHIM_FILE] if what.shim else [])]
    environment = "".join(
        f"ENV {name}={quoting.docker(value)}\n"
        for name, value in {"PYTHONUNBUFFERED": "1", **what.environment}.items()
    )
    copied = "".join(f"COPY {name} ./\n" for name in added)
    given = f" --env-file {quoting.shell(what.environment_file)}" if what.environment_file else ""
    steps = install(what)
    comments = f"{heading(what)}{reasons(what)}{fileless(what)}"
    text = f"""{comments}# copy the files of this folder to PROJECT, then:
# docker build -t {what.project} PROJECT
# docker run{given} --publish {PORT}:{PORT} {what.project}
{misread(what, "docker")}{unraced(what)}{steps.stage}FROM python:{what.python}-slim
RUN useradd --system --uid {USER} app
WORKDIR /app
{_packages(what, steps)}{copied}{environment}# a server needs no rights
USER {USER}
EXPOSE {PORT}
# at this signal the server finishes the requests in flight, then ends
STOPSIGNAL {what.stop_signal}
CMD {json.dumps(argv)}
"""
    ignored = dockerignore.text(what, (PINS_FILE, *added))
    return [
        Emitted(name="Dockerfile", text=text, kind="docker"),
        Emitted(name=dockerignore.NAME, text=ignored, kind="dockerignore"),
    ]


def _packages(what: Deployment, steps: Install) -> str:
    """The app and all packages: the server's come last, as no others may change their versions."""
    family = next((name for name in BUILT if what.server.startswith(name)), "")
    build = (
        f"# {family} is built from its source\n"
        f"RUN apt-get update && apt-get install --yes --no-install-recommends {BUILT[family]}"
        " && rm -rf /var/lib/apt/lists/*\n"
        if family
        else ""
    )
    server = f"COPY {PINS_FILE} ./\n{build}RUN {PIP} -r {PINS_FILE}\n"
    app = f"COPY --chown=app . .\n{steps.after}"
    return steps.before + (app + server if steps.resolves else server + app)


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
