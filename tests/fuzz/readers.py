"""What every reader of foreign files promises, for any bytes: one check for each.

A reader gives its value or a failure of one line with a hint. Any other error is a find, and so is
a value that the next step could not use.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from whichworker import foreign, redaction, result
from whichworker.apps import candidates, deployed, django_project, environment_files
from whichworker.apps.django_project import MODULE
from whichworker.config.layers import gather
from whichworker.config.load_options import LoadOptions
from whichworker.config.options import RaceOptions
from whichworker.config.study_options import ExplainOptions, StudyOptions
from whichworker.deployment import ownership, read_back, recipe
from whichworker.deployment.kinds import READ_BY, installs
from whichworker.deployment.promise import promise_in
from whichworker.errors import WhichworkerError
from whichworker.model import Address, Request
from whichworker.store.journal import FILE
from whichworker.workloads.definition import read_definition
from whichworker.workloads.sources import access_log, har, openapi, readers
from whichworker.workloads.sources.mixture import Recorded, is_sendable, mixture

Value = TypeVar("Value")
COMMANDS: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("", RaceOptions),
    ("load", LoadOptions),
    ("study", StudyOptions),
    ("explain", ExplainOptions),
)
FILES = ("whichworker.toml", "pyproject.toml")
KINDS = (*READ_BY, "config")
SOURCES = (
    "manage.py",
    "app.py",
    "pyproject.toml",
    "wsgi.py",
    ".pdm-python",
    "Procfile",
    "Dockerfile",
    "compose.yaml",
    ".flaskenv",
    "gunicorn.conf.py",
)
PLANTED = "PLANTED_BUG" in os.environ
"""A fuzzer that proves itself: refusals, and secrets that stay, are then finds."""
ADDRESS = Address("127.0.0.1", 43210)


@cache
def folder() -> Path:
    """A folder of this process for the files that are read."""
    return Path(tempfile.mkdtemp())


def written(name: str, content: bytes) -> Path:
    """The content as the only file of the folder."""
    for other in folder().iterdir():
        other.unlink()
    path = folder() / name
    path.write_bytes(content)
    return path


def value_of(read: Callable[[], Value]) -> Value | None:
    """What is read; None for a failure, which has one line and a hint."""
    try:
        return read()
    except WhichworkerError as error:
        assert not PLANTED
        assert len(error.fact.splitlines()) == 1, error.fact
        assert error.hint, error.fact
        assert error.exit_code == 2
        return None


def startable(words: Iterable[str]) -> bool:
    """Whether the kernel takes these as arguments or environment of a process."""
    return all(b"\0" not in os.fsencode(word) for word in words)


def requests(read: Callable[[], Iterator[Recorded]]) -> None:
    """A source of requests, and the mixture of what it gives."""
    seen = value_of(lambda: list(read()))
    if seen is not None:
        assert all(is_sendable(one) for one in seen if isinstance(one, Request))
        value_of(lambda: mixture(seen, "a file"))


def configuration(data: bytes) -> None:
    """The options of each command from either file."""
    name, rest = FILES[data[0] % 2], data[1:]
    written(name, rest)
    for table, kind in COMMANDS:
        gathered = value_of(partial(gather, kind, {}, {}, folder(), table))
        if gathered is not None:
            msgspec.convert(msgspec.to_builtins(gathered[0]), kind)


def load_file(data: bytes) -> None:
    """A load file for `load`, and as requests of a race."""
    path = written("load.toml", data)
    definition = value_of(lambda: read_definition(path))
    given = value_of(lambda: readers.READERS["request_file"](path, "load.toml", False))
    assert given is None or definition is not None
    if definition is not None:
        msgspec.json.encode(definition)


def recording(data: bytes) -> None:
    """A HAR file."""
    requests(lambda: har.read(written("a.har", data)))


def log(data: bytes) -> None:
    """An access log."""
    requests(lambda: access_log.read(written("a.log", data)))


def schema(data: bytes) -> None:
    """An OpenAPI schema."""
    requests(lambda: openapi.read(written("a.yaml", data)))


def variables(data: bytes) -> None:
    """A file of environment variables."""
    path = str(written("env", data))
    redaction._secrets.clear()
    values = value_of(lambda: environment_files.read(path))
    if values is not None:
        assert all(name and "=" not in name for name in values)
        assert startable([*values, *values.values()])
        environment_files.misread(path)
        environment_files.server_options(path)
    redaction._secrets.clear()


def start(data: bytes) -> None:
    """A file to deploy with, of each kind that is read back, or a server's own."""
    kind, rest = KINDS[data[0] % len(KINDS)], data[1:]
    path = written("deployed", rest)
    command = ("gunicorn", "--config", "deployed")
    read = value_of(lambda: read_back.start_of(path, kind, "/srv/shop", command))
    if read is not None:
        assert read.argv
        assert all(name and "=" not in name for name in read.environment)
        words = [*read.argv, read.folder, *read.environment, *read.environment.values()]
        assert startable(words)
        assert len(read_back.moved(read.argv, ADDRESS)) == len(read.argv)
    value_of(lambda: read_back.settings_in(read_back.text_of(path)))


def promise(data: bytes) -> None:
    """The promise beside the emitted files, and whose files they are."""
    written(ownership.PROMISE_FILE, data)
    value_of(lambda: promise_in(folder()))
    value_of(lambda: ownership.check(folder(), ["Procfile", ownership.PROMISE_FILE]))


def journal(data: bytes) -> None:
    """The journal of a stored run, judged again."""
    written(FILE, data)
    run = value_of(lambda: recipe.read(folder()))
    if run is not None:
        result.decode(result.encode(run.result))


def published(data: bytes) -> None:
    """A result file."""
    try:
        read = result.decode(data)
    except foreign.Unreadable:
        assert not PLANTED
        return
    assert result.decode(result.encode(read)) is not None


def source(data: bytes) -> None:
    """The files of a project in which its app is searched, and how its packages are listed."""
    name, rest = SOURCES[data[0] % len(SOURCES)], data[1:]
    written(name, rest)
    found = candidates.candidates(folder())
    projects = django_project.projects_in(folder())
    assert all(MODULE.fullmatch(one.manage.module or "x") for one in projects)
    assert all(isinstance(one.target, str) for one in deployed.deployed(folder(), {}))
    assert all(one.target.count(":") == 1 for one in found)
    assert not PLANTED or {one.target for one in found} <= {"app:app", "wsgi:application"}
    installs._project(folder())


def secrets(data: bytes) -> None:
    """The first line has secrets as a JSON list, the rest is any value as JSON."""
    line, _, rest = data.partition(b"\n")
    try:
        named, value = msgspec.json.decode(line, type=list[str]), json.loads(rest)
        plain = msgspec.json.encode(value)
    except (ValueError, RecursionError):
        return
    redaction._secrets.clear()
    redaction._needed.clear()
    for number, secret in enumerate(named):
        redaction.remember(f"NAME_{number}", secret)
    read = json.loads(plain if PLANTED else redaction.encode(value))
    assert shape(read) == shape(json.loads(plain))
    for secret in named:
        if len(secret) >= redaction.LEAST and secret.lower() not in redaction.NO_SECRETS:
            assert not any(secret in leaf for leaf in leaves(read)), secret
    redaction._secrets.clear()


def shape(value: Any) -> Any:
    """A value with every text replaced by one and the same."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "text" if isinstance(value, str) else value


def leaves(value: Any) -> Iterator[str]:
    """The texts of a value, without its keys."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, str):
        yield value


TARGETS: dict[str, Callable[[bytes], None]] = {
    "configuration": configuration,
    "load-file": load_file,
    "har": recording,
    "access-log": log,
    "openapi": schema,
    "environment-file": variables,
    "deployed-file": start,
    "promise": promise,
    "journal": journal,
    "result": published,
    "source": source,
    "redaction": secrets,
}
JSON_LINES = ("har", "access-log", "openapi", "promise", "journal", "result", "redaction")
"""Targets whose inputs are lines of JSON, which are changed value by value."""
LONG = ("journal", "result")
"""Targets whose smallest good input has more than 2000 bytes."""
