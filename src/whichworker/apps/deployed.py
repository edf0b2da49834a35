"""The app that a project's own files deploy: FLASK_APP, Procfile, gunicorn.conf.py, Dockerfile, …

It is evidence, not proof: the first file that names an app of this folder is followed.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct, field

from whichworker import foreign
from whichworker.apps import environment_files, modules, start_scripts
from whichworker.errors import UsageError

TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(.*\))?")
MODULE = re.compile(r"[A-Za-z_][\w.]*")
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
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
DOCKERFILES = ("Dockerfile", "Containerfile", "docker/Dockerfile", "deploy/Dockerfile")
MOST_BYTES = 100_000


class _FastApi(Struct):
    entrypoint: str = ""


class _ToolTables(Struct):
    fastapi: _FastApi = field(default_factory=_FastApi)


class _Tooled(Struct):
    tool: _ToolTables = field(default_factory=_ToolTables)


class _Service(Struct):
    command: str | list[str | int | float] = ""


class _Compose(Struct):
    services: dict[str, _Service] = {}


class Deployed(Struct, frozen=True):
    """An app as a file names it, relative to a folder; without `:` it is a module."""

    target: str
    origin: str
    folder: str = ""


def deployed(folder: Path, environment: Mapping[str, str]) -> Iterator[Deployed]:
    """Everything that names an app, the most deliberate first."""
    yield from _of_flask(folder, environment)
    if (entry := _of_fastapi(folder)) is not None:
        yield entry
    for name in ("gunicorn.conf.py", "gunicorn_config.py"):
        yield from _of_gunicorn(folder / name)
    for line in _lines(folder / "Procfile"):
        name, _, command = line.partition(":")
        if name.strip() == "web":
            yield from _of_command(command, "Procfile")
    for name in DOCKERFILES:
        yield from _of_dockerfile(folder / name, name)
    for name in COMPOSE:
        yield from _of_compose(folder / name)
    sources = (folder / name for name in ("Procfile", *DOCKERFILES, *COMPOSE))
    for line, script in start_scripts.lines_of(folder, sources):
        yield from _of_command(line, script)


def _of_flask(folder: Path, environment: Mapping[str, str]) -> Iterator[Deployed]:
    for origin, found in (
        ("FLASK_APP", environment),
        (".flaskenv", _flaskenv(folder / ".flaskenv")),
    ):
        text = found.get("FLASK_APP", "").strip()
        module, colon, attribute = text.partition(":")
        module = module.removesuffix(".py").replace("/", ".").strip(".")
        if MODULE.fullmatch(module):
            yield Deployed(f"{module}{colon}{attribute}", origin)


def _flaskenv(path: Path) -> Mapping[str, str]:
    try:
        return environment_files.read(str(path)) if path.is_file() else {}
    except UsageError:
        return {}  # it is only a sign of an app


def _of_fastapi(folder: Path) -> Deployed | None:
    """The `[tool.fastapi] entrypoint` of pyproject.toml, as FastAPI's own command line uses it."""
    try:
        found = foreign.toml_in(foreign.text_of(folder / "pyproject.toml"), _Tooled)
    except foreign.Unreadable:
        return None
    entry = found.tool.fastapi.entrypoint
    return Deployed(entry, "pyproject.toml, tool.fastapi") if TARGET.fullmatch(entry) else None


def _of_gunicorn(path: Path) -> Iterator[Deployed]:
    tree = modules.parsed(path) if path.is_file() else None
    said: dict[str, str] = {}
    for node in tree.body if tree is not None else ():
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            said[node.targets[0].id] = node.value.value
    if target := said.get("wsgi_app", ""):
        yield Deployed(_whole(target), path.name, said.get("chdir", ""))


def _of_dockerfile(path: Path, origin: str) -> Iterator[Deployed]:
    text = "\n".join(_lines(path)).replace("\\\n", " ")
    for line in reversed(text.splitlines()):
        word, _, rest = line.strip().partition(" ")
        if word.upper() in ("CMD", "ENTRYPOINT"):
            yield from _of_command(_shell_of(rest.strip()), origin)


def _shell_of(text: str) -> str:
    """The exec form of a command as a line."""
    try:
        plain = foreign.json_in(text, list[str])
    except foreign.Unreadable:
        return text
    return (
        plain[-1]
        if plain[:2] in (["sh", "-c"], ["bash", "-c"], ["/bin/sh", "-c"])
        else shlex.join(plain)
    )


def _of_compose(path: Path) -> Iterator[Deployed]:
    try:
        documents = foreign.yaml_in("\n".join(_lines(path)))
        files = [foreign.fitted(found, _Compose) for found in documents]
    except foreign.Unreadable:
        return
    for service in (one for file in files for one in file.services.values()):
        command = service.command
        line = command if isinstance(command, str) else shlex.join(map(str, command))
        yield from _of_command(line, path.name)


def _of_command(line: str, origin: str) -> Iterator[Deployed]:
    """The app of a server's command line; an interpreter or `cd` may stand before it."""
    try:
        words = shlex.split(line.replace("&&", " && ").replace(";", " ; "))
    except ValueError:
        return
    at = next((at for at, word in enumerate(words) if Path(word).name in PROGRAMS), None)
    if at is None:
        return
    folder = next((words[i + 1] for i in range(at - 1) if words[i] == "cd"), "")
    rest = words[at + 1 :]
    for i, word in enumerate(rest[:-1]):
        folder = rest[i + 1] if word in FOLDERS else folder
    for word in rest:
        if TARGET.fullmatch(word):
            yield Deployed(word, origin, folder)
            return
    if Path(words[at]).name == "gunicorn":
        plain = [
            word
            for before, word in zip(["", *rest], rest, strict=False)
            if _is_module(before, word)
        ]
        if plain:
            yield Deployed(_whole(plain[-1]), origin, folder)


def _is_module(before: str, word: str) -> bool:
    """Whether a word of gunicorn's command line is its app, and not the value of an option."""
    is_value = before.startswith("-") and "=" not in before
    return bool(MODULE.fullmatch(word)) and not is_value and "." in word


def _whole(target: str) -> str:
    return target if ":" in target else f"{target}:application"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:MOST_BYTES].splitlines()
    except OSError:
        return []
