"""uvicorn by itself. Loop and parser are pinned: `auto` takes whatever is installed."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Interface, Settings
from whichworker.servers.protocol import LOG_LEVEL, Adapter


class Asyncio(Adapter):
    """The plain installation: asyncio and h11."""

    family: ClassVar[str] = "uvicorn"
    kind: ClassVar[str] = "asyncio"
    title = "uvicorn, asyncio and h11"
    interface: ClassVar[Interface] = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("uvicorn",)
    reload_signal: ClassVar[signal.Signals | None] = None  # HUP ends a single process; only a supervisor of workers rolls
    loop: ClassVar[str] = "asyncio"
    parser: ClassVar[str] = "h11"

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`uvicorn --workers …`, without access log."""
        argv = ["uvicorn", "--host", address.host, "--port", str(address.port), "--workers", str(settings["workers"])]
        argv += ["--loop", self.loop, "--http", self.parser, "--no-access-log", "--log-level", LOG_LEVEL, self.target(app)]
        return Command(argv=tuple(argv))


class Uvloop(Asyncio):
    """What `uvicorn[standard]` installs: uvloop and httptools."""

    kind: ClassVar[str] = "uvloop"
    title = "uvicorn, uvloop and httptools"
    requirements = ("uvicorn", "uvloop", "httptools")
    loop: ClassVar[str] = "uvloop"
    parser: ClassVar[str] = "httptools"
