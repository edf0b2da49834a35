"""Everything that can be raced here, with its defaults for this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from msgspec import Struct

from whichworker import foreign
from whichworker.environments.locks import COMPLETE
from whichworker.environments.venvs import DESCRIPTION, REQUIREMENTS
from whichworker.model import Environment, Finding, Interface, Knob, Settings, SettingValue
from whichworker.question.ask import budget_of
from whichworker.servers import table
from whichworker.store import places


class KnobEntry(Struct, frozen=True, kw_only=True):
    """A setting in the catalogue: `default` fits this machine; `least` is null for a choice."""

    name: str
    type: Literal["integer", "choice"]
    default: SettingValue
    help: str
    least: int | None = None
    choices: tuple[str, ...] = ()


class Entry(Struct, frozen=True, kw_only=True):
    """One server as the catalogue shows it.

    `in_flight_limit` is for the default settings, null if nothing bounds it. `installed` is the
    version in a cached environment for this interpreter, null if a race would have to build one.
    """

    name: str
    family: str
    kind: str
    title: str
    interface: Interface
    requirements: tuple[str, ...]
    knobs: tuple[KnobEntry, ...]
    settings: Settings
    in_flight_limit: int | None
    stop_signal: str
    reload_signal: str | None
    contender: bool
    installed: str | None = None
    historical: bool = False
    opt_in: str = ""
    python_from: str = ""
    python_below: str = ""
    known: tuple[Finding, ...] = ()


def catalogue() -> list[Entry]:
    """Every server, built in or from a plugin; reads the cache of environments, writes nothing."""
    cores = len(budget_of(1.0).server_cores)
    ready = overlays(places.cache_folder(), f"{sys.version_info.major}.{sys.version_info.minor}")
    return [_entry(name, cores, ready) for name in table.names()]


def overlays(cache: Path, python: str) -> dict[tuple[str, ...], str]:
    """The complete overlays of a Python such as 3.12: requirements → version of the server."""
    found: dict[tuple[str, ...], str] = {}
    for place in sorted(
        (cache / "overlays").glob("*/" + COMPLETE), key=lambda path: path.stat().st_mtime
    ):
        try:
            environment = foreign.json_in((place.parent / DESCRIPTION).read_bytes(), Environment)
            wanted = tuple(
                (place.parent / REQUIREMENTS).read_text(encoding="utf-8").split("\n")[:-1]
            )
        except (OSError, foreign.Unreadable):
            continue  # being deleted, or written by another version: a race would rebuild it
        if environment.python_version.startswith(f"{python}."):
            found[wanted] = environment.version
    return found


def _entry(name: str, cores: int, ready: dict[tuple[str, ...], str]) -> Entry:
    server = table.load(name)
    settings = server.settings(cores)
    return Entry(
        name=name,
        family=server.family,
        kind=server.kind,
        title=server.title,
        interface=server.interface,
        requirements=server.requirements,
        knobs=tuple(_knob(knob, settings) for knob in server.knobs),
        settings=settings,
        in_flight_limit=server.in_flight_limit(settings),
        stop_signal=server.stop_signal.name,
        reload_signal=server.reload_signal.name if server.reload_signal else None,
        contender=name in table.CONTENDERS,
        installed=ready.get(server.requirements),
        historical=server.historical,
        opt_in=server.opt_in,
        python_from=server.python_from,
        python_below=server.python_below,
        known=server.known,
    )


def _knob(knob: Knob, settings: Settings) -> KnobEntry:
    return KnobEntry(
        name=knob.name,
        type="choice" if knob.choices else "integer",
        default=settings.get(knob.name, knob.unset),
        help=knob.help,
        least=None if knob.choices else knob.least,
        choices=knob.choices,
    )
