"""peregrine, a server in Swift, over WSGI and ASGI."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Interface, Knob, Settings, codes
from whichworker.servers.configs import Options, flags
from whichworker.servers.protocol import LOG_LEVEL, THREADS, THREADS_EACH, WORKERS, Adapter, whole

YOUNG = codes.YOUNG.finding()
BODY_LIMIT = codes.BODY_LIMIT.finding(hint="raise --max-body if the app accepts large uploads")


class Peregrine(Adapter):
    """The common part of both interfaces. The protocol is set, never detected.

    `--no-auto-venv`: its interpreter has the environment already, which it would add again
    without the paths of `.pth` files.
    """

    family: ClassVar[str] = "peregrine"
    requirements: ClassVar[tuple[str, ...]] = ("peregrine-server",)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP
    python_from: ClassVar[str] = "3.9"

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`peregrine --protocol …`; it has no access log by default."""
        options: Options = {
            "host": address.host,
            "port": address.port,
            "protocol": self.interface,
            "workers": settings["workers"],
            **self.extra(settings),
            "auto_venv": False,
            "log_level": LOG_LEVEL,
        }
        return Command(argv=("peregrine", *flags(options), self.target(app)))

    def extra(self, settings: Settings) -> Options:
        """Options of this interface."""
        return {}


class Wsgi(Peregrine):
    """A pool of threads in each process."""

    kind: ClassVar[str] = "wsgi"
    title = "peregrine, wsgi"
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, THREADS)
    known: ClassVar[tuple[Finding, ...]] = (YOUNG, BODY_LIMIT)

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores, "threads": THREADS_EACH}

    def extra(self, settings: Settings) -> Options:
        """The size of the pool."""
        return {"wsgi_threads": settings["threads"]}

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × threads."""
        return whole(settings, "workers") * whole(settings, "threads")


class Asgi(Peregrine):
    """Over ASGI, on asyncio even where uvloop is installed."""

    kind: ClassVar[str] = "asgi"
    title = "peregrine, asgi"
    interface: ClassVar[Interface] = "asgi"
    known: ClassVar[tuple[Finding, ...]] = (
        YOUNG,
        BODY_LIMIT,
        codes.THREAD_PER_REQUEST.finding(),
    )

    def extra(self, settings: Settings) -> Options:
        """The loop."""
        return {"uvloop": False}
