"""HTTP/1.1 as a client speaks it: the bytes of a request, one answer fetched, and whether it is the right one."""

from __future__ import annotations

import re
import socket
import time

from whichworker.errors import UsageError
from whichworker.load.framing import FramingError, Response, ResponseParser, TruncatedError
from whichworker.model import Address, Answer, Request

__all__ = ["FramingError", "Response", "ResponseParser", "TruncatedError", "encode_request", "fetch", "judge_answer"]

READ_BYTES = 64 * 1024
SAMPLE_CHARACTERS = 60

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"(?:/|\*|https?://)[\x21-\x7e]*")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMED_HERE = ("host", "connection", "content-length", "transfer-encoding", "expect", "upgrade")
_BODY_EXPECTED = ("POST", "PUT", "PATCH")


def encode_request(request: Request, host: str) -> bytes:
    """Write a request as the bytes of a keep-alive HTTP/1.1 message to this host.

    Raises UsageError for anything that would not stay one message: line breaks, spaces in the path, a method or a
    header name that is no token, and the headers that frame a message, which are written here.
    """
    if not _TOKEN.fullmatch(request.method) or request.method == "CONNECT":
        raise UsageError(f"not a method that can be sent: {request.method!r}")
    if not _TARGET.fullmatch(request.path):
        raise UsageError(f"not a path: {request.path!r}", hint="begin with / and write spaces and non-ASCII letters as %20")
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {_check_value('Host', host)}"]
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name) or name.lower() in _FRAMED_HERE:
            raise UsageError(f"not a header that can be sent: {name!r}")
        lines.append(f"{name}: {_check_value(name, value)}")
    if request.body or request.method in _BODY_EXPECTED:
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body


def _check_value(name: str, value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise UsageError(f"not a value for the header {name}: {value!r}")
    return value


def family_of(address: Address) -> socket.AddressFamily:
    """The family of sockets that reaches a numeric loopback address."""
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET


def fetch(address: Address, request: Request, host: str, timeout: float) -> Response:
    """Ask once on a connection of its own, with the same bytes a load would send; `timeout` seconds for all of it.

    Raises OSError where no connection could be made or kept (TimeoutError for the deadline) and FramingError where
    the answer is none.
    """
    ends = time.monotonic() + timeout
    parser = ResponseParser(request.method)
    with socket.socket(family_of(address), socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect((address.host, address.port))
        sock.sendall(encode_request(request, host))
        while True:
            left = ends - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no complete answer within {timeout:g} s")
            sock.settimeout(left)
            data = sock.recv(READ_BYTES)
            response = parser.feed(data) if data else parser.finish()
            if response is not None:
                return response


def judge_answer(answer: Answer, response: Response) -> tuple[str, str] | None:
    """Compare a response with the right answer: None, or a word of `model.FAILURE_KINDS` and what was seen."""
    if response.status != answer.status:
        return "status", f"expected status {answer.status}, got {response.status}; body starts {_start(response.body)}"
    for name, value in answer.headers:
        seen = [text for key, text in response.headers if key == name.lower()]
        if value not in seen:
            return "header", f"expected header {name}: {value!r}, got {', '.join(map(repr, seen)) or 'none'}"
    if answer.body is not None and response.body != answer.body:
        return "body", _describe_body(answer.body, response.body)
    return None


def _describe_body(expected: bytes, body: bytes) -> str:
    same = next((at for at, (a, b) in enumerate(zip(expected, body, strict=False)) if a != b), min(len(expected), len(body)))
    return (
        f"expected a body of {len(expected)} bytes, got {len(body)}; from byte {same} on "
        f"expected {_start(expected[same:])}, got {_start(body[same:])}"
    )


def _start(body: bytes) -> str:
    return repr(body[:SAMPLE_CHARACTERS].decode("utf-8", "replace"))
