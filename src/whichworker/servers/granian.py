"""granian over WSGI and ASGI. Loop and task engine are pinned: `auto` depends on packages."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Interface, Knob, Settings, codes
from whichworker.servers.configs import Options, flags
from whichworker.servers.protocol import LOG_LEVEL, THREADS, THREADS_EACH, WORKERS, Adapter, whole

RUNTIME_THREADS = Knob(
    name="runtime_threads",
    help="threads of each worker process that read and write, besides Python's one",
)
BACKPRESSURE = Knob(
    name="backpressure",
    least=0,
    help="connections of each worker process that are served at once; 0: 1024 / workers",
)
BACKLOG = 1024  # granian's own default


class Granian(Adapter):
    """The common part of both interfaces."""

    family: ClassVar[str] = "granian"
    kind: ClassVar[str]
    loop: ClassVar[str] = "asyncio"
    requirements: ClassVar[tuple[str, ...]] = ("granian>=2",)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`granian --interface …`, without access log."""
        options: Options = {
            "interface": self.kind.partition("-")[0],
            "host": address.host,
            "port": address.port,
            "workers": settings["workers"],
            **self.extra(settings),
            "loop": self.loop,
            "no_access_log": True,
            "log_level": LOG_LEVEL,
        }
        return Command(argv=("granian", *flags(options), self.target(app)))

    def extra(self, settings: Settings) -> Options:
        """Options of this interface."""
        return {}


class Wsgi(Granian):
    """Python threads are bounded here: otherwise granian starts one for each waiting request."""

    kind: ClassVar[str] = "wsgi"
    title = "granian, wsgi"
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, THREADS)
    known: ClassVar[tuple[Finding, ...]] = (codes.CHUNKED_POST_EMPTY.finding(),)

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores, "threads": THREADS_EACH}

    def extra(self, settings: Settings) -> Options:
        """The size of the pool of Python threads."""
        return {"blocking_threads": settings["threads"]}

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × threads."""
        return whole(settings, "workers") * whole(settings, "threads")


class Asgi(Granian):
    """On asyncio, with the default task engine: the one in Rust falls back or adds threads."""

    kind: ClassVar[str] = "asgi"
    title = "granian, asgi"
    interface: ClassVar[Interface] = "asgi"
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, RUNTIME_THREADS, BACKPRESSURE)
    known: ClassVar[tuple[Finding, ...]] = (
        codes.THREAD_PER_REQUEST.finding(
            "Django runs each sync view in its own thread, as many as backpressure allows",
            hint="set backpressure",
        ),
    )

    def settings(self, cores: int) -> Settings:
        """One process a core, granian's own defaults."""
        return {"workers": cores, "runtime_threads": 1, "backpressure": 0}

    def extra(self, settings: Settings) -> Options:
        """Threads of the runtime, and how many connections are let in."""
        bound = {"backpressure": settings["backpressure"]} if settings["backpressure"] else {}
        return {"runtime_threads": settings["runtime_threads"], **bound}

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × backpressure; one request of HTTP/1.1 to a connection."""
        workers = whole(settings, "workers")
        return workers * (whole(settings, "backpressure") or max(1, BACKLOG // workers))


class AsgiUvloop(Asgi):
    """granian over ASGI, on uvloop."""

    kind: ClassVar[str] = "asgi-uvloop"
    title = "granian, asgi, uvloop"
    requirements = ("granian>=2", "uvloop")
    loop: ClassVar[str] = "uvloop"


class AsgiRloop(Asgi):
    """granian over ASGI, on rloop."""

    kind: ClassVar[str] = "asgi-rloop"
    title = "granian, asgi, rloop"
    requirements = ("granian>=2", "rloop")
    loop: ClassVar[str] = "rloop"


class Asginl(Asgi):
    """ASGI without the lifespan protocol, which Django does not speak anyway."""

    kind: ClassVar[str] = "asginl"
    title = "granian, asgi without lifespan"


class AsginlUvloop(AsgiUvloop):
    """The same on uvloop."""

    kind: ClassVar[str] = "asginl-uvloop"
    title = "granian, asgi without lifespan, uvloop"


class AsginlRloop(AsgiRloop):
    """The same on rloop."""

    kind: ClassVar[str] = "asginl-rloop"
    title = "granian, asgi without lifespan, rloop"
