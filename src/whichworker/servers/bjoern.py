"""bjoern: an event loop in C that calls the app one request at a time."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Settings, codes
from whichworker.model.arms import ConfigFile
from whichworker.servers.protocol import Adapter, whole

SCRIPT = Path(__file__).parent / "launchers" / "bjoern_server.py"


class Bjoern(Adapter):
    """It is a library without a command: a script listens once and forks."""

    family: ClassVar[str] = "bjoern"
    kind: ClassVar[str] = "sync"
    title = "bjoern"
    requirements: ClassVar[tuple[str, ...]] = ("bjoern-binary",)
    known: ClassVar[tuple[Finding, ...]] = (
        codes.TERM_DROPS.finding("SIGTERM and SIGINT drop the requests in flight"),
        codes.HUP_KILLS.finding(),
        codes.CHUNKED_POST_EMPTY.finding(),
        codes.NO_HEADER_TIMEOUT.finding(),
    )

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """A script of ours; a deployment has it as a file of the project."""
        options = (
            "--host",
            address.host,
            "--port",
            str(address.port),
            "--workers",
            str(settings["workers"]),
            self.target(app),
        )
        return Command(
            argv=("python", str(SCRIPT), *options), deploy=("python", SCRIPT.name, *options)
        )

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """The script."""
        command = self.command(app, address, settings).deploy
        return ConfigFile(
            name=SCRIPT.name, text=SCRIPT.read_text(encoding="utf-8"), command=command
        )

    def in_flight_limit(self, settings: Settings) -> int:
        """One for each process."""
        return whole(settings, "workers")
