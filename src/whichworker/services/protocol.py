"""The protocol of every backing service."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Protocol


class Service(Protocol):
    """A service that runs privately beside the servers; pure, nothing is started or stopped here.

    `folder` is its own temporary one. `title` names it with its version; `users` are those it may
    run as when the tool is root.
    """

    @property
    def name(self) -> str:
        """A word for logs and findings."""

    @property
    def title(self) -> str:
        """Its name, its version, and the settings that are not the default."""

    @property
    def users(self) -> tuple[str, ...]:
        """Users it may run as instead of root, the best first; empty if root may run it, too."""

    @property
    def stop_signal(self) -> signal.Signals:
        """The signal for a quick, clean stop."""

    def steps(self, folder: Path) -> tuple[tuple[str, ...], ...]:
        """Commands, run one after the other; the last one stays and is the service."""

    def variables(self, folder: Path) -> dict[str, str]:
        """The environment variables that tell the app where the service is."""

    def complaint(self, folder: Path) -> str:
        """Send a request in its own protocol; the fault of the response, or an empty string."""
