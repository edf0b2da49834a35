"""The engine that is always there: a closed loop over raw epoll in pure Python.

Nearly all of a generator's time is spent in the kernel, so it is system calls that are saved: a connection is registered
once, each event is one recv, and the next request is sent at once. What is left to Python for a right answer is one
comparison with the right answer before it.
"""

from __future__ import annotations

import gc
import heapq
import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EINPROGRESS
from time import monotonic_ns

from whichworker.load.framing import FramingError, Response, ResponseParser, TruncatedError
from whichworker.load.http1 import READ_BYTES, family_of, judge_answer
from whichworker.load.mix import Ask, draw_asks, prepare_asks
from whichworker.load.window import NEVER, Window
from whichworker.model import Load, Tally

ENGINE = "epoll"
SWEEP_NS = 100_000_000
RETRY_NS = 20_000_000
REFUSED_NS = 500_000_000
MOST_EVENTS = 512

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


def run(load: Load, announce: Callable[[int, int], None]) -> Tally:
    """Keep every connection busy with one request after another, and count the right answers of one window.

    `announce` is told once, before the first request, the CLOCK_MONOTONIC nanoseconds at which the window opens and
    closes. Only right answers completed within it are counted; latencies run from the send to the last byte, and
    failures are counted from the first request on. A flood of failures, or half a second of refused connections, ends
    the run early. Raises UsageError for a load that cannot be run.
    """
    with _quiet_collector():
        engine = Engine(load)
        try:
            announce(engine.window.opens, engine.window.closes)
            engine.pump()
        finally:
            engine.close()
    return engine.window.to_tally(ENGINE)


@contextmanager
def _quiet_collector() -> Iterator[None]:
    """No garbage collection in the middle of a window: it would be read as the server's pause."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


class Connection:
    """One of the load's connections, through all the sockets it needs.

    `start` is when the request in flight was sent (ns, 0 when there is none), `since` when its socket was opened.
    `spare` is true when a server may close it instead of answering: it has answered on this socket before.
    """

    __slots__ = ("ask", "linked", "parser", "since", "sock", "spare", "start", "trouble", "unsent")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.sock: socket.socket | None = None
        self.parser: ResponseParser | None = None
        self.unsent = b""
        self.start = 0
        self.since = 0
        self.spare = False
        self.linked = False
        self.trouble: OSError | None = None


class Engine:
    """The state of one run: `pump` runs it to its end, `close` leaves no socket open."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._family = family_of(load.address)
        self._peer = (load.address.host, load.address.port)
        self._deadline_ns = round(load.deadline_seconds * 1e9)
        asks = prepare_asks(load)
        self._mix = draw_asks(asks, load.seed)
        self._several = len(asks) > 1
        self._connections = [Connection(asks[0]) for _ in range(load.connections)]
        self._by_fd: dict[int, Connection] = {}
        self._epoll = select.epoll()
        begins = monotonic_ns()
        step = load.stagger_seconds * 1e9 / load.connections
        # A heap of (due, order, connection): staggered starts first, later whatever has to be opened again.
        self._waiting = [(begins + round(at * step), at, connection) for at, connection in enumerate(self._connections)]
        self._order = load.connections
        self._wake = begins
        self._sweep_due = begins + SWEEP_NS
        self._refused_since = 0
        self._sending = True
        self._alive = True
        self.window = Window(load, asks, begins)

    def pump(self) -> None:
        """Run until the window is over and everything sent is answered or given up, or until too much has failed."""
        while self._alive:
            self._pass_events(self._epoll.poll(max(0, self._wake - monotonic_ns()) * 1e-9, MOST_EVENTS))
            now = monotonic_ns()
            if now >= self._wake or not self._sending:
                self._tend(now)

    def _pass_events(self, events: list[tuple[int, int]]) -> None:
        """Read what has come, and send the next request wherever it is the right answer once more.

        A request is stamped with the moment at which the answer before it was complete, less than a microsecond
        before the send: one reading of the clock serves both.
        """
        window, by_fd, mix, clock, read, write = self.window, self._by_fd, self._mix, monotonic_ns, os.read, os.write
        only_in, read_bytes, several, received = _IN, READ_BYTES, self._several, 0
        edge, sending = window.edge, self._sending
        for fd, mask in events:
            connection = by_fd[fd]
            if mask != only_in:
                self._attend(connection, mask)
                continue
            try:
                data = read(fd, read_bytes)
            except OSError as error:
                self._break(connection, error)
                continue
            now = clock()
            if now >= edge:
                window.received += received
                received = 0
                self._cross(now)
                edge, sending = window.edge, self._sending
            received += len(data)
            ask = connection.ask
            if data != ask.last or connection.parser is not None or not connection.start:
                self._take(connection, data, now)
                continue
            ask.latencies.append(now - connection.start)
            connection.spare = True
            if not sending:
                connection.start = 0
                continue
            connection.start = now
            if several:
                connection.ask = ask = next(mix)
            try:
                sent = write(fd, ask.wire)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._break(connection, error)
                continue
            if sent != ask.size:
                self._hold(connection, ask.wire[sent:])
        window.received += received

    def close(self) -> None:
        """Close every socket; what was counted so far stays."""
        self.window.abandon(monotonic_ns(), self._starts())
        for connection in self._connections:
            self._drop(connection)
        self._epoll.close()

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
        if not self._sending:
            self._shed()
        while self._waiting and self._waiting[0][0] <= now:
            self._open(heapq.heappop(self._waiting)[2])
        if now >= self._sweep_due:
            self._sweep(now)
        if self.window.failures.flooded or (not self._sending and not any(self._starts())):
            self._alive = False
        due = self._waiting[0][0] if self._waiting else NEVER
        self._wake = min(due, self.window.edge, self._sweep_due)

    def _shed(self) -> None:
        """Let go of everything that awaits no answer; between batches, as events of a batch may still name it."""
        self._waiting = [entry for entry in self._waiting if entry[2].start]
        heapq.heapify(self._waiting)
        for connection in self._connections:
            if not connection.start:
                self._drop(connection)

    def _sweep(self, now: int) -> None:
        self._sweep_due = now + SWEEP_NS
        self.window.flush()
        for connection in self._connections:
            began = connection.start or (0 if connection.linked else connection.since)
            if began and now - began >= self._deadline_ns:
                what = "no complete answer" if connection.linked else "no connection"
                self._fail(connection, "timeout", f"{what} within {self._load.deadline_seconds:g} s")
        if self._refused_since and now - self._refused_since >= REFUSED_NS:
            self._alive = False

    # Connections: opened, sent on, broken.

    def _open(self, connection: Connection) -> None:
        """Connect and send; a request that is still in flight (its connection was stale) is sent again."""
        sock = socket.socket(self._family, _STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock = sock
        connection.since = monotonic_ns()
        connection.spare = connection.linked = False
        connection.trouble = None
        if not connection.start:
            connection.ask = next(self._mix)
        connection.unsent = connection.ask.wire
        self._by_fd[sock.fileno()] = connection
        code = sock.connect_ex(self._peer)
        if code not in (0, EINPROGRESS):
            self._epoll.register(sock, _IN)
            self._break(connection, OSError(code, os.strerror(code)))
            return
        # On loopback the connection is mostly made by now: sending at once saves an event and two system calls.
        self._epoll.register(sock, _IN if self._push(connection) else _IN | _OUT)

    def _push(self, connection: Connection) -> bool:
        """Send what is unsent as far as possible; true when nothing is left.

        An error is kept for the next event: a server may have answered before it stopped listening.
        """
        assert connection.sock is not None
        started = connection.start or monotonic_ns()
        try:
            sent = connection.sock.send(connection.unsent)
        except BlockingIOError:
            return False
        except OSError as error:
            connection.trouble = connection.trouble or error  # the first says why, the next only that it is broken
            return False
        connection.start, connection.linked, self._refused_since = started, True, 0
        connection.unsent = connection.unsent[sent:]
        return not connection.unsent

    def _hold(self, connection: Connection, unsent: bytes) -> None:
        connection.unsent = unsent
        assert connection.sock is not None
        self._epoll.modify(connection.sock, _IN | _OUT)

    def _attend(self, connection: Connection, mask: int) -> None:
        """Take an event that is not simply bytes to read."""
        if not connection.start and not self._sending:
            self._drop(connection)  # connected too late: nothing new is sent after the window
            return
        assert connection.sock is not None
        if mask & _OUT and connection.unsent and self._push(connection):
            self._epoll.modify(connection.sock, _IN)
        if not mask & ~_OUT:
            return
        try:
            data = connection.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._break(connection, error)
            return
        now = monotonic_ns()
        if now >= self.window.edge:
            self._cross(now)
        self.window.received += len(data)
        self._take(connection, data, now)

    def _drop(self, connection: Connection) -> None:
        if connection.sock is not None:
            del self._by_fd[connection.sock.fileno()]
            connection.sock.close()  # which also takes it out of the epoll set
            connection.sock = None
        connection.parser = None
        connection.since = 0
        connection.spare = False

    def _break(self, connection: Connection, error: OSError | None) -> None:
        """Judge a connection that ended (error: None) or failed before its answer was complete."""
        error = connection.trouble or error
        if not connection.start and not self._sending:
            self._drop(connection)  # idle after the window: nothing was asked, nothing is missing
        elif not connection.linked:
            self._refused_since = self._refused_since or monotonic_ns()
            self._fail(connection, "connect", f"{error.strerror if error else 'closed'} by {self._load.address}", RETRY_NS)
        elif connection.spare and connection.parser is None:
            # The server closed a connection it had kept alive, as RFC 9112 section 9.3.1 allows: ask again, once.
            self._drop(connection)
            self._reopen(connection, 0)
        else:
            where = "after a part" if connection.parser is not None else "before any byte"
            self._fail(connection, "reset", f"{error.strerror if error else 'connection closed'} {where} of the answer")

    def _fail(self, connection: Connection, kind: str, text: str, delay_ns: int = 0) -> None:
        self.window.failures.add(kind, f"{connection.ask.name}: {text}")
        self.window.add_broken(connection.start, monotonic_ns())
        connection.start = 0
        self._drop(connection)
        if self._sending:
            self._reopen(connection, delay_ns)
        self._wake = 0

    def _reopen(self, connection: Connection, delay_ns: int) -> None:
        """Never at once: a server that breaks every connection must not be answered by recursion."""
        self.window.reconnects += self.window.is_open
        self._order += 1
        due = monotonic_ns() + delay_ns
        heapq.heappush(self._waiting, (due, self._order, connection))
        self._wake = min(self._wake, due)

    # Answers: whatever the look-up in `pump` did not know.

    def _take(self, connection: Connection, data: bytes, now: int) -> None:
        if not connection.start or (not data and connection.parser is None):
            self._break(connection, None)
            return
        if connection.parser is None and connection.ask.recognise(data):
            self._count(connection, now)
            self._go_on(connection, keep_alive=not connection.unsent)
            return
        whole = connection.parser is None
        parser = connection.parser or ResponseParser(connection.ask.request.method)
        connection.parser = parser
        try:
            response = parser.feed(data) if data else parser.finish()
        except TruncatedError:
            self._break(connection, None)
        except FramingError as error:
            self._fail(connection, "framing", str(error))
        else:
            if response is not None and parser.leftover:
                self._fail(connection, "framing", f"bytes after the end of the answer: {parser.leftover[:60]!r}")
            elif response is not None:
                self._judge(connection, response, data if whole else b"", now)

    def _count(self, connection: Connection, now: int) -> None:
        connection.ask.latencies.append(now - connection.start)
        connection.start = 0

    def _judge(self, connection: Connection, response: Response, data: bytes, now: int) -> None:
        """Count a complete answer; `data` are its bytes when they came in one piece."""
        ask = connection.ask
        verdict = judge_answer(ask.request.answer, response)
        if verdict is None:
            if data:
                ask.learn(data, response)
            self._count(connection, now)
        else:
            kind, text = verdict
            self.window.failures.add(kind, f"{ask.name}: {text}")
            self.window.add_broken(connection.start, now)
            self.window.wrong[response.status] += self.window.is_open
            self._wake = 0
            connection.start = 0
        connection.parser = None
        self._go_on(connection, keep_alive=response.keep_alive and not connection.unsent)

    def _go_on(self, connection: Connection, *, keep_alive: bool) -> None:
        if not keep_alive:
            self._drop(connection)
            if self._sending:
                self.window.reconnects += self.window.is_open
                self._open(connection)
            return
        connection.spare = True
        if self._sending:
            connection.ask = next(self._mix)
            connection.unsent = connection.ask.wire
            if not self._push(connection):
                self._hold(connection, connection.unsent)
