"""What several kinds of file share: the command as it is deployed, comments with reasons, and the versions that were measured."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from whichworker import units
from whichworker.model.deployments import Deployment

SHIM_FILE = "whichworker_app.py"
GRACE_SECONDS = 30
EVERYWHERE = "0.0.0.0"
PORT = "8000"
SHOWN = re.compile(r"127\.0\.0\.1(?=:|$)")


def command(what: Deployment, folder: str = "") -> list[str]:
    """The command that starts the server: with its configuration file below `folder` where it reads one, else with its flags."""
    if what.config is None:
        return list(what.argv)
    return [f"{folder}{word}" if word == what.config.name else word for word in what.config.command]


def reads_python(what: Deployment) -> bool:
    """Whether the server needs a module of its own; other files say no more than flags do, and hold a folder that a container has not."""
    return (
        what.config is not None
        and what.config.name.endswith(".py")
        and what.config.name != "gunicorn.conf.py"
    )


def python_path(what: Deployment) -> dict[str, str]:
    """Where Python has to look beside the working folder: in the emitted files', where a module lies there."""
    return {"PYTHONPATH": f"{what.folder}:{what.directory}"} if needs_path(what) else {}


def needs_path(what: Deployment) -> bool:
    """Whether Python has to find a module in the folder of the emitted files."""
    return bool(what.shim) or reads_python(what)


def everywhere(argv: Iterable[str]) -> list[str]:
    """The command for a container, in which loopback is nobody."""
    return [SHOWN.sub(EVERYWHERE, word) for word in argv]


def shown(argv: Iterable[str]) -> str:
    """As a shell reads it."""
    return shlex.join(argv)


def heading(what: Deployment, sign: str = "#") -> str:
    """Where a file comes from and what was promised of it, as a comment."""
    promise = what.promise
    rate = f"{units.show_rate(promise.throughput_per_second)} requests/s when flooded"
    sure = (
        f"; {units.show_rate(promise.certified_per_second)}/s certified for {promise.slo}"
        if promise.certified_per_second
        else ""
    )
    lines = [
        f"{what.arm}, as it was raced by whichworker (run {promise.run}).",
        f"It did {rate} on {what.cores} core{'' if what.cores == 1 else 's'}{sure}.",
        "whichworker advise --verify measures whether this file keeps that.",
    ]
    return "".join(f"{sign} {line}\n" for line in lines)


def annotated(text: str, what: Deployment, sign: str = "#") -> str:
    """A configuration file of `name = value` lines, with the reason behind each line that has one."""
    lines = []
    for line in text.splitlines():
        name = line.partition("=")[0].strip()
        reason = what.because.get(name) or what.because.get(name.replace("-", "_"))
        lines.append(f"{line}  {sign} {reason}" if reason and not line.startswith("[") else line)
    return "\n".join(lines) + "\n"


def reasons(what: Deployment, sign: str = "#") -> str:
    """The reasons of a command's flags, as comments, as a flag has no room for one; a file of the server's own has its reasons itself."""
    told = what.because if what.config is None or what.config.name.endswith(".ini") else {}
    remark = f"{sign} {what.remark}\n" if what.remark else ""
    return remark + "".join(f"{sign} {name}: {reason}\n" for name, reason in told.items())


def pins(what: Deployment) -> str:
    """The server's packages at the versions that were measured."""
    return "# the versions that were raced\n" + "".join(
        f"{requirement}\n" for requirement in what.requirements
    )


def memory_limit(what: Deployment) -> int | None:
    """Half as much again as was seen under load, in whole mebibytes; the budget's where that is less."""
    if what.memory_bytes is None:
        return what.memory_limit_bytes
    wanted = int(what.memory_bytes * 1.5)
    return min(wanted, what.memory_limit_bytes) if what.memory_limit_bytes else wanted


def mebibytes(count: int) -> int:
    """Rounded up."""
    return -(-count // 2**20)
