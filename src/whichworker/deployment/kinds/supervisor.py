"""A program of supervisor: http://supervisord.org/configuration.html#program-x-section-settings"""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

from whichworker.deployment.kinds import quoting
from whichworker.deployment.kinds.parts import (
    GRACE_SECONDS,
    Start,
    command,
    heading,
    python_path,
    reasons,
    unraced,
)
from whichworker.model.deployments import Deployment, Emitted


def write(what: Deployment) -> list[Emitted]:
    """PROJECT.supervisor.conf."""
    argv = command(what, f"{what.folder}/")
    argv[0] = f"{what.bin}/{argv[0]}"
    told = {**what.environment, **python_path(what)}
    environment = ",".join(f"{name}={quoting.supervisor(value)}" for name, value in told.items())
    file = (
        f"; supervisor reads no environment file: start supervisord with {what.environment_file}\n"
        if what.environment_file
        else ""
    )
    file += unraced(what, ";")
    words = quoting.supervisor_command(argv)
    user = f"user={what.user}\n" if what.user else "; user=NAME, not root\n"
    folder = quoting.supervisor_line(what.directory)
    text = f"""{heading(what, ";")}{reasons(what, ";")}[program:{what.project}]
command={words}
{user}directory={folder}
{f"environment={environment}" if environment else "; no variables of its own"}
{file}autorestart=true
; a graceful stop: the server finishes the requests in flight, then ends
stopsignal={what.stop_signal.removeprefix("SIG")}
stopwaitsecs={GRACE_SECONDS}
stopasgroup=false
killasgroup=true
minfds=65536
"""
    return [Emitted(name=f"{what.project}.supervisor.conf", text=text, kind="supervisor")]


def read(text: str, path: Path, directory: str) -> Start:
    """The start that the program of a configuration describes."""
    reader = configparser.RawConfigParser(inline_comment_prefixes=None, comment_prefixes=(";", "#"))
    reader.read_string(text)
    section = next((name for name in reader.sections() if name.startswith("program:")), None)
    if section is None:
        return Start(argv=(), folder=directory)
    told = reader.get(section, "environment", fallback="")
    environment = {
        name: double or single
        for name, double, single in re.findall(r"""([A-Za-z_]\w*)=(?:"([^"]*)"|'([^']*)')""", told)
    }
    folder = reader.get(section, "directory", fallback=directory).replace("%%", "%")
    argv = tuple(shlex.split(reader.get(section, "command", fallback="").replace("%%", "%")))
    return Start(
        argv=argv,
        folder=folder,
        environment={name: value.replace("%%", "%") for name, value in environment.items()},
    )
