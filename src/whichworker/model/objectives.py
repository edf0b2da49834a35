"""What is promised to users: how long an answer may take, and how often that may be missed."""

from __future__ import annotations

from msgspec import Struct


class Clause(Struct, frozen=True, kw_only=True):
    """At most this share of the requests may take longer than `seconds`, or (None) may fail. What failed took too long, too."""

    text: str
    share: float
    seconds: float | None = None


class Slo(Struct, frozen=True, kw_only=True):
    """A service level objective: every clause must hold. `derived` says from what, where nobody asked for it."""

    clauses: tuple[Clause, ...]
    derived: str = ""

    @property
    def text(self) -> str:
        """As a user would type it."""
        return ",".join(clause.text for clause in self.clauses)

    @property
    def timed(self) -> Clause | None:
        """The clause with the longest time, which says what came in time at all; None where there is none."""
        return max(
            (clause for clause in self.clauses if clause.seconds is not None),
            key=lambda one: one.seconds or 0.0,
            default=None,
        )

    @property
    def longest_seconds(self) -> float:
        """The longest time that any clause speaks of; 0 where none does."""
        return max(
            (clause.seconds for clause in self.clauses if clause.seconds is not None), default=0.0
        )

    @property
    def shortest_seconds(self) -> float:
        """The shortest time that any clause speaks of; 0 where none does."""
        return min(
            (clause.seconds for clause in self.clauses if clause.seconds is not None), default=0.0
        )
