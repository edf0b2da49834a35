"""What a run tells whoever watches it. Results are the same with any watcher and with none."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from whichworker.design.capacity.hunt import Hunt
from whichworker.model import Failure
from whichworker.store.records import Prepared, Settled, Shot, Slice, Sought


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


class Watch(Protocol):
    """The events of a run; every method may do nothing."""

    def note(self, text: str) -> None:
        """Something takes a while, such as the first build of an environment."""

    def prepared(self, record: Prepared) -> None:
        """An arm gave correct responses, and its connections are known."""

    def failed(self, arm: str, failures: tuple[Failure, ...]) -> None:
        """An arm is out."""

    def settled(self, record: Settled) -> None:
        """The race proper begins."""

    def slice(self, arm: str, seen: Slice, progress: Progress) -> None:
        """A slice is done, or was refused."""

    def repeated(self, arm: str, reason: str) -> None:
        """A window was refused and is measured again."""

    def sought(self, record: Sought) -> None:
        """The second stage begins."""

    def shot(self, arm: str, record: Shot, hunt: Hunt, left_seconds: float) -> None:
        """A shot is done; the hunt is what is known of its arm now."""


class Silent:
    """A watcher that does nothing."""

    def note(self, text: str) -> None: ...
    def prepared(self, record: Prepared) -> None: ...
    def failed(self, arm: str, failures: tuple[Failure, ...]) -> None: ...
    def settled(self, record: Settled) -> None: ...
    def slice(self, arm: str, seen: Slice, progress: Progress) -> None: ...
    def repeated(self, arm: str, reason: str) -> None: ...
    def sought(self, record: Sought) -> None: ...
    def shot(self, arm: str, record: Shot, hunt: Hunt, left_seconds: float) -> None: ...
