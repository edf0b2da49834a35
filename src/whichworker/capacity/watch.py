"""The events of a run's second stage for its watcher."""

from __future__ import annotations

from typing import Protocol

from whichworker.design.capacity.hunt import Hunt
from whichworker.model import Failure
from whichworker.store.open_loop import Shot, Sought


class CapacityWatch(Protocol):
    """The events of a second stage; every method may do nothing."""

    def note(self, text: str) -> None:
        """A step takes a while, such as the first build of an environment."""

    def failed(self, arm: str, failures: tuple[Failure, ...]) -> None:
        """An arm has left the race."""

    def repeated(self, arm: str, reason: str) -> None:
        """A window was refused and is measured again."""

    def pacing(self, rates: str) -> None:
        """The response times at these rates are measured next."""

    def sought(self, record: Sought) -> None:
        """The second stage begins."""

    def shot(self, arm: str, record: Shot, hunt: Hunt, left_seconds: float) -> None:
        """A shot is done; the hunt has the present knowledge about its arm."""
