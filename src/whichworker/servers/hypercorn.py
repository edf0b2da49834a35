"""hypercorn, on each event loop, for ASGI and WSGI apps."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Interface, Settings, codes
from whichworker.model.arms import ConfigFile
from whichworker.servers.configs import Options, flags, toml
from whichworker.servers.protocol import LOG_LEVEL, Adapter, whole

FLAGS = {"loglevel": "--log-level"}
"""Flags with another name than the key of hypercorn.toml."""

FILE = "hypercorn.toml"
BACKLOG = 2048
"""uvicorn's and gunicorn's default: its own 100 overflows, which costs a client a second."""

POOL = 32
"""The size of asyncio's default executor; it is smaller on machines with less than 28 cores."""

TERM_WORKERS = codes.TERM_DROPS.finding(
    "SIGTERM drops the requests in flight of two or more workers", hint="use --workers 1"
)
HUP_RESTARTS = codes.HUP_RESTARTS.finding()


class Asyncio(Adapter):
    """hypercorn on asyncio. No --read-timeout: it drops normal slow requests."""

    family: ClassVar[str] = "hypercorn"
    kind: ClassVar[str] = "asyncio"
    title = "hypercorn, asyncio"
    interface: ClassVar[Interface] = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("hypercorn",)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP
    known: ClassVar[tuple[Finding, ...]] = (
        TERM_WORKERS,
        HUP_RESTARTS,
        codes.THREAD_PER_REQUEST.finding(),
    )
    loop: ClassVar[str] = "asyncio"

    def options(self, address: Address, settings: Settings) -> Options:
        """Everything that is set, by the names of hypercorn.toml."""
        return {
            "bind": str(address),
            "worker_class": self.loop,
            "workers": settings["workers"],
            "backlog": BACKLOG,
            "loglevel": LOG_LEVEL,
        }

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`hypercorn --worker-class …`."""
        return Command(
            argv=("hypercorn", *flags(self.options(address, settings), FLAGS), self.target(app))
        )

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """hypercorn.toml, which cannot name the app."""
        return ConfigFile(
            name=FILE,
            text=toml(self.options(address, settings)),
            command=("hypercorn", "--config", FILE, self.target(app)),
        )


class Uvloop(Asyncio):
    """hypercorn on uvloop."""

    kind: ClassVar[str] = "uvloop"
    title = "hypercorn, uvloop"
    requirements = ("hypercorn", "uvloop")
    loop: ClassVar[str] = "uvloop"


class Trio(Asyncio):
    """hypercorn on trio, for apps that run there."""

    kind: ClassVar[str] = "trio"
    title = "hypercorn, trio"
    requirements = ("hypercorn", "trio")
    loop: ClassVar[str] = "trio"
    known: ClassVar[tuple[Finding, ...]] = (
        codes.DJANGO_500.finding(
            "Django returns status 500 without an asyncio loop; apps made with anyio work",
            hint="use hypercorn, or hypercorn-uvloop",
        ),
        TERM_WORKERS,
        HUP_RESTARTS,
    )


class Wsgi(Asyncio):
    """A WSGI app on the loop's default executor, whose size cannot be set."""

    kind: ClassVar[str] = "wsgi"
    title = "hypercorn, a WSGI app, asyncio"
    interface: ClassVar[Interface] = "wsgi"
    known: ClassVar[tuple[Finding, ...]] = (
        TERM_WORKERS,
        HUP_RESTARTS,
        codes.BODY_LIMIT.finding(
            "Bodies above 16 MiB are refused, and the app starts only once a body is read"
        ),
    )

    def target(self, app: App) -> str:
        """The prefix spares hypercorn from guessing."""
        return f"wsgi:{super().target(app)}"

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × 32 at most."""
        return whole(settings, "workers") * POOL


class WsgiUvloop(Wsgi):
    """The same on uvloop."""

    kind: ClassVar[str] = "wsgi-uvloop"
    title = "hypercorn, a WSGI app, uvloop"
    requirements = ("hypercorn", "uvloop")
    loop: ClassVar[str] = "uvloop"
