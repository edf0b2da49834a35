"""The app that a project's own files deploy: FLASK_APP, Procfile, gunicorn.conf.py, Dockerfile, …

It is evidence, not proof: the first file that names an app of this folder is followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct, field

from whichworker import foreign
from whichworker.apps import commands, environment_files, gunicorn_file
from whichworker.errors import UsageError

TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(.*\))?")
MODULE = re.compile(r"[A-Za-z_][\w.]*")


class _FastApi(Struct):
    entrypoint: str = ""


class _ToolTables(Struct):
    fastapi: _FastApi = field(default_factory=_FastApi)


class _Tooled(Struct):
    tool: _ToolTables = field(default_factory=_ToolTables)


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
    for name in gunicorn_file.NAMES:
        yield from _of_gunicorn(folder / name)
    for command in commands.commands_in(folder):
        yield from of_command(command)


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
    said = gunicorn_file.settings_in(path, {})
    target, folder = said.get("wsgi_app"), said.get("chdir")
    if isinstance(target, str) and re.fullmatch(f"{MODULE.pattern}(:.*)?", target):
        yield Deployed(_whole(target), path.name, folder if isinstance(folder, str) else "")


def of_command(command: commands.ServerCommand) -> Iterator[Deployed]:
    """The app that a server's command names; `fastapi run` names a file."""
    if command.program == "fastapi":
        files = [word for word in command.words[1:] if word.endswith(".py")]
        parts = (
            Path(files[0]).with_suffix("").parts if command.words[:1] == ("run",) and files else ()
        )
        if parts and MODULE.fullmatch(module := ".".join(part for part in parts if part != ".")):
            yield Deployed(module, command.origin, command.folder)
        return
    for word in command.words:
        if TARGET.fullmatch(word) and not word.startswith("unix:"):
            yield Deployed(word, command.origin, command.folder)
            return
    if command.program == "gunicorn":
        pairs = zip(("", *command.words), command.words, strict=False)
        if plain := [word for before, word in pairs if _is_module(before, word)]:
            yield Deployed(_whole(plain[-1]), command.origin, command.folder)


def _is_module(before: str, word: str) -> bool:
    """Whether a word of gunicorn's command line is its app, and not the value of an option."""
    is_value = before.startswith("-") and "=" not in before
    return bool(MODULE.fullmatch(word)) and not is_value and "." in word


def _whole(target: str) -> str:
    return target if ":" in target else f"{target}:application"
