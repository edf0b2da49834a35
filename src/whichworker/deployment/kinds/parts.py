"""Parts of several kinds of file: the command, comments with reasons, the raced versions."""

from __future__ import annotations

import re

from msgspec import Struct, field

from whichworker import units
from whichworker.model.deployments import Deployment

SHIM_FILE = "whichworker_app.py"
PINS_FILE = "requirements-server.txt"
GRACE_SECONDS = 30
"""From the stop signal to the kill: gunicorn's graceful_timeout and Kubernetes' default."""
EVERYWHERE = "0.0.0.0"
PORT = "8000"
NO_SETTINGS = "python:__future__"
"""A module in place of the gunicorn.conf.py that gunicorn would read in the folder it starts in."""
SHOWN = re.compile(r"127\.0\.0\.1(?=:|$)")


class Start(Struct, frozen=True, kw_only=True):
    """How a file starts the server; relative names in its command are below `folder`."""

    argv: tuple[str, ...]
    folder: str
    environment: dict[str, str] = field(default_factory=dict)


def command(what: Deployment, folder: str = "") -> list[str]:
    """The command that starts the server, with its configuration file, if any, below `folder`."""
    if what.config is None:
        return list(what.argv)
    return [f"{folder}{word}" if word == what.config.name else word for word in what.config.command]


def reads_python(what: Deployment) -> bool:
    """Whether the server needs a Python module as its configuration.

    Other files say no more than flags, and name a folder that a container does not have.
    """
    return (
        what.config is not None
        and what.config.name.endswith(".py")
        and what.config.name != "gunicorn.conf.py"
    )


def python_path(what: Deployment) -> dict[str, str]:
    """PYTHONPATH with the folder of the emitted files, if it has a module that the server needs."""
    return {"PYTHONPATH": f"{what.folder}:{what.directory}"} if needs_path(what) else {}


def needs_path(what: Deployment) -> bool:
    """Whether Python has to find a module in the folder of the emitted files."""
    return bool(what.shim) or reads_python(what)


def everywhere(what: Deployment) -> list[str]:
    """The command for a container or a platform, where loopback is unreachable from outside.

    Flags replace a configuration file that names folders of this machine.
    """
    words = command(what) if reads_python(what) else list(what.argv)
    if words[0] == "gunicorn":
        words[1:1] = ["--config", NO_SETTINGS]
    return [SHOWN.sub(EVERYWHERE, word) for word in words]


def fileless(what: Deployment) -> str:
    """A comment on the module that gunicorn reads instead of a file."""
    why = "has no settings: a gunicorn.conf.py of the project was not raced"
    return f"# {NO_SETTINGS} {why}\n" if what.argv[0] == "gunicorn" else ""


def heading(what: Deployment, sign: str = "#") -> str:
    """A comment with the origin of a file and its promise."""
    promise = what.promise
    rate = f"{units.show_rate(promise.throughput_per_second)} requests/s when flooded"
    sure = (
        f"; {units.show_rate(promise.certified_per_second)}/s validated for {promise.slo}"
        if promise.certified_per_second
        else ""
    )
    lines = [
        f"{what.arm}, as raced by whichworker (run {promise.run}).",
        f"It did {rate} on {what.cores} core{'' if what.cores == 1 else 's'}{sure}.",
        "whichworker advise --verify measures if a server from this file is as fast.",
    ]
    return "".join(f"{sign} {line}\n" for line in lines)


def annotated(text: str, what: Deployment, sign: str = "#") -> str:
    """A configuration file of `name = value` lines, each with its reason if there is one."""
    lines = []
    for line in text.splitlines():
        name = line.partition("=")[0].strip()
        reason = what.because.get(name) or what.because.get(name.replace("-", "_"))
        lines.append(f"{line}  {sign} {reason}" if reason and not line.startswith("[") else line)
    return "\n".join(lines) + "\n"


def reasons(what: Deployment, sign: str = "#") -> str:
    """The reasons for a command's flags, as comments; a server's own file has them itself."""
    told = what.because if what.config is None or what.config.name.endswith(".ini") else {}
    remark = f"{sign} {what.remark}\n" if what.remark else ""
    return remark + "".join(f"{sign} {name}: {reason}\n" for name, reason in told.items())


def misread(what: Deployment, reader: str, called: str = "") -> str:
    """A comment with the variables that this reader of the environment file reads differently."""
    names = ", ".join(what.misread.get(reader, ()))
    cure = "write NAME=value there, without quotes, comments, export, backslashes and ${NAME}"
    return (
        f"# {called or reader} reads {names} differently from the race: {cure}\n" if names else ""
    )


def unraced(what: Deployment, sign: str = "#") -> str:
    """A comment with the options of servers in the environment file, which a race leaves out."""
    names = ", ".join(what.unraced)
    return f"{sign} not raced: remove {names} from {what.environment_file}\n" if names else ""


def pins(what: Deployment) -> str:
    """The server's packages at the versions that were measured."""
    return "# the versions that were raced\n" + "".join(
        f"{requirement}\n" for requirement in what.requirements
    )


def memory_limit(what: Deployment) -> int | None:
    """1.5 times the memory measured under load, in bytes, at most the budget's.

    Half as much again leaves room for requests that the race did not send.
    """
    if what.memory_bytes is None:
        return what.memory_limit_bytes
    wanted = int(what.memory_bytes * 1.5)
    return min(wanted, what.memory_limit_bytes) if what.memory_limit_bytes else wanted


def mebibytes(count: int) -> int:
    """Bytes in mebibytes, rounded up."""
    return -(-count // 2**20)
