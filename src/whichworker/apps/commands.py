"""The commands by which a project's own files start a server: Procfile, Dockerfile, compose.

A script that they start is followed into. Variables have the values that the same file gives them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct, field

from whichworker import foreign
from whichworker.apps.modules import SKIPPED, near_the_top

PROGRAMS = (
    "gunicorn",
    "uvicorn",
    "hypercorn",
    "daphne",
    "granian",
    "uwsgi",
    "waitress-serve",
    "fastapi",
)
"""Servers whose command names an app as `module:attribute`."""
FOLDERS = ("--chdir", "--app-dir", "-d", "--working-dir")
INSTALLS = re.compile(r"\b(pip3?|uv|poetry|apt|apt-get|apk|conda|pipenv)\s+(install|add|sync)\b")
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
DOCKERFILES = re.compile(r"(Dockerfile|Containerfile)([.-].*)?|.*\.Dockerfile", re.IGNORECASE)
FOR_OTHERS = re.compile(r"(^|[/._-])(local|dev|develop|development|test|tests|ci)($|[/._-])", re.I)
"""Names of Dockerfiles that no deployment uses; they are read last."""
MOST_BYTES, DEPTH = 100_000, 4
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")
SHELL = re.compile(r"#!.*\b(sh|bash|dash|ash|zsh)\b")
NOT_FOUND = "$"
"""Begins a word whose variable has no value in the project's files."""


class ServerCommand(Struct, frozen=True, kw_only=True):
    """A server's command line: the words after `program`, and where it was found.

    `folder` is where it starts, relative to the project; `variables` are set by the same file.
    """

    program: str
    words: tuple[str, ...]
    origin: str
    folder: str = ""
    variables: dict[str, str] = field(default_factory=dict)


class _Service(Struct):
    command: str | list[str | int | float] = ""
    environment: dict[str, str | int | float | bool | None] | list[str] = {}


class _Compose(Struct):
    services: dict[str, _Service] = {}


def commands_in(folder: Path) -> Iterator[ServerCommand]:
    """Every server's command of a project, the most deliberate file first."""
    for line in lines_of(folder / "Procfile"):
        name, _, command = line.partition(":")
        if name.strip() == "web":
            yield from _of_line(command, "Procfile", {}, folder)
    for path in dockerfiles(folder):
        yield from _of_dockerfile(path, path.relative_to(folder).as_posix(), folder)
    for name in COMPOSE:
        yield from _of_compose(folder / name, folder)


def dockerfiles(folder: Path) -> list[Path]:
    """The Dockerfiles near the top; those for developers and tests come last."""

    def is_skipped(place: Path) -> bool:
        return place.name.startswith(".") or place.name in SKIPPED - {"build"}

    found = [
        path
        for path in near_the_top(folder, DEPTH, is_skipped)
        if DOCKERFILES.fullmatch(path.name) and path.is_file()
    ]
    return sorted(found, key=lambda path: bool(FOR_OTHERS.search(str(path.relative_to(folder)))))


def lines_of(path: Path) -> list[str]:
    """The lines of a text file; none if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:MOST_BYTES].splitlines()
    except OSError:
        return []


def inside(folder: Path, named: str, copied: Mapping[str, str] | None = None) -> Path | None:
    """The file of a project that a path of its image means, such as `/app/start.sh`."""
    whole = PurePosixPath(named)
    source = (copied or {}).get(str(whole))
    texts = [*([source] if source else []), named]
    for text in texts:
        parts = PurePosixPath(text).parts
        parts = parts[1:] if parts[:1] == ("/",) else parts
        for at in range(len(parts)):
            place = folder.joinpath(*parts[at:])
            if ".." not in parts and place.is_file():
                return place
    return None


def _of_dockerfile(path: Path, origin: str, folder: Path) -> Iterator[ServerCommand]:
    """The commands of the last stage: CMD, then ENTRYPOINT with CMD as its arguments."""
    text = "\n".join(lines_of(path)).replace("\\\n", " ")
    variables: dict[str, str] = {}
    copied: dict[str, str] = {}
    said: dict[str, str] = {}
    place = ""
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        match word.upper():
            case "ENV":
                variables |= _variables(rest)
            case "COPY" | "ADD":
                names = [name for name in _words(rest) if not name.startswith("--")]
                copied |= {names[1]: names[0]} if len(names) == 2 else {}
            case "WORKDIR":
                place = rest.strip()
            case "CMD" | "ENTRYPOINT":
                said[word.upper()] = _shell_of(rest.strip())
    command, entry = said.get("CMD", ""), said.get("ENTRYPOINT", "")
    for text in filter(None, (command, f"{entry} {command}" if entry else "")):
        yield from _of_line(text, origin, variables, folder, copied, place)


def _variables(text: str) -> dict[str, str]:
    """The pairs of an ENV instruction, in either form."""
    words = _words(text)
    if words and "=" not in words[0]:
        return {words[0]: " ".join(words[1:])}
    return dict(word.split("=", 1) for word in words if "=" in word)


def _shell_of(text: str) -> str:
    """The exec form of a command as a line."""
    try:
        plain = foreign.json_in(text, list[str])
    except foreign.Unreadable:
        return text
    shells = (["sh", "-c"], ["bash", "-c"], ["/bin/sh", "-c"], ["/bin/bash", "-c"])
    return plain[-1] if plain[:2] in shells else shlex.join(plain)


def _of_compose(path: Path, folder: Path) -> Iterator[ServerCommand]:
    try:
        documents = foreign.yaml_in("\n".join(lines_of(path)))
        files = [foreign.fitted(found, _Compose) for found in documents]
    except foreign.Unreadable:
        return
    for service in (one for file in files for one in file.services.values()):
        command, told = service.command, service.environment
        pairs = [entry.split("=", 1) for entry in told if "=" in entry]
        known = {name: str(value) for name, value in told.items()} if isinstance(told, dict) else {}
        variables = known or dict(pairs)
        line = command if isinstance(command, str) else shlex.join(map(str, command))
        yield from _of_line(line.replace("$$", "$"), path.name, variables, folder)


def _of_line(
    line: str,
    origin: str,
    variables: dict[str, str],
    folder: Path,
    copied: Mapping[str, str] | None = None,
    place: str = "",
) -> Iterator[ServerCommand]:
    """A server's command in a line, or in the script that the line starts."""
    if (found := command_of(line, origin, variables)) is not None:
        yield found
        return
    for word in _words(line)[:3]:
        at = word if word.startswith("/") else f"{place}/{word}"
        script = inside(folder, at, copied) if not word.startswith("-") else None
        if script is None or script.suffix not in ("", ".sh", ".bash"):
            continue
        named = f"{origin}, {script.relative_to(folder).as_posix()}"
        text = "\n".join(lines_of(script)).replace("\\\n", " ")
        if text.startswith("#!") and not SHELL.match(text):
            return
        variables = {**_assigned(text), **variables}
        for inner in text.splitlines():
            if (found := command_of(inner, named, variables)) is not None:
                yield found
        return


def _assigned(text: str) -> dict[str, str]:
    """The variables that a script sets to plain values, or to the default of an unset one."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = re.fullmatch(r"\s*(?:export\s+)?(\w+)=(\S*)\s*", line)
        if match and (words := _words(expanded(match[2], found))):
            found[match[1]] = words[0]
    return {name: value for name, value in found.items() if NOT_FOUND not in value}


def command_of(line: str, origin: str, variables: dict[str, str]) -> ServerCommand | None:
    """The server's command of a line; an interpreter, `exec` or `cd` may stand before it."""
    if line.lstrip().startswith("#") or INSTALLS.search(line):
        return None
    words = _words(expanded(line, variables).replace("&&", " && ").replace(";", " ; "))
    at = next((at for at, word in enumerate(words) if Path(word).name in PROGRAMS), None)
    if at is None:
        return None
    folder = next((words[i + 1] for i in range(at - 1) if words[i] == "cd"), "")
    rest = words[at + 1 :]
    ends = [i for i, word in enumerate(rest) if word in ("&&", ";", "||", "|", "&", ">", ">>")]
    rest = rest[: ends[0]] if ends else rest
    for i, word in enumerate(rest[:-1]):
        folder = rest[i + 1] if word in FOLDERS else folder
    before = dict(word.split("=", 1) for word in words[:at] if re.match(r"[A-Z]\w*=", word))
    return ServerCommand(
        program=Path(words[at]).name,
        words=tuple(rest),
        origin=origin,
        folder=folder,
        variables={**variables, **before},
    )


def expanded(line: str, variables: Mapping[str, str]) -> str:
    """A line with the values of variables, or their defaults; an unknown one stays as it is."""

    def value(match: re.Match[str]) -> str:
        found = variables.get(match[1] or match[2], match[3])
        return match[0] if found is None else found

    return VARIABLE.sub(value, line)


def _words(line: str) -> list[str]:
    """The words of a shell line; none if its quotes do not close."""
    try:
        return shlex.split(line)
    except ValueError:
        return []
