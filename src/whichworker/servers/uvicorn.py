"""uvicorn by itself. Loop and parser are pinned: `auto` depends on installed packages."""

from __future__ import annotations

from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Interface, Knob, Settings, codes
from whichworker.servers.configs import Options, flags
from whichworker.servers.protocol import LOG_LEVEL, WORKERS, Adapter, whole

LIMIT = Knob(
    name="limit",
    least=0,
    help="connections of each worker process beyond which it responds with 503; 0: no limit",
)

WSGI_THREADS = 10  # of uvicorn.middleware.wsgi; no option changes it
WSGI_DEPRECATED = codes.DEPRECATED_UPSTREAM.finding()
RELOAD = codes.RELOAD_NEEDS_WORKERS.finding()
CHUNKED_EMPTY = codes.CHUNKED_POST_EMPTY.finding()
SLOW_HEADERS = codes.NO_HEADER_TIMEOUT.finding()
THREAD_PER_REQUEST = codes.THREAD_PER_REQUEST.finding()


def options_of(address: Address, settings: Settings, loop: str, parser: str) -> Options:
    """The options of every way to run uvicorn; no access log."""
    limit = {"limit_concurrency": settings["limit"]} if settings.get("limit") else {}
    return {
        "host": address.host,
        "port": address.port,
        "workers": settings["workers"],
        "loop": loop,
        "http": parser,
        **limit,
        "no_access_log": True,
        "log_level": LOG_LEVEL,
    }


class Asyncio(Adapter):
    """The plain installation: asyncio and h11."""

    family: ClassVar[str] = "uvicorn"
    kind: ClassVar[str] = "asyncio"
    title = "uvicorn, asyncio and h11"
    interface: ClassVar[Interface] = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("uvicorn",)
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, LIMIT)
    known: ClassVar[tuple[Finding, ...]] = (RELOAD, SLOW_HEADERS, THREAD_PER_REQUEST)
    loop: ClassVar[str] = "asyncio"
    parser: ClassVar[str] = "h11"

    def settings(self, cores: int) -> Settings:
        """One process a core, no limit."""
        return {"workers": cores, "limit": 0}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`uvicorn --workers …`, without access log."""
        return Command(
            argv=(
                "uvicorn",
                *flags(options_of(address, settings, self.loop, self.parser)),
                self.target(app),
            )
        )

    def in_flight_limit(self, settings: Settings) -> int | None:
        """Workers × limit, if there is a limit."""
        return whole(settings, "workers") * whole(settings, "limit") or None


class Httptools(Asyncio):
    """asyncio, with the parser in C."""

    kind: ClassVar[str] = "httptools"
    title = "uvicorn, asyncio and httptools"
    requirements = ("uvicorn", "httptools")
    parser: ClassVar[str] = "httptools"


class Uvloop(Asyncio):
    """The packages of `uvicorn[standard]`: uvloop and httptools."""

    kind: ClassVar[str] = "uvloop"
    title = "uvicorn, uvloop and httptools"
    requirements = ("uvicorn", "uvloop", "httptools")
    loop: ClassVar[str] = "uvloop"
    parser: ClassVar[str] = "httptools"


class H11Uvloop(Asyncio):
    """The loop in C with the parser in Python, to separate the effects of the two."""

    kind: ClassVar[str] = "h11-uvloop"
    title = "uvicorn, uvloop and h11"
    requirements = ("uvicorn", "uvloop")
    loop: ClassVar[str] = "uvloop"


class Wsgi(Asyncio):
    """uvicorn's own way to serve WSGI apps: ten threads in each process; no option changes it."""

    kind: ClassVar[str] = "wsgi"
    title = "uvicorn, its own WSGI mode"
    interface: ClassVar[Interface] = "wsgi"
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS,)
    known: ClassVar[tuple[Finding, ...]] = (
        WSGI_DEPRECATED,
        codes.COOKIES_BREAK.finding(),
        RELOAD,
        CHUNKED_EMPTY,
        SLOW_HEADERS,
    )

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`uvicorn --interface wsgi …`."""
        argv = flags({**options_of(address, settings, self.loop, self.parser), "interface": "wsgi"})
        return Command(argv=("uvicorn", *argv, self.target(app)))

    def in_flight_limit(self, settings: Settings) -> int:
        """Ten for each process: the size of the pool in uvicorn.middleware.wsgi."""
        return WSGI_THREADS * whole(settings, "workers")


class WsgiHttptools(Wsgi):
    """The same with the parser in C, which accepts a header value that begins with a space."""

    kind: ClassVar[str] = "wsgi-httptools"
    title = "uvicorn, its own WSGI mode and httptools"
    requirements = ("uvicorn", "httptools")
    parser: ClassVar[str] = "httptools"
    known: ClassVar[tuple[Finding, ...]] = (WSGI_DEPRECATED, RELOAD, CHUNKED_EMPTY, SLOW_HEADERS)
