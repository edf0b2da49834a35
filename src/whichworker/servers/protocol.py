"""What a server adapter says about its server. A third party's adapter is a class of this shape and an entry point."""

from __future__ import annotations

import signal
from typing import ClassVar, Protocol

from whichworker.model import Address, App, Command, Interface, Knob, Settings

LOG_LEVEL = "warning"

WORKERS = Knob(name="workers", help="worker processes")
THREADS = Knob(name="threads", help="threads of each worker process")
CONNECTIONS = Knob(name="connections", help="simultaneous connections of each worker process")


class Server(Protocol):
    """One server with one worker class and one event loop.

    `requirements` are what its environment needs, the package whose version is reported first. `settings(cores)` are the defaults for
    a number of cores; every key of them is a knob.
    """

    family: ClassVar[str]
    kind: ClassVar[str]
    title: ClassVar[str]
    interface: ClassVar[Interface]
    requirements: ClassVar[tuple[str, ...]]
    knobs: ClassVar[tuple[Knob, ...]]
    stop_signal: ClassVar[signal.Signals]
    reload_signal: ClassVar[signal.Signals | None]

    def settings(self, cores: int) -> Settings:
        """Sensible settings for a budget of so many cores."""
        ...

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """How the server is started for this app at this address."""
        ...

    def in_flight_limit(self, settings: Settings) -> int | None:
        """How many requests it can work on at the same time; None where nothing bounds it."""
        ...


class Adapter:
    """What most servers share; a convenience for adapters, not a part of the protocol."""

    interface: ClassVar[Interface] = "wsgi"
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS,)
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    reload_signal: ClassVar[signal.Signals | None] = None

    def settings(self, cores: int) -> Settings:
        """One worker process for each core."""
        return {"workers": cores}

    def in_flight_limit(self, settings: Settings) -> int | None:
        """Event loops accept whatever comes."""
        return None

    def target(self, app: App) -> str:
        """The `module:attribute` of the app for this server's interface; the race has made sure that there is one."""
        found = app.target(self.interface)
        assert found is not None
        return found


def whole(settings: Settings, name: str) -> int:
    """A setting that is a whole number."""
    return int(settings[name])


THREADS_EACH = 4  # the same for every threaded server, so that a race compares servers and not habits
