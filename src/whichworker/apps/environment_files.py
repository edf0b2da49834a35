"""Files of environment variables, as python-dotenv reads them; their values count as secrets.

Two things are as in a shell and in Docker Compose: text in single quotes is not expanded, and a
name without `=` stands for the variable of the shell.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path

from whichworker import foreign, redaction
from whichworker.environments import own_python
from whichworker.errors import UsageError

USUAL = (".env", ".env.local", "env")
EXAMPLES = {"example", "sample", "template", "dist", "defaults"}
"""Parts of the names of files that show which variables to set."""
SYSTEMD = re.compile(r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"|((?!['\"]).*)", re.DOTALL)
"""A value in single quotes, in double quotes, or without; systemd.exec(5), EnvironmentFile=."""
OTHER_EXPANSION = re.compile(r"\$\{\w+(?!:-|[}\w])[^\w}]{1,2}")
"""The beginning of an expansion of shells and of Docker Compose that python-dotenv misreads."""
SERVER_OPTIONS = (
    "GUNICORN_CMD_ARGS",
    "WEB_CONCURRENCY",
    "UVICORN_",
    "GRANIAN_",
    "UWSGI_",
    "HYPERCORN_",
)
"""Beginnings of variables from which servers take options: they would race what is not shown."""


def read(path: str) -> dict[str, str]:
    """The variables of a file, if any, without options of servers.

    Raises UsageError for a line that is not NAME=value.
    """
    return without_server_options({name: value for name, (value, _) in _read(path).items()})


def without_server_options(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables for an app, without those from which servers take options."""
    return {name: value for name, value in variables.items() if not name.startswith(SERVER_OPTIONS)}


def server_options(path: str) -> tuple[str, ...]:
    """The variables of a file from which servers would take options."""
    return tuple(name for name in _read(path) if name.startswith(SERVER_OPTIONS))


def misread(path: str) -> dict[str, tuple[str, ...]]:
    """The variables that other readers (`docker`, `systemd`) of such a file read differently."""
    found = _read(path)
    return {
        reader: tuple(
            name for name, (value, line) in found.items() if value_in(line, name) != value
        )
        for reader, value_in in READERS.items()
    }


def beside(folder: Path, here: Path) -> Path | None:
    """A file in the folder, or above it in the repository, with environment variables by its name.

    Without a repository, no folder above `here` is searched. The usual names come before others,
    such as `development.env`.
    """
    return _nearest(
        folder, here, lambda name: name in USUAL or name.endswith(".env"), examples=False
    )


def example(folder: Path, here: Path) -> Path | None:
    """A file in the folder, or above it, that shows which variables to set: `.env.example`."""
    return _nearest(folder, here, lambda name: "env" in _parts(name), examples=True)


def _nearest(
    folder: Path, here: Path, fits: Callable[[str], bool], *, examples: bool
) -> Path | None:
    above = list(own_python.upwards(folder))
    if not (above[-1] / ".git").exists():
        above = [place for place in above if place == folder or place.is_relative_to(here)]
    for place in above:
        names = sorted(
            one.name
            for one in place.iterdir()
            if fits(one.name)
            and EXAMPLES.isdisjoint(_parts(one.name)) != examples
            and one.is_file()
        )
        if names:
            return place / min(names, key=lambda name: (name not in USUAL, len(name)))
    return None


def _parts(name: str) -> list[str]:
    return name.strip(".").split(".")


def _read(path: str) -> dict[str, tuple[str, str]]:
    """The value of each variable, with its text in the file."""
    if not path:
        return {}
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    try:
        text = foreign.text_of(path)
    except foreign.Unreadable as error:
        raise UsageError(
            f"the environment file {path} cannot be read: {error}", hint="--env-file FILE"
        ) from error
    values: dict[str, str] = {}
    lines: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        written = binding.original.string
        number = binding.original.line + len(written) - len(written.lstrip("\n"))
        if binding.error:
            raise UsageError(
                f"{path}, line {number} is not NAME=value",
                hint="one variable on each line; # begins a comment",
            )
        if binding.key and binding.value is not None:
            lines[binding.key] = written.lstrip().rstrip("\r\n")
            plain = lines[binding.key].partition("=")[2].lstrip().startswith("'")
            if not plain and (odd := OTHER_EXPANSION.search(binding.value)):
                raise UsageError(
                    f"{path}, line {number}: {odd[0]}…}} is not expanded",
                    hint="write ${NAME} or ${NAME:-default}; single quotes keep the text as it is",
                )
            known = {**os.environ, **values}
            values[binding.key] = (
                binding.value
                if plain
                else "".join(atom.resolve(known) for atom in parse_variables(binding.value))
            )
    for name, value in values.items():
        if "=" in name or "\0" in name + value:
            raise UsageError(
                f"{path}: no process can have the variable {name!r} with this value",
                hint="leave out zero bytes, and = in a name",
            )
    redaction.remember_environment(values)
    return {name: (values[name], line) for name, line in lines.items()}


def _docker(line: str, name: str) -> str | None:
    """The text after `=`, with quotes and comments; None for a name with a space."""
    before, _, value = line.partition("=")
    return value if before == name else None


def _systemd(line: str, name: str) -> str | None:
    """Quotes and backslashes as in a shell; comments belong to the value, `export` to the name."""
    before, _, value = line.partition("=")
    match = SYSTEMD.fullmatch(value.strip())
    if match is None or before.strip() != name:
        return None
    single, double, plain = match.groups()
    if single is not None:
        return single
    if plain and re.search(r"(?<!\\)(?:\\\\)*\\$", plain):
        return None  # it goes on in the next line
    return re.sub(r'\\(["\\`$])' if plain is None else r"\\(.)", r"\1", double or plain or "")


READERS: dict[str, Callable[[str, str], str | None]] = {"docker": _docker, "systemd": _systemd}
