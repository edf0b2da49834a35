"""hypercorn, with each event loop that Django runs on."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Interface, Settings
from whichworker.servers.protocol import LOG_LEVEL, Adapter


class Asyncio(Adapter):
    """hypercorn on asyncio. No --read-timeout: it drops normal slow requests."""

    family: ClassVar[str] = "hypercorn"
    kind: ClassVar[str] = "asyncio"
    title = "hypercorn, asyncio"
    interface: ClassVar[Interface] = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("hypercorn",)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`hypercorn --worker-class …`."""
        argv = ["hypercorn", "--bind", str(address), "--worker-class", self.kind, "--workers", str(settings["workers"])]
        return Command(argv=(*argv, "--log-level", LOG_LEVEL, self.target(app)))


class Uvloop(Asyncio):
    """hypercorn on uvloop."""

    kind: ClassVar[str] = "uvloop"
    title = "hypercorn, uvloop"
    requirements = ("hypercorn", "uvloop")
