"""A closed loop: every connection is kept busy with one request after another."""

from __future__ import annotations

import heapq
import os
from collections import deque
from itertools import islice, repeat
from operator import length_hint
from time import monotonic_ns

from whichworker.load.epoll.connection import Connection
from whichworker.load.epoll.counts import NEVER
from whichworker.load.epoll.loop import IN, MOST_EVENTS, OUT, Loop, Progress
from whichworker.load.epoll.visits import Visits
from whichworker.load.http1 import READ_BYTES
from whichworker.model import Load


class ClosedLoop(Loop):
    """As many requests in flight as connections, and never more."""

    def __init__(self, load: Load, progress: Progress | None, users: Visits | None = None) -> None:
        super().__init__(load, progress, users)
        self._one = len(self._asks) == 1
        self._bounded = load.limit is not None
        self._drain = load.drain
        if load.limit is not None:
            self._mix = (
                repeat(self._asks[0], load.limit) if self._one else islice(self._mix, load.limit)
            )
        step = load.stagger_seconds * 1e9 / load.connections
        begins = self.window.begins
        self._waiting = [
            (begins + round(at * step), at, connection)
            for at, connection in enumerate(self._connections)
        ]
        self.window.most_in_flight = load.connections

    def pump(self) -> None:
        """Run until the window is over and no request is in flight, or too much has failed."""
        pass_events = (
            self._pass_carefully if self._transport.careful or self._visits else self._pass_events
        )
        while self._alive:
            pass_events(self._epoll.poll(max(0, self._wake - monotonic_ns()) * 1e-9, MOST_EVENTS))
            now = monotonic_ns()
            if now >= self._wake or not self._sending:
                self._tend(now)
                if not self._sending:
                    self._shed()

    def _pass_events(self, events: list[tuple[int, int]]) -> None:
        """Read responses, and send the next request after each that equals the last correct one.

        A request starts when the response before it is complete: one reading of the clock for both.
        """
        window, by_fd = self.window, self._by_fd
        clock, read, write = monotonic_ns, os.read, os.write
        only_in, read_bytes, received, handed, others = IN, READ_BYTES, 0, 0, 0
        edge, sending, draws = window.edge, self._sending, self._draws(len(events))
        for fd, mask in events:
            connection = by_fd[fd]
            if mask != only_in:
                others += 1
                self._attend(connection, mask)
                continue
            try:
                data = read(fd, read_bytes)
            except OSError as error:
                others += 1
                self._break(connection, error)
                continue
            now = clock()
            if now >= edge:
                window.received, window.sent = window.received + received, window.sent + handed
                received = handed = 0
                self._cross(now)
                edge, sending = window.edge, self._sending
            received, ask = received + len(data), connection.ask
            if data != ask.last or not connection.ready:
                others += 1
                self._take(connection, data, now)
                continue
            ask.latencies.append(now - connection.start)
            ask.sends.append(connection.sending)
            connection.spare = True
            if draws and sending:
                sending = self._turn_to_next(connection)
                ask = connection.ask
            if not sending:
                connection.start, connection.due, connection.ready = 0, 0, False
                continue
            connection.start = now
            try:
                sent = write(fd, ask.wire)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                connection.unsent = ask.wire
                self._break(connection, error)
                continue
            handed += sent
            if sent == ask.size:
                connection.sending = clock() - now
            else:
                connection.unsent, connection.ready = ask.wire[sent:], False
                self._epoll.modify(fd, IN | OUT)
        window.received += received
        window.sent += handed
        if not draws:
            self._catch_up(len(events) - others)

    def _draws(self, most: int) -> bool:
        """Whether each request must be drawn: not if all are the same and no limit is near."""
        return not self._one or (self._bounded and length_hint(self._mix) <= most)

    def _catch_up(self, begun: int) -> None:
        """Take from a bounded mix what was begun without drawing."""
        if self._bounded:
            deque(islice(self._mix, begun), maxlen=0)

    def _turn_to_next(self, connection: Connection) -> bool:
        """Draw the next request; false where the limit is reached."""
        following = next(self._mix, None)
        if following is None:
            self._finish()
            return False
        connection.ask, connection.wire = following, following.wire
        return True

    def _pass_carefully(self, events: list[tuple[int, int]]) -> None:
        for fd, mask in events:
            connection = self._by_fd.get(fd)
            if connection is not None:
                self._attend(connection, mask)

    def _finish(self) -> None:
        """The limit is reached: nothing more is begun."""
        self._sending = False
        self._wake = 0

    def _shed(self) -> None:
        """Drop connections without a request; between batches, as a batch may still name them."""
        self._waiting = [entry for entry in self._waiting if self._pending(entry[2])]
        heapq.heapify(self._waiting)
        for connection in self._connections:
            if not self._pending(connection):
                self._drop(connection)
        if self.window.edge != NEVER and not any(map(self._pending, self._connections)):
            # A limit was reached before the window's time was up.
            self.window.end(monotonic_ns(), ())
            self._alive = False

    def _pending(self, connection: Connection) -> bool:
        """Whether the connection has a request in flight or, until the window closes, to send."""
        return bool(connection.start or (connection.due and self.window.edge != NEVER))

    def _over(self) -> bool:
        return self.window.edge == NEVER and not (self._drain and any(self._starts()))

    def _wanted(self, connection: Connection) -> bool:
        return self._sending or self._pending(connection)

    def _resume(self, connection: Connection, now: int) -> None:
        """Begin a request, unless one is in flight (the connection was stale) or prepared."""
        if (
            self._sending
            and not self._pending(connection)
            and not self._assign(connection, now, now, now)
        ):
            self._finish()
        super()._resume(connection, now)

    def _count(self, connection: Connection, now: int) -> None:
        ask = connection.ask
        if connection.first == now:
            ask.latencies.append(now - connection.start)
            ask.sends.append(connection.sending)
        else:
            start = connection.start
            ask.slow.extend(
                (start, start, start, start, start + connection.sending, connection.first, now)
            )
        connection.start = 0

    def _free(self, connection: Connection, now: int, *, keep_alive: bool) -> None:
        connection.due = 0
        connection.spare = True
        if not keep_alive:
            self._drop(connection)
        if not self._sending:
            return
        if not self._assign(connection, now, now, now):
            self._finish()
        elif connection.sock is None:
            self.window.reconnects += 1
            self._open(connection)
        else:
            self._send(connection, now)

    def _lost(self, connection: Connection, delay_ns: int) -> None:
        connection.due = 0
        if self._sending:
            self.window.reconnects += 1
            self._later(connection, monotonic_ns() + delay_ns)
