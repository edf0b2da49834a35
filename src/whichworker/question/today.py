"""The setup that the project's own files deploy: it is raced as *today's*, to compare with."""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker import redaction
from whichworker.apps import commands, deployed, gunicorn_file
from whichworker.apps.commands import ServerCommand
from whichworker.environments.interpreters import inspect
from whichworker.errors import UsageError
from whichworker.model import App, Arm, Finding, codes
from whichworker.servers import names, table
from whichworker.servers.spoken import Spoken, options_of, spoken

WORD = "today"
"""Its name among those of --servers."""
UWSGI_FILES = ("uwsgi.ini", "uwsgi/uwsgi.ini")
LOOKED_AT = "Procfile, Dockerfile, compose file, gunicorn.conf.py and uwsgi.ini"


class Today(Struct, frozen=True):
    """Today's setup, or none, and what there is to say about it."""

    arm: Arm | None = None
    findings: tuple[Finding, ...] = ()


def today_of(app: App, places: Sequence[Path], python: str, label: str, *, cores: int) -> Today:
    """The setup of the first command in these folders that starts this app.

    `label` is the interpreter's, and `python` the same if the name of the arm has to say it.
    """
    for place in dict.fromkeys(places):
        found = next((one for one in _commands(place) if _starts(one, app, place)), None)
        if found is not None:
            return _raced(found, place, app, python, label, cores)
    return Today()


def merged(arms: Sequence[Arm], today: Arm) -> list[Arm]:
    """The arms with today's: one of them if it has the same settings, else a further one."""
    marked = [
        msgspec.structs.replace(arm, today=today.today) if arm.name == today.name else arm
        for arm in arms
    ]
    return marked if any(arm.today for arm in marked) else [today, *arms]


def missing() -> UsageError:
    """The error for today's setup by name where no file starts one."""
    return UsageError(
        f"no file of the project starts a server for this app: {WORD} means nothing here",
        hint=f"looked at: {LOOKED_AT}",
    )


def _commands(place: Path) -> Iterator[ServerCommand]:
    """The commands in the files of a folder, then those that a server's own file stands for."""
    yield from commands.commands_in(place)
    for name in gunicorn_file.NAMES:
        if (place / name).is_file():
            yield ServerCommand(program="gunicorn", words=("--config", name), origin=name)
    for name in UWSGI_FILES:
        if (place / name).is_file():
            yield ServerCommand(program="uwsgi", words=("--ini", name), origin=name)


def _starts(command: ServerCommand, app: App, place: Path) -> bool:
    """Whether a command names this app, or none at all: `fastapi run` finds it by itself.

    The same module has a longer name where imports begin at a folder above.
    """
    if command.program == "fastapi" and command.words[:1] != ("run",):
        return False
    named = next(deployed.of_command(command), None)
    if named is None:
        return True
    module = named.target.partition(":")[0]
    own = {target.partition(":")[0] for target in (app.wsgi, app.asgi) if target}
    files = {Path(app.directory, name.replace(".", "/")) for name in own}
    roots = (place, place / command.folder, Path(app.directory))
    return module in own or any(root / module.replace(".", "/") in files for root in roots)


def _raced(
    command: ServerCommand, place: Path, app: App, python: str, label: str, cores: int
) -> Today:
    told = dict(word.split("=", 1) for word in command.words if "=" in word)
    redaction.remember_environment({**command.variables, **told})  # the findings quote the command
    said = spoken(
        command.program,
        command.words,
        command.variables,
        inspect(app.python).packages,
        file=_own_file(command, place),
    )
    if said.strange:
        return _untold(command, said.strange)
    server = table.load(said.server)
    if app.target(server.interface) is None:
        return _untold(command, f"it needs {server.interface.upper()}, which the app lacks")
    usual = server.settings(cores)
    other = {name: text for name, text in said.settings.items() if text != str(usual.get(name))}
    wanted = names.Wanted(said.server, None, python or None, other)
    try:
        arm = names.contender(wanted, label, cores=cores)
    except UsageError as error:
        return _untold(command, str(error))
    arm = msgspec.structs.replace(arm, today=command.origin)
    return Today(arm, (_told(command, arm, said),))


def _told(command: ServerCommand, arm: Arm, said: Spoken) -> Finding:
    unread = f". Not raced: {', '.join(said.unread)}" if said.unread else ""
    return codes.DEPLOYED_TODAY.finding(
        f"{command.origin} starts {arm.name}: the race has it as today's setup{unread}",
        evidence=" ".join((command.program, *command.words)),
    )


def _untold(command: ServerCommand, why: str) -> Today:
    text = f"{command.origin} starts {command.program}, which is not in the race as today's setup"
    hint = "`whichworker servers` lists the setups that can be raced"
    return Today(None, (codes.DEPLOYED_TODAY.finding(f"{text}: {why}", hint=hint),))


def _own_file(command: ServerCommand, place: Path) -> dict[str, str]:
    """The settings of the server's own file that a command names, or that it reads by default."""
    said = options_of(command.program, command.words)
    if command.program == "gunicorn":
        named = said.get("config", gunicorn_file.NAMES[0]).removeprefix("file:")
        if named.startswith("python:"):
            named = named.removeprefix("python:").replace(".", "/") + ".py"
        path = commands.inside(place, named)
        found = gunicorn_file.settings_in(path, command.variables) if path else {}
        return {name: str(value) for name, value in found.items() if value is not None}
    if command.program == "uwsgi":
        plain = next((word for word in command.words if word.endswith(".ini")), "")
        path = (
            commands.inside(place, said.get("ini") or plain) if said.get("ini") or plain else None
        )
        return _ini(path) if path else {}
    return {}


def _ini(path: Path) -> dict[str, str]:
    """The settings of a uwsgi.ini; none if it is not one."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string("\n".join(commands.lines_of(path)))
        return {name: value or "" for name, value in parser.items("uwsgi")}
    except configparser.Error:
        return {}
