"""Everything that can be raced here, with its defaults for this machine."""

from __future__ import annotations

from msgspec import Struct

from whichworker.lab.ask import budget_of
from whichworker.model import Interface, Knob, Settings
from whichworker.servers import table


class Entry(Struct, frozen=True, kw_only=True):
    """One server as the catalogue shows it; `in_flight_limit` is for its default settings, null where nothing bounds it."""

    name: str
    family: str
    kind: str
    title: str
    interface: Interface
    requirements: tuple[str, ...]
    knobs: tuple[Knob, ...]
    settings: Settings
    in_flight_limit: int | None
    stop_signal: str
    reload_signal: str | None
    contender: bool


def catalogue() -> list[Entry]:
    """Every server of the table and of third parties."""
    cores = len(budget_of(1.0).server_cores)
    return [_entry(name, cores) for name in table.names()]


def _entry(name: str, cores: int) -> Entry:
    server = table.load(name)
    settings = server.settings(cores)
    return Entry(
        name=name,
        family=server.family,
        kind=server.kind,
        title=server.title,
        interface=server.interface,
        requirements=server.requirements,
        knobs=server.knobs,
        settings=settings,
        in_flight_limit=server.in_flight_limit(settings),
        stop_signal=server.stop_signal.name,
        reload_signal=server.reload_signal.name if server.reload_signal else None,
        contender=name in table.CONTENDERS,
    )
