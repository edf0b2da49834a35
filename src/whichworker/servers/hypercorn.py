"""hypercorn, on each event loop, for ASGI and WSGI apps."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Interface, Settings
from whichworker.model.arms import ConfigFile
from whichworker.servers.configs import Options, flags, toml
from whichworker.servers.known import THREAD_PER_REQUEST
from whichworker.servers.protocol import LOG_LEVEL, Adapter, whole

FLAGS = {"loglevel": "--log-level"}
"""Where a flag of the command line is called otherwise than the key of hypercorn.toml."""

FILE = "hypercorn.toml"
BACKLOG = 2048
"""As uvicorn and gunicorn have it: its own 100 overflows at the first burst, and each overflow costs a client a second."""

POOL = 32
"""The most threads that the default executor of an asyncio loop has; fewer on machines of less than 28 cores."""

TERM_WORKERS = Finding(
    code="term-drops",
    severity="warning",
    text="TERM drops requests in flight where there are two workers or more",
    hint="--workers 1",
)
HUP_RESTARTS = Finding(
    code="hup-restarts",
    severity="info",
    text="HUP waits for all workers to end before it starts new ones: a gap, not a roll",
)


class Asyncio(Adapter):
    """hypercorn on asyncio. No --read-timeout: it drops normal slow requests."""

    family: ClassVar[str] = "hypercorn"
    kind: ClassVar[str] = "asyncio"
    title = "hypercorn, asyncio"
    interface: ClassVar[Interface] = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("hypercorn",)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP
    known: ClassVar[tuple[Finding, ...]] = (TERM_WORKERS, HUP_RESTARTS, THREAD_PER_REQUEST)
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
        Finding(
            code="django-500",
            severity="error",
            text="Django answers 500: it needs an asyncio loop; apps made with anyio run",
            hint="hypercorn, or hypercorn-uvloop",
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
        Finding(
            code="body-limit",
            severity="info",
            text="bodies of more than 16 MiB are refused, and each is read whole before the app runs",
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
