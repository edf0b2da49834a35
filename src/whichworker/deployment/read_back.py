"""The start that a written file describes, at any address, and the edits since it was written."""

from __future__ import annotations

import configparser
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from whichworker import foreign
from whichworker.deployment.kinds import READ_BY, TABLE, emit, read
from whichworker.deployment.kinds.parts import Start
from whichworker.errors import UsageError
from whichworker.model import Address
from whichworker.model.deployments import Deployment

COMMENT = re.compile(r"(^\s*|\s)[#;].*$")
PLACE = re.compile(r"(?:127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1?\]|\*)?:(?:8000|\$PORT|\$\{PORT\})")
VARIABLE = re.compile(r"[^=\0\ud800-\udfff]+")
AGAIN = "write the files again with --emit"
HOSTS = ("127.0.0.1", "0.0.0.0", "localhost", "::1", "::")
PORTS = ("8000", "$PORT", "${PORT}")


def start_of(path: Path, kind: str, directory: str, command: tuple[str, ...] = ()) -> Start | None:
    """The start that a file of this kind describes; None if it starts nothing, such as a proxy's.

    `command` is for a server's own file, which does not name the program that reads it.

    Raises UsageError if the file no longer describes a start.
    """
    if kind not in (*READ_BY, "config"):
        return None
    return start_in(text_of(path), path, kind, directory, command)


def text_of(path: Path) -> str:
    """The text of an emitted file; raises UsageError if it has none."""
    try:
        return foreign.text_of(path)
    except foreign.Unreadable as error:
        raise UsageError(f"{path} cannot be read: {error}", hint=AGAIN) from error


def start_in(
    text: str, path: Path, kind: str, directory: str, command: tuple[str, ...] = ()
) -> Start:
    """The start that this text describes, as the content of the file at this path."""
    if kind == "config":
        return Start(
            argv=tuple(str(path) if word == path.name else word for word in command),
            folder=directory,
        )
    try:
        found = read(kind, text, path, directory)
    except (ValueError, configparser.Error) as error:  # an open quote; no section
        reason = " ".join(str(error).split())
        raise UsageError(f"{path} cannot be read: {reason}", hint=AGAIN) from error
    if not found.argv:
        raise UsageError(f"{path} starts nothing", hint=AGAIN)
    _check_possible(found, path)
    return found


def _check_possible(start: Start, path: Path) -> None:
    """Raise UsageError for a word or a variable that no process can be started with."""
    for word in (*start.argv, start.folder, *start.environment.values()):
        try:
            possible = b"\0" not in os.fsencode(word)
        except UnicodeEncodeError:
            possible = False
        if not possible:
            raise UsageError(f"{path} has a text that no process can get: {word!r}", hint=AGAIN)
    for name in start.environment:
        if not VARIABLE.fullmatch(name):
            raise UsageError(f"{path} has a variable without a name: {name!r}", hint=AGAIN)


def settings_in(text: str) -> dict[str, str]:
    """The settings of a configuration file, as text; the last of each counts."""
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
    """The settings that differ between two files, in words."""
    for key in dict.fromkeys((*was, *now)):
        if was.get(key) != now.get(key):
            said = f"{now[key] or 'set'} now" if key in now else "gone"
            raced = f"{was[key] or 'set'} was raced" if key in was else "which was not raced"
            yield f"{name}: {key} is {said}, {raced}"


def edits(name: str, kind: str, folder: Path, what: Deployment, start: Start) -> Iterator[str]:
    """The differences from the file as written, for which alone the promise was made."""
    files = {file.name: file for file in emit((kind if kind in TABLE else "server",), what)}
    if name not in files:
        return
    written = start_in(files[name].text, folder / name, kind, what.directory, what.promise.command)
    was, now = ({str(at): word for at, word in enumerate(one.argv)} for one in (written, start))
    if was != now:
        yield f"{name}: it starts {shlex.join(start.argv)}, which was not raced"
    yield from differences(name, written.environment, start.environment)
    for own in files.values():
        path = folder / own.name
        if (
            own.kind in ("config", "shim")
            and path.is_file()
            and (own.kind == "shim" or str(path) in start.argv or own.name in start.argv)
        ):
            yield from differences(own.name, settings_in(own.text), settings_in(text_of(path)))


def moved(argv: tuple[str, ...], address: Address) -> tuple[str, ...]:
    """The command with another address to listen at, in place of each host and port in it."""
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
    """A configuration file with another address to listen at."""
    return PLACE.sub(str(address), text)
