"""The virtual users of a seat: there are more of them than connections, and they take turns."""

from __future__ import annotations

from array import array
from collections import deque

from whichworker.load.epoll.connection import Connection
from whichworker.load.epoll.visits import Visits
from whichworker.load.mix import deal
from whichworker.load.session import Iteration
from whichworker.model import Load, SliceOrder


class Users(Visits):
    """Each step of whole sessions in order, sent for the user who waits for it longest.

    A slice is shorter than many sessions, so users wait between slices and go on in later ones. If
    each went on at once, all would log in within one slice and read pages in the next, and such
    rates cannot be compared. Instead a deck of sessions gives the order of the steps, the same one
    for every arm. If no user has come as far as a step, a new one begins, until there are as many
    users as the connections need: then any stretch of a slice has each step in its due share.
    """

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self._places = [
            (session, at) for session in load.sessions for at in range(len(session.steps))
        ]
        firsts = {session.name: self._places.index((session, 0)) for session in load.sessions}
        self._deck = array("I")
        for number in deal(load.sessions, load.seed):
            session = load.sessions[number]
            first = firsts[session.name]
            self._deck.extend(range(first, first + len(session.steps)))
        self._waiting: dict[tuple[str, int], deque[Iteration]] = {
            (session.name, at): deque() for session, at in self._places
        }
        self._next = self._left = 0

    @property
    def over(self) -> bool:
        """Whether every request of the slice has begun."""
        return not self._left

    def turn_to(self, order: SliceOrder, count: int) -> None:
        """Begin a slice of `count` requests, at the order's place in the deck."""
        self._next, self._left = order.start, count

    def begin(self, connection: Connection, due: int) -> bool:
        """The next step on a free connection; false at the end of the slice."""
        if not self._left:
            return False
        session, at = self._places[self._deck[self._next % len(self._deck)]]
        self._next, self._left = self._next + 1, self._left - 1
        waiting = self._waiting[session.name, at]
        connection.visit = waiting.popleft() if waiting else self._user_of(session)
        connection.visit_due = due
        self._prepare(connection)
        return True

    def rest(self, user: Iteration, *, right: bool) -> None:
        """A user waits for the next step; the last response, or a wrong one, ends the session."""
        if right and not user.done:
            self._waiting[user.session.name, user.position].append(user)
