"""What an emitted file starts: its command, folder and environment, read back from its text as the tool it is for would read them."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field

from whichworker.deployment.kinds import TABLE, emit
from whichworker.errors import UsageError
from whichworker.model import Address
from whichworker.model.deployments import Deployment

COMMENT = re.compile(r"(^\s*|\s)[#;].*$")
PLACE = re.compile(r"(?:127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1?\]|\*)?:(?:8000|\$PORT|\$\{PORT\})")
HOSTS = ("127.0.0.1", "0.0.0.0", "localhost", "::1", "::")
PORTS = ("8000", "$PORT", "${PORT}")


class Start(Struct, frozen=True, kw_only=True):
    """How a file starts the server; `folder` is where relative names of its command are found."""

    argv: tuple[str, ...]
    folder: str
    environment: dict[str, str] = field(default_factory=dict)


def start_of(path: Path, kind: str, directory: str, command: tuple[str, ...] = ()) -> Start | None:
    """The start that a file of this kind describes; None for one that starts nothing, such as a proxy's.

    A server's own file does not say what reads it: `command` does.

    Raises UsageError where it describes none any more.
    """
    if kind not in (*READERS, "config"):
        return None
    try:
        return start_in(path.read_text(encoding="utf-8"), path, kind, directory, command)
    except (OSError, ValueError, configparser.Error) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="emit it again") from error


def start_in(
    text: str, path: Path, kind: str, directory: str, command: tuple[str, ...] = ()
) -> Start:
    """The same of a text that is, or would be, in the file at this path."""
    if kind == "config":
        return Start(
            argv=tuple(str(path) if word == path.name else word for word in command),
            folder=directory,
        )
    found = READERS[kind](text, path, directory)
    if not found.argv:
        raise UsageError(f"{path} starts nothing", hint="emit it again")
    return found


def settings_in(text: str) -> dict[str, str]:
    """The settings of a configuration file, as text, the last of each; comments and empty lines say nothing."""
    found = {}
    for line in text.splitlines():
        bare = COMMENT.sub("", line)
        name, equals, value = bare.partition("=")
        if equals:
            found[name.strip()] = value.strip()
        elif bare.strip():
            found[bare.strip()] = ""
    return found


def differences(name: str, was: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    """What one file sets otherwise than another, in words."""
    for key in dict.fromkeys((*was, *now)):
        if was.get(key) != now.get(key):
            said = f"{now[key] or 'set'} now" if key in now else "gone"
            raced = f"{was[key] or 'set'} was raced" if key in was else "which was not raced"
            yield f"{name}: {key} is {said}, {raced}"


def edits(name: str, kind: str, folder: Path, what: Deployment, start: Start) -> Iterator[str]:
    """What a file says otherwise than it was written: what was promised was promised of that."""
    files = {file.name: file for file in emit((kind if kind in TABLE else "server",), what)}
    if name not in files:
        return
    written = start_in(files[name].text, folder / name, kind, what.directory, what.promise.command)
    was, now = ({str(at): word for at, word in enumerate(one.argv)} for one in (written, start))
    if was != now:
        yield f"{name}: it starts {shlex.join(start.argv)}, and not what was raced"
    yield from differences(name, written.environment, start.environment)
    for own in files.values():
        path = folder / own.name
        if (
            own.kind in ("config", "shim")
            and path.is_file()
            and (own.kind == "shim" or str(path) in start.argv or own.name in start.argv)
        ):
            yield from differences(
                own.name, settings_in(own.text), settings_in(path.read_text(encoding="utf-8"))
            )


def _script(text: str, path: Path, directory: str) -> Start:
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


def _systemd(text: str, path: Path, directory: str) -> Start:
    lines = [
        line.strip()
        for line in text.replace("\\\n", " ").splitlines()
        if not line.startswith(("#", ";"))
    ]
    told = [line.partition("=")[2] for line in lines if line.startswith("Environment=")]
    command = next((line.partition("=")[2] for line in lines if line.startswith("ExecStart=")), "")
    folder = next(
        (line.partition("=")[2] for line in lines if line.startswith("WorkingDirectory=")),
        directory,
    )
    environment = dict(
        one.replace("%%", "%").split("=", 1)
        for text in told
        for one in shlex.split(text)
        if "=" in one
    )
    argv = tuple(word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command))
    return Start(argv=argv, folder=folder.replace("%%", "%"), environment=environment)


def _docker(text: str, path: Path, directory: str) -> Start:
    command = next(
        (line.removeprefix("CMD ") for line in text.splitlines() if line.startswith("CMD ")), "[]"
    )
    told = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    try:
        argv = tuple(map(str, json.loads(command)))
    except ValueError as error:
        raise UsageError(
            f"the CMD of {path} is not a list in JSON", hint="emit it again"
        ) from error
    return Start(
        argv=argv,
        folder=directory,
        environment=dict(one.split("=", 1) for one in told if "=" in one),
    )


def _procfile(text: str, path: Path, directory: str) -> Start:
    line = next(
        (line.partition(":")[2] for line in text.splitlines() if line.startswith("web:")), ""
    )
    return Start(argv=tuple(shlex.split(line)), folder=directory)


def _supervisor(text: str, path: Path, directory: str) -> Start:
    reader = configparser.RawConfigParser(inline_comment_prefixes=None, comment_prefixes=(";", "#"))
    reader.read_string(text)
    section = next((name for name in reader.sections() if name.startswith("program:")), None)
    if section is None:
        return Start(argv=(), folder=directory)
    told = reader.get(section, "environment", fallback="")
    environment = dict(re.findall(r'([A-Za-z_]\w*)="([^"]*)"', told))
    folder = reader.get(section, "directory", fallback=directory).replace("%%", "%")
    argv = tuple(shlex.split(reader.get(section, "command", fallback="").replace("%%", "%")))
    return Start(
        argv=argv,
        folder=folder,
        environment={name: value.replace("%%", "%") for name, value in environment.items()},
    )


def _kubernetes(text: str, path: Path, directory: str) -> Start:
    match = re.search(r"^\s*command: (\[.*\])$", text, re.MULTILINE)
    try:
        return Start(argv=tuple(map(str, json.loads(match[1]))) if match else (), folder=directory)
    except ValueError as error:
        raise UsageError(
            f"the command of {path} is not a list in JSON", hint="emit it again"
        ) from error


READERS = {
    "script": _script,
    "systemd": _systemd,
    "docker": _docker,
    "procfile": _procfile,
    "supervisor": _supervisor,
    "kubernetes": _kubernetes,
}


def moved(argv: tuple[str, ...], address: Address) -> tuple[str, ...]:
    """The command with another place to listen at: hosts and ports that files say, wherever they stand in it."""
    words = []
    for before, word in zip(("", *argv), argv, strict=False):
        option, equals, value = word.partition("=")
        if PLACE.search(word):
            words.append(PLACE.sub(str(address), word))
        elif equals and option.endswith("port") and value in PORTS:
            words.append(f"{option}={address.port}")
        elif before.rstrip("=").endswith(("port", "-p")) and word in PORTS:
            words.append(str(address.port))
        elif before.endswith(("host", "-b", "interface-address")) and word in HOSTS:
            words.append(address.host)
        else:
            words.append(word)
    return tuple(words)


def moved_text(text: str, address: Address) -> str:
    """A configuration file with another place to listen at."""
    return PLACE.sub(str(address), text)
