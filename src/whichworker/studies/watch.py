"""The progress of a study, for a terminal or a log."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from whichworker.model import Failure, Reading


class StudyProgress(Struct, frozen=True, kw_only=True):
    """The progress of a study: cells with all their launches, and all cells."""

    block: int
    done: int
    cells: int
    spent_seconds: float
    budget_seconds: float


class StudyWatch(Protocol):
    """The events of a study; every method may do nothing."""

    def note(self, text: str) -> None:
        """Something takes a while, such as the first build of an environment."""

    def asked(self, stand: str, ask: str, reading: Reading, progress: StudyProgress) -> None:
        """One window is done."""

    def out(self, stand: str, ask: str, failures: tuple[Failure, ...]) -> None:
        """A cell, or with an empty `ask` a whole stand, is out."""
