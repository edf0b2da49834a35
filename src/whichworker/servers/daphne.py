"""daphne: one process, on twisted's reactor over asyncio."""

from __future__ import annotations

from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Interface, Knob, Settings, codes
from whichworker.servers.protocol import Adapter


class Daphne(Adapter):
    """One process, whatever the budget: there is no option for workers."""

    family: ClassVar[str] = "daphne"
    kind: ClassVar[str] = "twisted"
    title = "daphne"
    interface: ClassVar[Interface] = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("daphne",)
    knobs: ClassVar[tuple[Knob, ...]] = ()
    known: ClassVar[tuple[Finding, ...]] = (
        codes.TERM_DROPS.finding(),
        codes.HUP_KILLS.finding(),
        codes.ONE_PROCESS.finding(),
        codes.THREAD_PER_REQUEST.finding(),
    )

    def settings(self, cores: int) -> Settings:
        """Nothing can be set."""
        return {}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`daphne -b … -p …`; access log to nowhere, warnings only."""
        argv = (
            "daphne",
            "-b",
            address.host,
            "-p",
            str(address.port),
            "--access-log",
            "/dev/null",
            "-v",
            "0",
            self.target(app),
        )
        return Command(argv=argv)
