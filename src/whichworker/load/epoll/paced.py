"""An open loop: requests are sent when they are due, whatever the server does."""

from __future__ import annotations

import os
import select
from collections import deque
from time import monotonic_ns

import numpy as np

from whichworker.load.epoll.connection import Connection, missing
from whichworker.load.epoll.counts import NEVER
from whichworker.load.epoll.loop import IN, MOST_EVENTS, Loop, Progress
from whichworker.load.http1 import READ_BYTES
from whichworker.load.pacer import arrivals
from whichworker.model import Load


class OpenLoop(Loop):
    """Arrivals of a pace on up to `connections` connections, opened if needed, each in its turn.

    An arrival without a free connection waits in a first-in, first-out backlog, and its response
    time runs while it waits.
    """

    def __init__(self, load: Load, progress: Progress | None) -> None:
        assert load.pace is not None
        self._chunks = arrivals(load.pace, load.seed, load.limit)
        # The first takes milliseconds, so draw it before the run begins.
        first = next(self._chunks, np.empty(0, dtype=np.int64))
        super().__init__(load, progress)
        self._spin = load.spins
        self._room = load.pace.backlog
        overtime = load.overtime_seconds
        longest = (
            load.deadline_seconds if overtime is None else min(load.deadline_seconds, overtime)
        )
        self._patience_ns = round(longest * 1e9)
        self._origin = self.window.begins + round(load.stagger_seconds * 1e9)
        self._ahead: list[int] = (first + self._origin).tolist()
        self._at = 0
        self._overdue: deque[int] = deque()
        self._idle: deque[Connection] = deque()
        self._closed = deque(self._connections)
        self._busy = 0
        self.window.scheduled = 0
        self._next_due = self._draw_due()

    def pump(self) -> None:
        """Run until all that was due in the window is over, or until too much has failed."""
        pass_events = (
            self._pass_carefully if self._transport.careful or self._visits else self._pass_events
        )
        poll, spin, fd = self._epoll.poll, self._spin, self._epoll.fileno()
        self._tend(monotonic_ns())  # a window that opens at once is open before anything is sent
        while self._alive:
            events = poll(0, MOST_EVENTS)
            if not events and not spin:
                # epoll would round up to a millisecond; select does not.
                left = min(self._wake, self._next_due) - monotonic_ns()
                if left > 0 and select.select((fd,), (), (), left * 1e-9)[0]:
                    events = poll(0, MOST_EVENTS)
            pass_events(events)
            now = monotonic_ns()
            if self._next_due <= now:
                self._dispatch(now)
            if now >= self._wake or not self._sending:
                self._tend(now)

    def _pass_events(self, events: list[tuple[int, int]]) -> None:
        """Read what has come; between two events, send whatever has become due."""
        window, by_fd, clock, read = self.window, self._by_fd, monotonic_ns, os.read
        for fd, mask in events:
            connection = by_fd.get(fd)  # one event of a batch may have closed what another names
            if connection is None:
                continue
            if mask != IN:
                self._attend(connection, mask)
                continue
            try:
                data = read(fd, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                self._break(connection, error)
                continue
            now = clock()
            if now >= window.edge:
                self._cross(now)
            window.received += len(data)
            ask = connection.ask
            if data != ask.last or not connection.ready:
                self._take(connection, data, now)
            else:
                connection.first = now
                self._count(connection, now)
                self._free(connection, now, keep_alive=True)
            if self._next_due <= now:
                self._dispatch(now)

    def _pass_carefully(self, events: list[tuple[int, int]]) -> None:
        for fd, mask in events:
            connection = self._by_fd.get(fd)
            if connection is not None:
                self._attend(connection, mask)
                if self._next_due <= (now := monotonic_ns()):
                    self._dispatch(now)

    def _draw_due(self) -> int:
        """The next due time; NEVER when none is left before the window closes."""
        if self._at == len(self._ahead):
            chunk = next(self._chunks, None)
            if chunk is None:
                return NEVER
            self._ahead, self._at = (chunk + self._origin).tolist(), 0
        due = self._ahead[self._at]
        self._at += 1
        return due if due < self.window.closes else NEVER

    def _dispatch(self, now: int) -> None:
        """Send due requests on free connections; others wait, or are dropped if too many wait."""
        window, overdue = self.window, self._overdue
        while overdue and (self._idle or self._closed):
            self._begin(overdue.popleft(), now)
        while self._next_due <= now:
            due, self._next_due = self._next_due, self._draw_due()
            window.scheduled = (window.scheduled or 0) + (due >= window.opens)
            if self._idle or self._closed:
                self._begin(due, now)
                now = monotonic_ns()
            elif len(overdue) < self._room:
                overdue.append(due)
            else:
                window.dropped += 1
                self._give_up(due)
        window.most_backlog = max(window.most_backlog, len(overdue))

    def _begin(self, due: int, now: int) -> None:
        # The one that has been free for longest: none that the server neglects is left out.
        connection = (self._idle or self._closed).popleft()
        self._busy += 1
        self.window.most_in_flight = max(self.window.most_in_flight, self._busy)
        self._carry(connection, due, connection.freed, now)

    def _carry(self, connection: Connection, due: int, freed: int, now: int) -> None:
        if not self._assign(connection, due, freed, now):
            raise AssertionError("a pace gives no more arrivals than its limit")
        self.window.note_due(connection.ask, due)
        if connection.sock is None:
            self._open(connection)
        else:
            self._send(connection, now)

    def _tend(self, now: int) -> None:
        if self._overdue and now > self.window.closes + self._patience_ns:
            self._give_up_queue(now)
        if self._overdue:
            self._dispatch(now)
        super()._tend(now)
        if self._alive and self._sending and self._over():
            # A limit was reached before the window's time was up.
            self.window.end(monotonic_ns(), ())
            self._alive = False

    def close(self) -> None:
        """Close every socket; arrivals that still wait were due, too."""
        while self._overdue:
            self._give_up(self._overdue.popleft())
        super().close()

    def _give_up_queue(self, now: int) -> None:
        text = f"no free connection within {self._patience_ns / 1e9:g} s after the window"
        while self._overdue:
            due = self._overdue.popleft()
            self.window.failures.add("timeout", text)
            self.window.add_lost(now, due)
            self._give_up(due)

    def _give_up(self, due: int) -> None:
        """An arrival that is never sent."""
        ask = self._visits.skip() if self._visits is not None else next(self._mix, None)
        if ask is not None:
            self.window.note_due(ask, due)

    def _sweep(self, now: int) -> None:
        super()._sweep(now)
        overtime = self._load.overtime_seconds
        if overtime is None or now < self.window.closes + round(overtime * 1e9):
            return
        for connection in self._connections:
            if connection.due:
                text = missing(connection, f"{overtime:g} s after the window")
                self._fail(connection, "timeout", text)

    def _resume(self, connection: Connection, now: int) -> None:
        if not connection.start:
            connection.began = now
        super()._resume(connection, now)

    def _over(self) -> bool:
        return self._next_due == NEVER and not self._overdue and not self._busy

    def _wanted(self, connection: Connection) -> bool:
        return bool(connection.due)

    def _count(self, connection: Connection, now: int) -> None:
        connection.ask.rows.extend(
            (
                connection.due,
                connection.freed,
                connection.began,
                connection.start,
                connection.sent,
                connection.first,
                now,
            )
        )
        connection.start = 0

    def _free(self, connection: Connection, now: int, *, keep_alive: bool) -> None:
        connection.spare = True
        connection.freed = now
        if not keep_alive:
            self._drop(connection)
            self.window.reconnects += 1
        if self._overdue:
            self._carry(connection, self._overdue.popleft(), now, now)
            return
        connection.due = 0
        self._busy -= 1
        (self._idle if keep_alive else self._closed).append(connection)

    def _lost(self, connection: Connection, delay_ns: int) -> None:
        """The arrival has failed; the main loop serves the backlog, so that nothing recurses."""
        connection.due = 0
        connection.freed = monotonic_ns()
        self._busy -= 1
        self._closed.append(connection)
