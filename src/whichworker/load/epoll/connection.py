"""One of a load's connections, plain, encrypted or local: it moves bytes and decides nothing."""

from __future__ import annotations

import fcntl
import os
import socket
import ssl
import struct
import termios
from errno import EAGAIN, ECONNRESET, EINPROGRESS, EMFILE, EPIPE
from time import monotonic_ns, time_ns

from whichworker.load.allowance import RESPONSE_BYTES, Allowance
from whichworker.load.framing import ResponseParser
from whichworker.load.http1 import READ_BYTES, family_of
from whichworker.load.mix import Ask
from whichworker.load.session import Iteration
from whichworker.load.tls import tls_context
from whichworker.model import Load

_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the socket module has no name for it
_STAMP = struct.Struct("qq")
_ROOM_FOR_STAMP = socket.CMSG_SPACE(_STAMP.size)
SAFE = (b"GET ", b"HEAD ", b"OPTIONS ")
CROSSING_NS = 10_000_000  # 10 ms: a server that worked for longer had the request
_OUTQ = struct.Struct("i")


class Connection:
    """A slot for one socket at a time and its request; times are CLOCK_MONOTONIC ns, 0: none.

    `due` is when the request should have been sent, `freed` when this slot's last request ended,
    `began` when the generator took it up, `start` when its first byte was sent, `sent` when its
    last was, `first` when the first byte of the response came. `since` is when the socket was
    opened, `linked` whether it is connected (and encrypted). `spare` means that the server
    responded on this socket before, so it may close it instead of responding again. `ready` means
    that a whole request was sent and nothing has come back; `sending` is how long that took (ns).
    """

    __slots__ = (
        "ask",
        "began",
        "due",
        "first",
        "freed",
        "linked",
        "parser",
        "ready",
        "sending",
        "sent",
        "shook",
        "since",
        "sock",
        "spare",
        "start",
        "trouble",
        "unsent",
        "visit",
        "visit_due",
        "wire",
    )

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.sock: socket.socket | None = None
        self.parser: ResponseParser | None = None
        self.visit: Iteration | None = None
        self.visit_due = 0
        self.wire = self.unsent = b""
        self.due = self.freed = self.began = self.start = self.sent = self.first = 0
        self.since = self.shook = self.sending = 0
        self.ready = False
        self.spare = self.linked = False
        self.trouble: OSError | None = None

    def drop_parser(self) -> None:
        """Forget the response that came in, if there is one, and give its memory back."""
        if self.parser is not None:
            self.parser.release()
            self.parser = None


class Transport:
    """How the connections of one load are made and read."""

    def __init__(self, load: Load) -> None:
        self._family = family_of(load.address)
        self._peer = load.address.path or (load.address.host, load.address.port)
        self._context = tls_context(load.tls) if load.tls else None
        self._server_name = load.tls.server_name if load.tls else ""
        self._stamps = load.receive_delay and not load.address.path
        self.keep_alive = load.keep_alive
        self.careful = bool(load.tls) or self._stamps or not load.keep_alive
        self.encrypted = load.tls is not None
        self._allowance = Allowance(RESPONSE_BYTES)

    def connect(self, connection: Connection) -> int:
        """Open a socket and begin to connect it; the code of what went wrong, 0 for nothing yet."""
        try:
            sock = socket.socket(self._family, _STREAM)
        except OSError as error:  # no open file is left
            return error.errno or EMFILE
        if self._family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._stamps:
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        connection.sock = sock
        connection.since = monotonic_ns()
        connection.shook = 0
        connection.spare = connection.linked = False
        connection.trouble = None
        code = sock.connect_ex(self._peer)
        return 0 if code in (EINPROGRESS, EAGAIN) and self._family != socket.AF_UNIX else code

    def shake_hands(self, connection: Connection) -> str:
        """Go on with the TLS handshake: `done`, or the `read` or `write` it waits for."""
        sock = connection.sock
        assert sock is not None
        assert self._context is not None
        if not isinstance(sock, ssl.SSLSocket):
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, os.strerror(code))
            connection.shook = monotonic_ns()
            sock = self._context.wrap_socket(
                sock, server_hostname=self._server_name, do_handshake_on_connect=False
            )
            connection.sock = sock
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            return "read"
        except ssl.SSLWantWriteError:
            return "write"
        return "done"

    def parser_of(self, connection: Connection) -> ResponseParser:
        """The parser of the response that comes in, a new one for the first of its bytes."""
        if connection.parser is None:
            ask = connection.ask
            connection.parser = ResponseParser(
                ask.request.method,
                expected=ask.request.answer.body or b"",
                kept=ask.kept,
                allowance=self._allowance,
            )
        return connection.parser

    def receive(self, connection: Connection) -> tuple[bytes | None, int]:
        """Read the bytes of one event, and their delay in the kernel.

        Bytes are None if there are none yet; the delay is in ns, -1 if it is not known.
        """
        sock = connection.sock
        assert sock is not None
        if self._stamps and not self.encrypted:
            return self._receive_stamped(sock)
        try:
            data = sock.recv(READ_BYTES)
            # Bytes that TLS has decrypted but not delivered cause no event.
            while isinstance(sock, ssl.SSLSocket) and sock.pending():
                data += sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None, -1
        except ssl.SSLEOFError:
            return b"", -1
        return data, -1

    @staticmethod
    def _receive_stamped(sock: socket.socket) -> tuple[bytes | None, int]:
        try:
            data, control, _, _ = sock.recvmsg(READ_BYTES, _ROOM_FOR_STAMP)
        except BlockingIOError:
            return None, -1
        now = time_ns()
        for level, kind, stamp in control:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(stamp) == _STAMP.size:
                seconds, nanoseconds = _STAMP.unpack(stamp)
                return data, max(0, now - (seconds * 1_000_000_000 + nanoseconds))
        return data, -1


def send(connection: Connection) -> bool:
    """Send unsent bytes; true if none is left. Raises OSError if the connection is broken."""
    assert connection.sock is not None
    try:
        sent = connection.sock.send(connection.unsent)
    except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
        return False
    connection.unsent = connection.unsent[sent:]
    if connection.unsent:
        return False
    connection.sent = monotonic_ns()
    connection.ready = True
    return True


def missing(connection: Connection, time: str) -> str:
    """The words for a connection without its response, or without a server, after this time."""
    what = "complete response" if connection.linked else "connection"
    return f"no {what} within {time}"


def is_unreached(connection: Connection, error: OSError | None) -> bool:
    """Whether the server closed the connection before any of the request reached it.

    TCP tells: an orderly end (no error, or EPIPE), and no byte of the request acknowledged; the end
    of a server that had read the request acknowledges it. A reset that comes at once may have
    crossed a safe request. The bytes of a Unix socket arrive when they are sent, and a reset says
    that they were not read.
    """
    assert connection.sock is not None
    sent = len(connection.wire) - len(connection.unsent)
    if not sent:
        return True
    code = error.errno if error else 0
    safe = code == ECONNRESET and connection.wire.startswith(SAFE)
    if connection.sock.family == socket.AF_UNIX:
        return safe
    crossed = safe and monotonic_ns() - max(connection.sent, connection.start) < CROSSING_NS
    if code not in (0, EPIPE) and not crossed:
        return False
    answer = fcntl.ioctl(connection.sock.fileno(), termios.TIOCOUTQ, bytes(_OUTQ.size))
    return bool(_OUTQ.unpack(answer)[0] >= sent)
