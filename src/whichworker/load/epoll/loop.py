"""The common part of closed and open loops: connections are opened, sent on, read and judged.

A generator spends nearly all of its time in the kernel, so this saves system calls: a connection is
registered once, each event is one recv, and the next request is sent at once. A correct response
costs Python one comparison with the correct response before it.
"""

from __future__ import annotations

import heapq
import os
import select
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from time import monotonic_ns

from whichworker.load.epoll.connection import Connection, Transport, is_unreached, missing, send
from whichworker.load.epoll.counts import NEVER, WindowCounts
from whichworker.load.epoll.visits import Visits
from whichworker.load.exhaustion import EXHAUSTED, NO_MEMORY, kind_of
from whichworker.load.framing import FramingError, Response, TruncatedError
from whichworker.load.http1 import judge_request
from whichworker.load.mix import Ask, check_load, draw, prepare_asks
from whichworker.model import Load

SWEEP_NS = 100_000_000  # deadlines are checked each 0.1 s: they are seconds long
REPORT_NS = 1_000_000_000  # progress each second: what a person can follow
RETRY_NS = 20_000_000  # 20 ms after a refusal, or failures of a dead server would flood the run
REFUSED_NS = 500_000_000  # a server that refuses for 0.5 s is gone, not restarting
MOST_EVENTS = 512  # of one look at the sockets; the next reports what is left

IN, OUT = select.EPOLLIN, select.EPOLLOUT

Progress = Callable[[float, int, int], None]


class Loop(ABC):
    """The state of one run: `pump` runs it to its end, `close` leaves no socket open."""

    def __init__(self, load: Load, progress: Progress | None, users: Visits | None = None) -> None:
        check_load(load)
        self._load = load
        self._progress = progress
        self._deadline_ns = round(load.deadline_seconds * 1e9)
        self._transport = Transport(load)
        self._visits = users or (Visits(load) if load.sessions else None)
        self._asks = self._visits.asks if self._visits else prepare_asks(load)
        self._mix: Iterator[Ask] = draw(self._asks, load.seed) if not load.sessions else iter(())
        self._connections = [Connection(self._asks[0]) for _ in range(load.connections)]
        self._by_fd: dict[int, Connection] = {}
        self._epoll = select.epoll()
        begins = monotonic_ns()
        # A heap of (due, order, connection): what has to be opened, or sent after a pause.
        self._waiting: list[tuple[int, int, Connection]] = []
        self._order = load.connections
        self._wake = begins
        self._sweep_due = begins + SWEEP_NS
        self._report_due = begins + REPORT_NS
        self._refused_since = 0
        self._sending = True
        self._alive = True
        self.window = WindowCounts(load, self._asks, begins)

    def close(self) -> None:
        """Close every socket; what was counted so far stays."""
        self.window.end(monotonic_ns(), self._starts())
        for connection in self._connections:
            self._drop(connection)
        self._epoll.close()

    @abstractmethod
    def pump(self) -> None:
        """Run until the window is over and no request is in flight, or too much has failed."""

    @abstractmethod
    def _free(self, connection: Connection, now: int, *, keep_alive: bool) -> None:
        """Go on with a connection whose request, or iteration, is over."""

    @abstractmethod
    def _lost(self, connection: Connection, delay_ns: int) -> None:
        """Go on with a connection that was closed after a failure."""

    @abstractmethod
    def _over(self) -> bool:
        """Whether there is nothing left to send or to wait for."""

    @abstractmethod
    def _count(self, connection: Connection, now: int) -> None:
        """Record a correct response."""

    @abstractmethod
    def _wanted(self, connection: Connection) -> bool:
        """Whether there is a request for this connection to carry or carry on."""

    def _starts(self) -> list[int]:
        return [connection.start for connection in self._connections]

    # Time: edges of the window, starts that are due, deadlines.

    def _cross(self, now: int) -> None:
        self.window.cross(now, self._starts())
        if self._sending and self.window.edge == NEVER:
            self._sending = False

    def _tend(self, now: int) -> None:
        if now >= self.window.edge:
            self._cross(now)
        while self._waiting and self._waiting[0][0] <= now:
            self._resume(heapq.heappop(self._waiting)[2], now)
        if now >= self._sweep_due:
            self._sweep(now)
        if self.window.failures.flooded or (not self._sending and self._over()):
            self._alive = False
        self._wake = min(
            self._waiting[0][0] if self._waiting else NEVER, self.window.edge, self._sweep_due
        )

    def _sweep(self, now: int) -> None:
        self._sweep_due = now + SWEEP_NS
        for connection in self._connections:
            began = connection.start or (0 if connection.linked else connection.since)
            if began and now - began >= self._deadline_ns:
                self.window.starved += not connection.spare
                text = missing(connection, f"{self._load.deadline_seconds:g} s")
                self._fail(connection, "timeout", text)
        refused_ns = now - self._refused_since if self._refused_since else 0
        if self._load.flood is not None and refused_ns >= REFUSED_NS:
            self._alive = False
        if now >= self._report_due:
            self._report_due += REPORT_NS
            self.window.flush()
            if self._progress is not None:
                seconds = (now - self.window.begins) / 1e9
                self._progress(seconds, self.window.right_so_far(), self.window.failures.total)

    def _later(self, connection: Connection, due: int) -> None:
        """Resume a connection at `due`, never at once: one that breaks again would recurse."""
        self._order += 1
        heapq.heappush(self._waiting, (due, self._order, connection))
        self._wake = min(self._wake, due)

    def _resume(self, connection: Connection, now: int) -> None:
        if not self._wanted(connection):
            self._drop(connection)
        elif connection.sock is None:
            self._open(connection)
        else:
            self._send(connection, now)

    # Connections: opened, sent on, broken.

    def _open(self, connection: Connection) -> None:
        """Connect and send; a request in flight, whose connection was stale, is sent again."""
        connection.unsent = connection.wire
        code, sock = self._transport.connect(connection), connection.sock
        if sock is not None:
            self._by_fd[sock.fileno()] = connection
        if code or sock is None:
            self._break(connection, OSError(code, os.strerror(code)))
        elif self._transport.encrypted:
            self._epoll.register(sock, OUT)
        else:
            # On loopback it is mostly connected by now: sending at once saves two system calls.
            self._epoll.register(sock, IN if self._push(connection) else IN | OUT)

    def _send(self, connection: Connection, now: int) -> None:
        """Send the request of a connection that is open."""
        connection.unsent, connection.start = connection.wire, now
        if not self._push(connection):
            assert connection.sock is not None
            self._epoll.modify(connection.sock, IN | OUT)

    def _push(self, connection: Connection) -> bool:
        """Send unsent bytes; true if none is left.

        An error is kept for the next event: the server may have responded before it stopped.
        """
        started = connection.start or monotonic_ns()
        before = len(connection.unsent)
        try:
            done = send(connection)
        except OSError as error:
            # The first gives the reason, later ones only that the connection is broken.
            connection.trouble = connection.trouble or error
            return False
        moved = before - len(connection.unsent)
        if not moved:
            return False
        self.window.sent += moved
        if not connection.linked:
            self._link(connection)
        connection.start = started
        connection.sending = connection.sent - started
        return done

    def _link(self, connection: Connection) -> None:
        now = monotonic_ns()
        connection.linked, self._refused_since = True, 0
        self.window.connecting.append((connection.shook or now) - connection.since)
        if connection.shook:
            self.window.shaking.append(now - connection.shook)

    def _shake_hands(self, connection: Connection) -> bool:
        """Go on with the handshake; true when it is done."""
        assert connection.sock is not None
        fd = connection.sock.fileno()
        try:
            wants = self._transport.shake_hands(connection)
        except ssl.SSLError as error:
            text = (
                error.verify_message
                if isinstance(error, ssl.SSLCertVerificationError)
                else error.reason or str(error)
            )
            self._fail(connection, "tls", f"{text} at {self._load.address}", RETRY_NS)
            return False
        except OSError as error:
            self._break(connection, error)
            return False
        self._epoll.modify(fd, OUT if wants == "write" else IN)
        if wants != "done":
            return False
        self._link(connection)
        connection.start = monotonic_ns()
        if not self._push(connection):
            self._epoll.modify(fd, IN | OUT)
        return True

    def _attend(self, connection: Connection, mask: int) -> None:
        """Handle an event that is not simply bytes to read."""
        if not self._wanted(connection):
            self._drop(connection)  # connected too late, or closed by the server while idle
            return
        if self._transport.encrypted and not connection.linked:
            self._shake_hands(connection)
            return
        assert connection.sock is not None
        if mask & OUT and connection.unsent and self._push(connection):
            self._epoll.modify(connection.sock, IN)
        if mask & ~OUT:
            self._read(connection)

    def _read(self, connection: Connection) -> None:
        try:
            data, delay = self._transport.receive(connection)
        except OSError as error:
            self._break(connection, error)
            return
        if data is None:
            return
        now = monotonic_ns()
        if now >= self.window.edge:
            self._cross(now)
        if delay >= 0 and self.window.is_open:
            self.window.delays.append(delay)
        self.window.received += len(data)
        self._take(connection, data, now)

    def _drop(self, connection: Connection) -> None:
        if connection.sock is not None:
            del self._by_fd[connection.sock.fileno()]
            connection.sock.close()  # which also takes it out of the epoll set
            connection.sock = None
        connection.drop_parser()
        connection.since = 0
        connection.spare = connection.ready = False

    def _break(self, connection: Connection, error: OSError | None) -> None:
        """Judge a connection that ended (error: None) or failed before its response was whole."""
        error = connection.trouble or error
        if not self._wanted(connection) or (connection.linked and not connection.start):
            self._drop(connection)  # idle: no request, so no response is missing
        elif not connection.linked:
            self._refused_since = self._refused_since or monotonic_ns()
            text = f"{error.strerror if error else 'closed'} by {self._load.address}"
            self._fail(connection, kind_of(error.errno or 0 if error else 0), text, RETRY_NS)
        elif connection.spare and connection.parser is None and is_unreached(connection, error):
            # Closed while it was idle (RFC 9112, 9.3.1): send the request again, once.
            self._drop(connection)
            self.window.reconnects += 1
            self._later(connection, monotonic_ns())
        else:
            where = "after a part" if connection.parser is not None else "before any byte"
            text = f"{error.strerror if error else 'connection closed'} {where} of the response"
            self._fail(connection, "reset", text)

    def _fail(self, connection: Connection, kind: str, text: str, delay_ns: int = 0) -> None:
        """Count a request without a response, and close its connection."""
        self.window.failures.add(kind, f"{connection.ask.name}: {text}")
        self.window.add_broken(connection.start, monotonic_ns(), connection.due)
        connection.start = 0
        connection.visit = None
        self._drop(connection)
        self._lost(connection, delay_ns)
        self._wake = 0

    # Responses that the look-up in `pump` did not know.

    def _take(self, connection: Connection, data: bytes, now: int) -> None:
        if data and not connection.start:
            text = f"{connection.ask.name}: bytes that belong to no request: {data[:60]!r}"
            self.window.failures.add("framing", text)
        if not connection.start or (not data and connection.parser is None):
            self._break(connection, None)
            return
        connection.ready = False
        if connection.parser is None:
            connection.first = now
            if connection.visit is None and connection.ask.recognise(data):
                self._count(connection, now)
                stays = self._transport.keep_alive and not connection.unsent
                self._free(connection, now, keep_alive=stays)
                return
        whole = connection.parser is None
        parser = self._transport.parser_of(connection)
        try:
            response = parser.feed(data) if data else parser.finish()
        except TruncatedError:
            self._break(connection, None)
        except FramingError as error:
            self._fail(connection, "framing", str(error))
        except MemoryError:
            self._fail(connection, EXHAUSTED, NO_MEMORY, RETRY_NS)
        else:
            if response is not None and parser.leftover:
                text = f"bytes after the end of the response: {parser.leftover[:60]!r}"
                self._fail(connection, "framing", text)
            elif response is not None:
                self._judge(connection, response, data if whole else b"", now)

    def _judge(self, connection: Connection, response: Response, data: bytes, now: int) -> None:
        """Count a complete response; `data` are its bytes if they came in one piece."""
        ask = connection.ask
        connection.drop_parser()
        verdict, failed = judge_request(ask.request, response)
        if verdict is None and connection.visit is not None:
            verdict = connection.visit.take(response)
        if verdict is None:
            if ask.request.answer.status is None and self.window.is_open:
                ask.statuses[response.status] += 1
            if data and connection.visit is None:
                ask.learn(data, response)
            self._count(connection, now)
        else:
            self._refute(connection, verdict, failed, response.status, now)
        stays = self._transport.keep_alive and response.keep_alive and not connection.unsent
        self._go_on(connection, now, keep_alive=stays, right=verdict is None)

    def _refute(
        self,
        connection: Connection,
        verdict: tuple[str, str],
        failed: list[tuple[str, str]],
        status: int,
        now: int,
    ) -> None:
        kind, text = verdict
        connection.ask.note_checks(failed)
        self.window.failures.add(kind, f"{connection.ask.name}: {text}")
        self.window.add_broken(connection.start, now, connection.due)
        self.window.wrong[status] += self.window.is_open
        self._wake = 0
        connection.start = 0

    def _go_on(self, connection: Connection, now: int, *, keep_alive: bool, right: bool) -> None:
        """The next step of a session, or whatever the loop does with a connection that is free."""
        connection.spare = True
        if connection.visit is None or self._visits is None:
            self._free(connection, now, keep_alive=keep_alive)
            return
        pause_ns = self._visits.pause_ns(connection)
        if self._visits.go_on(connection, right=right):
            connection.due = connection.freed = connection.began = now + pause_ns
            self.window.note_due(connection.ask, connection.due)
            if not keep_alive:
                self._drop(connection)
            if pause_ns or connection.sock is None:
                self._later(connection, now + pause_ns)
            else:
                self._send(connection, now)
            return
        if right:
            self.window.iterations = (self.window.iterations or 0) + 1
            self.window.visits.append(now - connection.visit_due)
        connection.visit = None
        self._free(connection, now, keep_alive=keep_alive)

    def _assign(self, connection: Connection, due: int, freed: int, now: int) -> bool:
        """Give a free connection its next request; false where the load's limit is reached."""
        if self._visits is not None:
            if not self._visits.begin(connection, due):
                return False
        else:
            ask = next(self._mix, None)
            if ask is None:
                return False
            connection.ask, connection.wire = ask, ask.wire
        connection.due, connection.freed, connection.began = due, freed, now
        return True
