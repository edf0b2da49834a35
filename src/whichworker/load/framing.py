"""The begin and the end of a response: a strict HTTP/1.1 parser after RFC 9112, client side.

Strict on purpose: a server that frames a response wrongly must be reported, not repaired.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from whichworker.load.allowance import RESPONSE_BYTES, Allowance

Framing = Literal["none", "length", "chunked", "close"]
Headers = tuple[tuple[str, str], ...]

# Limits beyond which a response is refused: each is far above what servers send, and keeps a broken
# one from filling the memory. The parser in C has the same.
HEAD_LIMIT_BYTES = 64 * 1024
BODY_LIMIT_BYTES = 64 * 1024 * 1024
CHUNK_LINE_LIMIT_BYTES = 4096
INTERIM_LIMIT = 16  # responses 1xx before the final one
BLANK_LINE = b"\r\n\r\n"

_PREFIX = b"HTTP/1."
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?")
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_LINE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")


class FramingError(ValueError):
    """The bytes received are not an HTTP/1.1 response."""


class TruncatedError(FramingError):
    """The connection was closed before the response was complete."""


class Head(Struct, frozen=True, kw_only=True):
    """A status line and headers, names in lower case; `length` is None for other framings."""

    status: int
    headers: Headers
    framing: Framing
    length: int | None
    keep_alive: bool


class Response(Struct, frozen=True, kw_only=True):
    """A complete response: header names in lower case, chunks joined, trailers dropped."""

    status: int
    headers: Headers
    body: bytes
    framing: Framing
    keep_alive: bool


# Cached, as a server repeats its header block until the Date changes; 64 entries of up to 64 KiB.
@lru_cache(maxsize=64)
def parse_head(block: bytes, method: str) -> Head:
    """Read the header block, without its blank line, of a response to a request of this method.

    The body's length follows RFC 9112 section 6.3, except that a block with both a
    Transfer-Encoding and a Content-Length is refused. Raises FramingError.
    """
    status_line, *lines = block.split(b"\r\n")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise FramingError(f"not a status line: {_show(status_line)}")
    status, http11 = int(match[2]), match[1] == b"1"
    headers = tuple(_parse_field(line) for line in lines)
    framing, length = _find_framing(status, headers, method, http11=http11)
    tokens = {token.lower() for token in _list_values(headers, "connection")}
    keep_alive = framing != "close" and "close" not in tokens and (http11 or "keep-alive" in tokens)
    return Head(
        status=status, headers=headers, framing=framing, length=length, keep_alive=keep_alive
    )


def _parse_field(line: bytes) -> tuple[str, str]:
    match = _FIELD_LINE.fullmatch(line)
    if match is None:
        raise FramingError(f"not a header line: {_show(line)}")
    return match[1].decode("ascii").lower(), match[2].decode("latin-1").strip(" \t")


def _list_values(headers: Headers, name: str) -> list[str]:
    return [item.strip(" \t") for key, value in headers if key == name for item in value.split(",")]


def _find_framing(
    status: int, headers: Headers, method: str, *, http11: bool
) -> tuple[Framing, int | None]:
    lengths, codings = (
        _list_values(headers, "content-length"),
        _list_values(headers, "transfer-encoding"),
    )
    if lengths and codings:
        raise FramingError("both a transfer-encoding and a content-length")
    if codings and (not http11 or [coding.lower() for coding in codings] != ["chunked"]):
        raise FramingError(f"transfer-encoding cannot be used here: {', '.join(codings)[:60]!r}")
    length = _agree_on_length(lengths) if lengths else None
    if method == "HEAD" or status < 200 or status in (204, 304):
        return "none", None
    if codings:
        return "chunked", None
    return ("close", None) if length is None else ("length", length)


def _agree_on_length(lengths: list[str]) -> int:
    for text in lengths:
        if not _LENGTH.fullmatch(text):
            raise FramingError(f"not a content-length: {text[:60]!r}")
    if len(set(lengths)) > 1:
        raise FramingError(f"differing content-lengths: {', '.join(lengths)[:60]}")
    return int(lengths[0])


def _show(line: bytes) -> str:
    return repr(line[:60].decode("latin-1"))


class ResponseParser:
    """Reads one response from bytes in pieces of any size; every error is a FramingError.

    The bytes after its end are `leftover`. Bodies above `body_limit` bytes are refused. As long as
    the body is the `expected` one, it is compared as it comes and not kept; of the rest at most
    `kept` bytes are. Kept bytes are taken from the allowance until `release`.
    """

    __slots__ = (
        "_allowance",
        "_buffer",
        "_expected",
        "_head",
        "_held",
        "_interims",
        "_kept",
        "_limit",
        "_matched",
        "_method",
        "_missing",
        "_response",
        "_rest",
        "_scanned",
        "_size",
        "_step",
    )

    def __init__(
        self,
        method: str,
        body_limit: int = BODY_LIMIT_BYTES,
        *,
        expected: bytes = b"",
        kept: int = BODY_LIMIT_BYTES,
        allowance: Allowance | None = None,
    ) -> None:
        self._method = method
        self._limit = body_limit
        self._allowance = allowance or Allowance(RESPONSE_BYTES)
        self._held = 0
        self._buffer = bytearray()
        # The body is the first `matched` bytes of the expected one, and the rest.
        self._expected = expected
        self._kept = kept
        self._matched = self._size = 0
        self._rest = bytearray()
        self._scanned = 0
        self._missing = 0
        self._interims = 0
        self._head: Head | None = None
        self._response: Response | None = None
        # No bound method: a cycle would keep the body, as nothing is collected during a load.
        self._step: Callable[[ResponseParser], bool] = ResponseParser._read_head

    @property
    def leftover(self) -> bytes:
        """The bytes after the end of the response: there are none unless the server is wrong."""
        return bytes(self._buffer) if self._response is not None else b""

    def feed(self, data: bytes) -> Response | None:
        """Take more bytes; return the response once it is complete.

        Raises FramingError, and MemoryError if the allowance is used up.
        """
        self._buffer += data
        while self._response is None and self._step(self):
            pass
        if self._response is None:
            self._hold(len(self._buffer) + len(self._rest))
        return self._response

    def release(self) -> None:
        """Give back what was taken from the allowance: the response is not needed any more."""
        self._hold(0)

    def _hold(self, size: int) -> None:
        self._allowance.take(size - self._held)
        self._held = size

    def finish(self) -> Response:
        """Take the end of the connection; raises TruncatedError if the response is incomplete."""
        if self._head is not None and self._head.framing == "close":
            return self._complete()
        if self._response is None:
            place = "header" if self._head is None else "body"
            raise TruncatedError(
                f"closed in the middle of the {place}, after {self._count_received()} bytes of it"
            )
        return self._response

    def _count_received(self) -> int:
        return len(self._buffer) + self._size

    def _join_body(self) -> bytes:
        if self._rest:
            return b"".join((memoryview(self._expected)[: self._matched], self._rest))
        return self._expected[: self._matched]  # the same object if it is all of it

    def _complete(self) -> Response:
        head = self._head
        assert head is not None
        self._response = Response(
            status=head.status,
            headers=head.headers,
            body=self._join_body(),
            framing=head.framing,
            keep_alive=head.keep_alive,
        )
        return self._response

    def _read_head(self) -> bool:
        buffer = self._buffer
        # Refuse what is no response at once: waiting for a blank line would end in a timeout.
        if not _PREFIX.startswith(buffer[: len(_PREFIX)]):
            raise FramingError(f"not a status line: {_show(bytes(buffer[:60]))}")
        end = buffer.find(BLANK_LINE, max(0, self._scanned - 3))
        self._scanned = len(buffer)
        if (
            self._scanned - 3 if end < 0 else end
        ) > HEAD_LIMIT_BYTES:  # three bytes of the blank line may be here
            raise FramingError(f"header block above {HEAD_LIMIT_BYTES} bytes")
        if end < 0:
            return False
        head = parse_head(bytes(buffer[:end]), self._method)
        del buffer[: end + 4]
        self._scanned = 0
        return self._skip_interim(head) if head.status < 200 else self._begin_body(head)

    def _skip_interim(self, head: Head) -> bool:
        self._interims += 1
        if head.status == 101 or self._interims > INTERIM_LIMIT:
            raise FramingError(f"unexpected interim response {head.status}")
        return True

    def _begin_body(self, head: Head) -> bool:
        self._head = head
        if head.framing == "none":
            self._complete()
        elif head.framing == "length":
            self._missing = head.length or 0
            self._check_limit(self._missing)
            self._step = ResponseParser._read_sized
        else:
            chunked = head.framing == "chunked"
            self._step = (
                ResponseParser._read_chunk_line if chunked else ResponseParser._read_until_close
            )
        return True

    def _check_limit(self, size: int) -> None:
        if size > self._limit:
            raise FramingError(f"body above {self._limit} bytes")

    def _read_sized(self) -> bool:
        self._move(self._missing)
        if not self._missing:
            self._complete()
        return False

    def _read_until_close(self) -> bool:
        self._check_limit(self._size + len(self._buffer))
        self._move(len(self._buffer))
        return False

    def _move(self, most: int) -> None:
        piece = self._buffer[:most]
        del self._buffer[:most]
        if self._size == self._matched and self._expected.startswith(piece, self._matched):
            self._matched += len(piece)
        else:
            self._rest += piece[: self._kept - len(self._rest)]
        self._size += len(piece)
        self._missing -= len(piece)

    def _take_line(self, limit: int, what: str) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if (len(self._buffer) - 1 if end < 0 else end) > limit:
            raise FramingError(f"{what} above {limit} bytes")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _read_chunk_line(self) -> bool:
        line = self._take_line(CHUNK_LINE_LIMIT_BYTES, "chunk size line")
        if line is None:
            return False
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise FramingError(f"not a chunk size: {_show(line)}")
        self._missing = int(match[1], 16)
        self._check_limit(self._size + self._missing)
        self._step = ResponseParser._read_chunk if self._missing else ResponseParser._read_trailer
        return True

    def _read_chunk(self) -> bool:
        self._move(self._missing)
        if self._missing or len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise FramingError("a chunk is longer than its size says")
        del self._buffer[:2]
        self._step = ResponseParser._read_chunk_line
        return True

    def _read_trailer(self) -> bool:
        line = self._take_line(HEAD_LIMIT_BYTES - self._scanned, "trailers")
        if line is None:
            return False
        if not line:
            self._complete()
            return False
        _parse_field(line)
        self._scanned += len(line)
        return True
