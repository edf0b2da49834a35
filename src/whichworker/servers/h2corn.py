"""h2corn, a server in Rust made for HTTP/2 behind a proxy, here over HTTP/1.1."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Interface, Knob, Settings, codes
from whichworker.model.arms import ConfigFile
from whichworker.servers.configs import Options, flags, toml
from whichworker.servers.protocol import WORKERS, Adapter, whole

FILE = "h2corn.toml"
LIMIT = Knob(
    name="limit", least=0, help="requests that each worker process works on at once; 0: no limit"
)


class H2corn(Adapter):
    """On asyncio: `auto` takes uvloop if it is installed."""

    family: ClassVar[str] = "h2corn"
    kind: ClassVar[str] = "asgi"
    title = "h2corn"
    interface: ClassVar[Interface] = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("h2corn>=2",)
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, LIMIT)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP
    python_from: ClassVar[str] = "3.11"
    known: ClassVar[tuple[Finding, ...]] = (codes.THREAD_PER_REQUEST.finding(),)

    def settings(self, cores: int) -> Settings:
        """One process a core, no limit."""
        return {"workers": cores, "limit": 0}

    def options(self, settings: Settings) -> Options:
        """All options but the address, by the names of h2corn.toml."""
        limit = {"limit_concurrency": settings["limit"]} if settings["limit"] else {}
        return {"workers": settings["workers"], "loop": "asyncio", **limit, "access_log": False}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`h2corn --bind …`, without access log."""
        return Command(
            argv=(
                "h2corn",
                "--bind",
                str(address),
                *flags(self.options(settings)),
                self.target(app),
            )
        )

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """h2corn.toml, which does not contain the app."""
        text = f'bind = ["{address}"]\n{toml(self.options(settings))}'
        return ConfigFile(
            name=FILE, text=text, command=("h2corn", "--config", FILE, self.target(app))
        )

    def in_flight_limit(self, settings: Settings) -> int | None:
        """Workers × limit, if there is a limit."""
        return whole(settings, "workers") * whole(settings, "limit") or None
