"""gunicorn with each of its worker classes. Its control socket (in HOME, since 25) is switched off: a race must not touch HOME."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Interface, Knob, Settings
from whichworker.servers.protocol import CONNECTIONS, LOG_LEVEL, THREADS, THREADS_EACH, WORKERS, Adapter, whole


class Gunicorn(Adapter):
    """What every worker class shares."""

    family: ClassVar[str] = "gunicorn"
    kind: ClassVar[str]
    worker_class: ClassVar[str]
    requirements: ClassVar[tuple[str, ...]] = ("gunicorn>=25",)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`gunicorn --worker-class …`, quiet, without its control socket."""
        argv = ["gunicorn", "--bind", str(address), "--worker-class", self.worker_class, "--workers", str(settings["workers"])]
        argv += [*self.extra(settings), "--no-control-socket", "--log-level", LOG_LEVEL, self.target(app)]
        return Command(argv=tuple(argv))

    def extra(self, settings: Settings) -> list[str]:
        """Flags of this worker class."""
        return []


class Sync(Gunicorn):
    """One request at a time in each process; every answer closes its connection."""

    kind = "sync"
    worker_class = "sync"
    title = "gunicorn, sync workers"

    def in_flight_limit(self, settings: Settings) -> int:
        """One for each worker."""
        return whole(settings, "workers")


class Threaded(Gunicorn):
    """A pool of threads in each process."""

    kind = "gthread"
    worker_class = "gthread"
    title = "gunicorn, threads"
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, THREADS)

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores, "threads": THREADS_EACH}

    def extra(self, settings: Settings) -> list[str]:
        """The size of the pool."""
        return ["--threads", str(settings["threads"])]

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × threads."""
        return whole(settings, "workers") * whole(settings, "threads")


class Gevent(Gunicorn):
    """Greenlets under a monkey-patched standard library."""

    kind = "gevent"
    worker_class = "gevent"
    title = "gunicorn, gevent"
    requirements = ("gunicorn[gevent]>=25",)
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, CONNECTIONS)

    def settings(self, cores: int) -> Settings:
        """gunicorn's own default of 1000 connections."""
        return {"workers": cores, "connections": 1000}

    def extra(self, settings: Settings) -> list[str]:
        """The size of the greenlet pool."""
        return ["--worker-connections", str(settings["connections"])]

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × connections."""
        return whole(settings, "workers") * whole(settings, "connections")


class Asgi(Gunicorn):
    """gunicorn's own asgi worker, on asyncio."""

    kind = "asgi"
    worker_class = "asgi"
    title = "gunicorn, its own asgi worker"
    interface: ClassVar[Interface] = "asgi"
    loop: ClassVar[str] = "asyncio"

    def extra(self, settings: Settings) -> list[str]:
        """The loop is pinned: `auto` takes whatever is installed."""
        return ["--asgi-loop", self.loop]


class AsgiUvloop(Asgi):
    """gunicorn's own asgi worker, on uvloop."""

    loop: ClassVar[str] = "uvloop"
    title = "gunicorn, its own asgi worker, uvloop"
    requirements = ("gunicorn>=25", "uvloop")


class Uvicorn(Gunicorn):
    """uvicorn-worker under gunicorn's master, asyncio and h11 as uvicorn alone has them."""

    kind = "uvicorn"
    title = "gunicorn with uvicorn-worker"
    interface: ClassVar[Interface] = "asgi"
    requirements = ("gunicorn>=25", "uvicorn-worker", "uvicorn")
    worker_class = "uvicorn_worker.UvicornH11Worker"
