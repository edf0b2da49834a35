"""The server's own configuration file, or a start script if it reads none."""

from __future__ import annotations

import shlex
from pathlib import Path

from whichworker.deployment.kinds import quoting
from whichworker.deployment.kinds.parts import (
    Start,
    annotated,
    heading,
    misread,
    python_path,
    reasons,
)
from whichworker.model.deployments import Deployment, Emitted

READING = """while IFS= read -r line || [ -n "$line" ]; do
    case ${line%%=*} in
        "$line" | "" | [0-9]* | *[!A-Za-z0-9_]*) ;; # no NAME=value
        *) export "$line" ;;
    esac
done < FILE
"""


def write(what: Deployment) -> list[Emitted]:
    """gunicorn.conf.py, uwsgi.ini and the like; start.sh for servers with flags only."""
    if what.config is not None:
        sign = ";" if what.config.name.endswith(".ini") else "#"
        whole = what.config.text + (
            _gunicorn(what) if what.config.name == "gunicorn.conf.py" else ""
        )
        behind = (
            annotated(whole, what, sign)
            if not what.config.name.endswith(".ini")
            else what.config.text
        )
        why = reasons(what, sign)
        return [
            Emitted(
                name=what.config.name, text=f"{heading(what, sign)}{why}{behind}", kind="config"
            )
        ]
    told = {**what.environment, **python_path(what)}
    exports = "".join(f"export {name}={quoting.shell(value)}\n" for name, value in told.items())
    place = f"cd {quoting.shell(what.directory)} || exit\n"
    command = " ".join(map(quoting.shell, what.argv))
    text = (
        f"#!/bin/sh\n{heading(what)}{reasons(what)}{place}{_variables(what)}{exports}"
        f"exec {command}\n"
    )
    return [Emitted(name="start.sh", text=text, kind="script")]


def read(text: str, path: Path, directory: str) -> Start:
    """The start that a script describes."""
    whole = text.replace("\\\n", " ")
    environment = {}
    argv: list[str] = []
    for line in whole.splitlines():
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            environment[name] = (shlex.split(value) or [""])[0]
        elif line.startswith("exec "):
            argv = shlex.split(line.removeprefix("exec "))
    return Start(argv=tuple(argv), folder=directory, environment=environment)


def _variables(what: Deployment) -> str:
    """Lines that read the environment file as Docker does: nothing in it is run."""
    if not what.environment_file:
        return ""
    unset = f"unset {' '.join(what.unraced)}\n" if what.unraced else ""
    return (
        misread(what, "docker", "this script")
        + READING.replace("FILE", quoting.shell(what.environment_file))
        + unset
    )


def _gunicorn(what: Deployment) -> str:
    """The app's folder, environment and path, and gunicorn's default timeouts, made explicit."""
    told = [f"{name}={value}" for name, value in what.environment.items()]
    environment = f"raw_env = {told!r}\n" if told else ""
    path = f"pythonpath = {what.folder!r}\n" if what.shim else ""
    return f"chdir = {what.directory!r}\n{environment}{path}timeout = 30\ngraceful_timeout = 30\n"
