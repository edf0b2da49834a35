"""Virtual users: each connection carries out one session after another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from whichworker.load.epoll.connection import Connection
from whichworker.load.mix import Ask, draw
from whichworker.load.session import Iteration
from whichworker.model import Load, Session


class Visits:
    """The sessions of one load, drawn by weight, at most `limit`; one Ask for each step."""

    def __init__(self, load: Load) -> None:
        self._host = load.host
        self._secure = load.tls is not None or load.address.is_here
        self._steps = {
            (session.name, at): Ask(step.request, b"", captured=bool(step.captures))
            for session in load.sessions
            for at, step in enumerate(session.steps)
        }
        self.asks = list(self._steps.values())
        self._drawn: Iterator[Session] = islice(draw(load.sessions, load.seed), load.limit)

    def begin(self, connection: Connection, due: int) -> bool:
        """Begin another iteration on a free connection; false if none is left."""
        session = next(self._drawn, None)
        if session is None:
            return False
        connection.visit = self._user_of(session)
        connection.visit_due = due
        self._prepare(connection)
        return True

    def skip(self) -> Ask | None:
        """The first step of an iteration that is never begun; None if none is left."""
        session = next(self._drawn, None)
        return self._steps[session.name, 0] if session is not None else None

    def _user_of(self, session: Session) -> Iteration:
        return Iteration(session, self._host, secure=self._secure)

    def pause_ns(self, connection: Connection) -> int:
        """How long the user thinks after the response to the last step."""
        assert connection.visit is not None
        return round(connection.visit.think_seconds * 1e9)

    def go_on(self, connection: Connection, *, right: bool) -> bool:
        """Prepare the next step; false if the iteration has ended or its response was wrong."""
        assert connection.visit is not None
        if not right or connection.visit.done:
            return False
        self._prepare(connection)
        return True

    def _prepare(self, connection: Connection) -> None:
        visit = connection.visit
        assert visit is not None
        connection.ask = self._steps[visit.session.name, visit.position]
        connection.wire = visit.wire()
