"""What every backing service can say of itself."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Protocol


class Service(Protocol):
    """A service that runs privately beside the servers. It is pure: nothing is started or stopped here.

    `folder` is its own temporary one. `title` names it with its version, `users` are those it may run as when the tool is root.
    """

    @property
    def name(self) -> str:
        """A word for logs and findings."""

    @property
    def title(self) -> str:
        """What it is, with its version and whatever of its settings is not the default."""

    @property
    def users(self) -> tuple[str, ...]:
        """Users it may run as instead of root, the first that is there; empty where it may be run by whoever runs the tool."""

    @property
    def stop_signal(self) -> signal.Signals:
        """What asks it to stop at once, in good order."""

    def steps(self, folder: Path) -> tuple[tuple[str, ...], ...]:
        """Commands, one after the other; the last stays and is the service."""

    def variables(self, folder: Path) -> dict[str, str]:
        """How the app is told where it is."""

    def complaint(self, folder: Path) -> str:
        """Ask it something in its own protocol; what is wrong with the answer, or an empty string."""
