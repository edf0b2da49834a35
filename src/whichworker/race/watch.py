"""The events of a run for its watcher. Results are the same with any watcher and with none."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from whichworker.capacity.watch import CapacityWatch
from whichworker.store.records import Prepared, Settled, Slice


class Progress(Struct, frozen=True, kw_only=True):
    """The progress of a race; `open_pairs` of the leader is None within a round."""

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
        """An arm gave correct responses, and its number of connections is known."""

    def settled(self, record: Settled) -> None:
        """The race itself begins."""

    def slice(self, arm: str, seen: Slice, progress: Progress) -> None:
        """A slice is done or refused."""
