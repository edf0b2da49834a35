"""The protocol of server adapters. A third party's adapter is such a class and an entry point."""

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

THREADS_EACH = 4  # for every threaded server, so that a race compares servers, not defaults
CONNECTIONS_EACH = 1000  # gunicorn's default, used for every server of greenlets


GREENLETS = (codes.ASYNC_VIEWS_FAIL.finding(), codes.DATABASE_DRIVER.finding())
"""Findings about every server whose requests are greenlets."""
STOP_WITH_INT = "stop it with SIGINT, which waits for the requests"


class Server(Protocol):
    """One server with one worker class and one event loop.

    `requirements` are its packages, the one whose version is reported first; none for a server of
    the standard library. `settings(cores)` are the defaults for a number of cores: each key is a
    knob, and each knob without an `unset` is a key. `python_from` and `python_below` bound the
    interpreters it runs on, as `3.12`.
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
        """Sensible settings for a budget of `cores` cores."""
        ...

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """The command that starts the server for this app at this address."""
        ...

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """The file to deploy it with: its own configuration, or a start script if it reads none."""
        ...

    def in_flight_limit(self, settings: Settings) -> int | None:
        """How many requests it can work on at the same time; None for no limit."""
        ...


class Adapter:
    """Defaults that most servers share: a convenience, not a part of the protocol."""

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
        """Abstract: each server has its own."""
        raise NotImplementedError

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """A start script: most servers read no configuration file."""
        return start_script(f"{self.family}.sh", self.command(app, address, settings))

    def in_flight_limit(self, settings: Settings) -> int | None:
        """None: event loops accept every request."""
        return None

    def target(self, app: App) -> str:
        """The app's `module:attribute` for this interface; the race ensures that there is one."""
        found = app.target(self.interface)
        assert found is not None
        return found


def whole(settings: Settings, name: str) -> int:
    """A setting that is a whole number."""
    return int(settings[name])
