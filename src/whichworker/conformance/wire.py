"""One plain connection to a server, for requests no load client would send."""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Self

from whichworker.load.framing import FramingError, Response, ResponseParser, TruncatedError
from whichworker.load.http1 import READ_BYTES, Verdict, family_of
from whichworker.model import Address, Request

DEADLINE_SECONDS = 5.0
"""For one response of an unloaded server; ten times the slowest view."""
CHUNK_BYTES = 8192
"""A usual buffer size, so that a body of 200 kB takes many chunks."""


class Wire:
    """One plain connection, with a deadline in seconds for each request and its response."""

    def __init__(self, address: Address, seconds: float = DEADLINE_SECONDS) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self._sock = socket.socket(family_of(address), socket.SOCK_STREAM)
        try:
            self._sock.settimeout(seconds)
            self._sock.connect(address.path or (address.host, address.port))
        except BaseException:
            self._sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sock.close()

    def send(self, wire: bytes) -> None:
        """Send all of it; the time for its response begins. Raises OSError."""
        self._ends = time.monotonic() + self._seconds
        self._sock.settimeout(self._left())
        self._sock.sendall(wire)

    def receive(self, method: str) -> Response:
        """One response; raises OSError and FramingError.

        ConnectionResetError means that the connection ended before the first byte.
        """
        parser, response, begun = ResponseParser(method), None, False
        while response is None:
            received = self._read()
            if not received and not begun:
                raise ConnectionResetError("closed before the first byte of a response")
            begun = True
            response = parser.feed(received) if received else parser.finish()
        if parser.leftover:
            raise FramingError(
                f"{len(parser.leftover)} bytes follow the response: {parser.leftover[:60]!r}"
            )
        return response

    def ask(self, wire: bytes, method: str) -> Response:
        """Send a request and read its response."""
        self.send(wire)
        return self.receive(method)

    def read_to_end(self) -> bytes:
        """All bytes until the server closes; raises TimeoutError if it does not."""
        rest = b""
        while received := self._read():
            rest += received
        return rest

    def hurry(self, seconds: float) -> None:
        """Shorten the deadline to this many seconds from now."""
        self._ends = min(self._ends, time.monotonic() + seconds)

    def _read(self) -> bytes:
        self._sock.settimeout(self._left())
        return self._sock.recv(READ_BYTES)

    def _left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("not in time")
        return left


def encode_chunked(request: Request, host: str) -> bytes:
    """A POST in chunks, without a length in its head, as the bytes of an HTTP/1.1 message."""
    lines = [
        f"POST {request.path} HTTP/1.1",
        f"Host: {host}",
        *(f"{name}: {value}" for name, value in request.headers),
    ]
    head = "\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode("latin-1")
    pieces = [
        request.body[start : start + CHUNK_BYTES]
        for start in range(0, len(request.body), CHUNK_BYTES)
    ]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def classify(error: Exception) -> Verdict:
    """A word of `model.FAILURE_KINDS` for an error, and its text."""
    if isinstance(error, TimeoutError):
        return "timeout", f"no complete response: {error}"
    if isinstance(error, ConnectionRefusedError):
        return "connect", "the connection was refused"
    if isinstance(error, FramingError) and not isinstance(error, TruncatedError):
        return "framing", str(error)
    return "reset", f"the connection broke: {error}"
