"""A seat of the engine in Python."""

from __future__ import annotations

import os
import socket
from array import array
from collections.abc import Iterator
from itertools import chain, cycle, islice
from time import monotonic_ns

from whichworker.load.dial import dial
from whichworker.load.epoll.closed import ClosedLoop
from whichworker.load.epoll.connection import Connection
from whichworker.load.epoll.counts import NEVER, Failures
from whichworker.load.epoll.engine import ENGINE
from whichworker.load.epoll.loop import IN, MOST_EVENTS, OUT, SWEEP_NS
from whichworker.load.epoll.users import Users
from whichworker.load.http1 import READ_BYTES
from whichworker.load.mix import Ask, deal
from whichworker.load.seat import UNBEGUN, Course, Meter, requests_of, seat_load, tally_slice
from whichworker.model import Load, SliceOrder, SliceTally

OLD_NS = 1_500_000_000
"""1.5 s without a request: gunicorn closes a connection after 2 s, and a request that arrives then
is lost. Such connections are made again before the slice."""
SEEN_BYTES = 60  # shown of bytes without a request: they fit on a line


class EpollSeat:
    """One closed loop that keeps its connections."""

    engine = ENGINE

    def __init__(self, load: Load) -> None:
        self._loop = _SliceLoop(seat_load(load))
        self._meter = Meter()

    def slice(self, order: SliceOrder) -> SliceTally:
        """Send one slice of load; see `model.SliceOrder`."""
        loop = self._loop
        course, reopened = UNBEGUN, 0
        self._meter.clear()
        if loop.connect():
            reopened, loop.closed_idle = loop.closed_idle, 0
            with self._meter.measure():
                course = loop.run(order)
        failures = loop.window.failures.freeze()
        return tally_slice(
            self.engine, order, course, failures=failures, reopened=reopened, meter=self._meter
        )

    def close(self) -> None:
        """Close every connection."""
        self._loop.close()
        self._meter.close()


class _SliceLoop(ClosedLoop):
    """A closed loop that runs many times and records only when correct responses came.

    `closed_idle` counts connections that the server closed while they were idle. The window's edge
    is the time at which sending stops.
    """

    def __init__(self, load: Load) -> None:
        self._users = Users(load) if load.sessions else None
        super().__init__(load, None, self._users)
        self._deck = deal(self._asks, load.seed)
        self._times = array("q")
        self._sending = False
        self._ended = 0
        self.closed_idle = 0

    def connect(self) -> bool:
        """Look at every connection and make those that are missing; false if one cannot be made."""
        self._settle()
        self.window.failures = Failures(self._load.flood)
        old = monotonic_ns() - OLD_NS
        for connection in self._connections:
            if connection.sock is not None:
                self._look(connection)
            if max(self._ended, connection.since) < old:
                self._drop(connection)
        missing = [connection for connection in self._connections if connection.sock is None]
        if not missing:
            return True
        sockets, troubles = dial(self._load.address, len(missing), self._load.deadline_seconds)
        for connection, sock in zip(missing, sockets, strict=False):
            connection.sock, connection.linked, connection.since = sock, True, monotonic_ns()
            connection.trouble = None
            self._by_fd[sock.fileno()] = connection
            self._epoll.register(sock, IN)
        for kind, text in troubles:
            self.window.failures.add(kind, f"{self._asks[0].name}: {text}")
        return not troubles

    def run(self, order: SliceOrder) -> Course:
        """Send one slice of load on connections that are all there."""
        window, connections = self.window, self._connections
        count = requests_of(order, len(connections))
        if self._users is not None:
            self._users.turn_to(order, count)
        else:
            self._mix = self._draw(order.start, count)
        self._times = array("q")
        window.connecting = array("q")
        window.reconnects, window.most_in_flight = 0, len(connections)
        self._refused_since = 0
        self._sending = self._alive = True
        began = monotonic_ns()
        self._sweep_due = began + SWEEP_NS
        closes = window.edge = began + round(order.most_seconds * 1e9)
        for connection in connections:
            if self._assign(connection, began, began, began):
                self._send(connection, monotonic_ns())
        self._wake = 0
        self.pump()
        ended = self._ended = monotonic_ns()
        stopped = min(closes, ended)
        if self._all_begun():  # sending stopped with the last of all requests
            stopped = max(connection.began for connection in connections)
        self._settle()
        return Course(began, stopped, ended, window.reconnects, window.most_in_flight, self._times)

    def _draw(self, start: int, count: int) -> Iterator[Ask]:
        numbers = chain(self._deck[start % len(self._deck) :], cycle(self._deck))
        return map(self._asks.__getitem__, islice(numbers, count))

    def _all_begun(self) -> bool:
        return self._users.over if self._users is not None else next(self._mix, None) is None

    def _settle(self) -> None:
        """Leave nothing in flight behind."""
        self._alive = self._sending = False
        self._waiting.clear()
        for connection in self._connections:
            if not self._is_idle(connection):
                # Connected too late, too much has failed, or an interrupt ended the slice.
                self._drop(connection)
            connection.start = connection.due = 0
            connection.visit = None

    @staticmethod
    def _is_idle(connection: Connection) -> bool:
        return not connection.start and not connection.due

    def _look(self, connection: Connection) -> None:
        """Close an idle connection that can carry no request."""
        assert connection.sock is not None
        try:
            data = connection.sock.recv(SEEN_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.window.failures.add(
                "framing", f"{connection.ask.name}: bytes that belong to no request: {data!r}"
            )
        else:
            self.closed_idle += 1
        self._drop(connection)

    def _attend(self, connection: Connection, mask: int) -> None:
        if self._is_idle(connection):
            self._look(connection)
        else:
            super()._attend(connection, mask)

    def _cross(self, now: int) -> None:
        self._sending = False
        self.window.edge = NEVER

    def _over(self) -> bool:
        return not any(map(self._pending, self._connections))

    def _count(self, connection: Connection, now: int) -> None:
        self._times.append(now)
        connection.start = 0

    def _go_on(self, connection: Connection, now: int, *, keep_alive: bool, right: bool) -> None:
        """A user's next step waits for its turn; the connection is free for another user's."""
        if self._users is not None and connection.visit is not None:
            self._users.rest(connection.visit, right=right)
            connection.visit = None
        super()._go_on(connection, now, keep_alive=keep_alive, right=right)

    def pump(self) -> None:
        """Run one slice until no request is in flight, or until too much has failed."""
        pass_events = self._pass_carefully if self._transport.careful else self._pass_events
        while self._alive:
            pass_events(self._epoll.poll(max(0, self._wake - monotonic_ns()) * 1e-9, MOST_EVENTS))
            now = monotonic_ns()
            if now >= self._wake or not self._sending:
                self._tend(now)

    def _pass_events(self, events: list[tuple[int, int]]) -> None:
        """Read responses, and send the next request after each correct one."""
        by_fd, clock, read, write, times = self._by_fd, monotonic_ns, os.read, os.write, self._times
        only_in, read_bytes, mix, edge = IN, READ_BYTES, self._mix, self.window.edge
        for fd, mask in events:
            connection = by_fd[fd]
            if mask != only_in or not connection.start:
                self._attend(connection, mask)
                continue
            try:
                data = read(fd, read_bytes)
            except OSError as error:
                self._break(connection, error)
                continue
            now = clock()
            if now >= edge:
                self._cross(now)
                edge = NEVER
            ask = connection.ask
            if data != ask.last or not connection.ready:
                self._take(connection, data, now)
                continue
            times.append(now)
            connection.spare = True
            following = next(mix, None) if self._sending else None
            if following is None:
                connection.start, connection.due, connection.ready = 0, 0, False
                if self._sending:
                    self._finish()
                continue
            connection.ask, connection.wire = following, following.wire
            connection.start = connection.began = now
            try:
                sent = write(fd, following.wire)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                connection.unsent = following.wire
                self._break(connection, error)
                continue
            if sent != following.size:
                connection.unsent, connection.ready = following.wire[sent:], False
                self._epoll.modify(fd, IN | OUT)
