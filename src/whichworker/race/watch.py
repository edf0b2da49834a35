"""What a run tells whoever watches it. Results are the same with any watcher and with none."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from whichworker.capacity.watch import CapacityWatch
from whichworker.store.records import Prepared, Settled, Slice


class Progress(Struct, frozen=True, kw_only=True):
    """How far a race is; `open_pairs` of the leader are counted at the beginning of a round, None within it."""

    round: int
    place: int
    places: int
    spent_seconds: float
    budget_seconds: float
    alive: int
    leader: str | None
    open_pairs: int | None


class Watch(CapacityWatch, Protocol):
    """The events of a run; every method may do nothing."""

    def prepared(self, record: Prepared) -> None:
        """An arm gave correct responses, and its connections are known."""

    def settled(self, record: Settled) -> None:
        """The race proper begins."""

    def slice(self, arm: str, seen: Slice, progress: Progress) -> None:
        """A slice is done, or was refused."""
