"""Promises to users: the longest response time, and how often it may be missed."""

from __future__ import annotations

from msgspec import Struct


class Clause(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The share of requests that may take longer than `seconds`, or (None) may fail.

    Failed requests count as too slow. `route` is the route that it bounds, as the user named it
    (empty: all requests together).
    """

    text: str
    share: float
    seconds: float | None
    route: str = ""


class Slo(Struct, frozen=True, kw_only=True):
    """A service level objective: every clause must hold."""

    clauses: tuple[Clause, ...]

    @property
    def text(self) -> str:
        """As a user would type it."""
        comma = ", " if self.has_routes else ","
        return comma.join(clause.text for clause in self.clauses)

    @property
    def has_routes(self) -> bool:
        """Whether a clause bounds a route."""
        return any(clause.route for clause in self.clauses)

    @property
    def timed(self) -> Clause | None:
        """The clause with the longest time; None if no times. One on a route only if all are."""
        return max(
            (clause for clause in self.clauses if clause.seconds is not None),
            key=lambda one: (not one.route, one.seconds or 0.0),
            default=None,
        )

    @property
    def longest_seconds(self) -> float:
        """The longest time of any clause; 0 if there are no times."""
        return max(
            (clause.seconds for clause in self.clauses if clause.seconds is not None), default=0.0
        )

    @property
    def shortest_seconds(self) -> float:
        """The shortest time of any clause; 0 if there are no times."""
        return min(
            (clause.seconds for clause in self.clauses if clause.seconds is not None), default=0.0
        )
