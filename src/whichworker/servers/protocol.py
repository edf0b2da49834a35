"""What a server adapter says about its server. A third party's adapter is a class of this shape and an entry point."""

from __future__ import annotations

import signal
from typing import ClassVar, Protocol

from whichworker.model import Address, App, Command, Finding, Interface, Knob, Settings, codes
from whichworker.model.arms import ConfigFile
from whichworker.servers.configs import start_script

LOG_LEVEL = "warning"

WORKERS = Knob(name="workers", help="worker processes")
THREADS = Knob(name="threads", help="threads of each worker process")
PRELOAD = Knob(
    name="preload",
    help="load the app once, before the workers that then share its memory",
    choices=("no", "yes"),
    unset="no",
)
CONNECTIONS = Knob(name="connections", help="simultaneous connections of each worker process")

THREADS_EACH = (
    4  # the same for every threaded server, so that a race compares servers and not habits
)
CONNECTIONS_EACH = 1000  # gunicorn's own default, and the same for every server of greenlets


GREENLETS = (codes.ASYNC_VIEWS_FAIL.finding(), codes.DATABASE_DRIVER.finding())
"""What is known of every server whose requests are greenlets."""
STOP_WITH_INT = "stop it with SIGINT, which waits for the requests"


class Server(Protocol):
    """One server with one worker class and one event loop.

    `requirements` are what its environment needs, the package whose version is reported first; none for a server of the standard library.
    `settings(cores)` are the defaults for a number of cores; every key of them is a knob, and every knob but those with an `unset` is one
    of them. `python_from` and `python_below` bound the interpreters it runs on, as `3.12`.
    """

    family: ClassVar[str]
    kind: ClassVar[str]
    title: ClassVar[str]
    interface: ClassVar[Interface]
    requirements: ClassVar[tuple[str, ...]]
    knobs: ClassVar[tuple[Knob, ...]]
    stop_signal: ClassVar[signal.Signals]
    reload_signal: ClassVar[signal.Signals | None]
    historical: ClassVar[bool]
    opt_in: ClassVar[str]
    known: ClassVar[tuple[Finding, ...]]
    python_from: ClassVar[str]
    python_below: ClassVar[str]

    def settings(self, cores: int) -> Settings:
        """Sensible settings for a budget of so many cores."""
        ...

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """How the server is started for this app at this address."""
        ...

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """What to deploy it with: the server's own configuration file, or a start script where it reads none."""
        ...

    def in_flight_limit(self, settings: Settings) -> int | None:
        """How many requests it can work on at the same time; None where nothing bounds it."""
        ...


class Adapter:
    """What most servers share; a convenience for adapters, not a part of the protocol."""

    family: ClassVar[str]
    interface: ClassVar[Interface] = "wsgi"
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS,)
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    reload_signal: ClassVar[signal.Signals | None] = None
    historical: ClassVar[bool] = False
    opt_in: ClassVar[str] = ""
    known: ClassVar[tuple[Finding, ...]] = ()
    python_from: ClassVar[str] = ""
    python_below: ClassVar[str] = ""

    def settings(self, cores: int) -> Settings:
        """One worker process for each core."""
        return {"workers": cores}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """Each server's own."""
        raise NotImplementedError

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """A start script: most servers read no configuration file."""
        return start_script(f"{self.family}.sh", self.command(app, address, settings))

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
