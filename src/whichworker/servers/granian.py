"""granian over WSGI and ASGI. Loop and task engine are pinned: `auto` takes whatever is installed."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Interface, Knob, Settings
from whichworker.servers.protocol import LOG_LEVEL, THREADS, THREADS_EACH, WORKERS, Adapter, whole


class Granian(Adapter):
    """What both interfaces share."""

    family: ClassVar[str] = "granian"
    kind: ClassVar[str]
    requirements: ClassVar[tuple[str, ...]] = ("granian",)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`granian --interface …`, without access log."""
        argv = ["granian", "--interface", self.kind.partition("-")[0], "--host", address.host, "--port", str(address.port)]
        argv += ["--workers", str(settings["workers"]), *self.extra(settings)]
        return Command(argv=(*argv, "--no-access-log", "--log-level", LOG_LEVEL, self.target(app)))

    def extra(self, settings: Settings) -> list[str]:
        """Flags of this interface."""
        return []


class Wsgi(Granian):
    """Python threads are always bounded here: without --blocking-threads granian starts one for each waiting request."""

    kind: ClassVar[str] = "wsgi"
    title = "granian, wsgi"
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, THREADS)

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores, "threads": THREADS_EACH}

    def extra(self, settings: Settings) -> list[str]:
        """The size of the pool of Python threads."""
        return ["--blocking-threads", str(settings["threads"])]

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × threads."""
        return whole(settings, "workers") * whole(settings, "threads")


class Asgi(Granian):
    """granian over ASGI, on asyncio."""

    kind: ClassVar[str] = "asgi"
    title = "granian, asgi"
    interface: ClassVar[Interface] = "asgi"
    loop: ClassVar[str] = "asyncio"

    def extra(self, settings: Settings) -> list[str]:
        """The event loop."""
        return ["--loop", self.loop]


class AsgiUvloop(Asgi):
    """granian over ASGI, on uvloop."""

    kind: ClassVar[str] = "asgi-uvloop"
    title = "granian, asgi, uvloop"
    requirements = ("granian", "uvloop")
    loop: ClassVar[str] = "uvloop"
