"""HTTP/1.1 on the client side: the bytes of a request, one fetch, and whether it is correct."""

from __future__ import annotations

import bisect
import hashlib
import re
import socket
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from whichworker.errors import UsageError
from whichworker.load.codings import CodingError, codings, decoded, shown
from whichworker.load.framing import FramingError, Response, ResponseParser, TruncatedError
from whichworker.load.tls import tls_context
from whichworker.model import Address, Answer, Request, Tls

__all__ = [
    "FramingError",
    "Response",
    "ResponseParser",
    "TruncatedError",
    "describe_missing",
    "encode_request",
    "family_of",
    "fetch",
    "find_json",
    "judge_answer",
    "judge_request",
]

READ_BYTES = 64 * 1024  # of one recv: as much as loopback delivers at once
SAMPLE_CHARACTERS = 60  # shown of a wrong response: they fit on a line
LEAST_SAME = 12  # bytes: a shorter beginning of a text is found anywhere

Verdict = tuple[str, str]
"""A word of `model.FAILURE_KINDS` and the observed value."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"(?:/|\*|https?://)[\x21-\x7e]*")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_INDEX = re.compile(r"[0-9]{1,9}")
_FRAMED_HERE = ("connection", "content-length", "transfer-encoding", "expect", "upgrade")
_BODY_EXPECTED = ("POST", "PUT", "PATCH")


def encode_request(request: Request, host: str) -> bytes:
    """Write a request as the bytes of a keep-alive HTTP/1.1 message to its own Host, or to `host`.

    Raises UsageError for anything that would break the message: line breaks, spaces in the path, a
    method or a header name that is no token, a second Host, and the headers that frame a message:
    it writes those.
    """
    if not _TOKEN.fullmatch(request.method) or request.method == "CONNECT":
        raise UsageError(f"not a method that can be sent: {request.method!r}")
    if not _TARGET.fullmatch(request.path):
        raise UsageError(
            f"not a path: {request.path!r}",
            hint="begin with / and write spaces and non-ASCII letters as %20",
        )
    named = [value for name, value in request.headers if name.lower() == "host"]
    if len(named) > 1:
        raise UsageError(f"{len(named)} Host headers for {request.path}", hint="a request has one")
    host = _check_value("Host", named[0] if named else host)
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {host}"]
    for name, value in request.headers:
        if name.lower() == "host":
            continue
        if not _TOKEN.fullmatch(name) or name.lower() in _FRAMED_HERE:
            raise UsageError(f"not a header that can be sent: {name!r}")
        lines.append(f"{name}: {_check_value(name, value)}")
    if request.body or request.method in _BODY_EXPECTED:
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body


def can_be_value(text: str) -> bool:
    """Whether a text can be a header's value: one line of Latin-1 without control characters."""
    return _VALUE.fullmatch(text) is not None


def _check_value(name: str, value: str) -> str:
    if not can_be_value(value):
        raise UsageError(f"not a value for the header {name}: {value!r}")
    return value


def family_of(address: Address) -> socket.AddressFamily:
    """The family of sockets that reaches an address."""
    if address.path:
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET


def fetch(
    address: Address, request: Request, host: str, timeout: float, tls: Tls | None = None
) -> Response:
    """Send one request on a new connection, as a load would; `timeout` seconds bound it all.

    Raises OSError if the connection fails (TimeoutError for the deadline, ssl.SSLError for the
    encryption), FramingError if the response is malformed, and UsageError for a request or
    authorities that cannot be used.
    """
    return exchange(address, encode_request(request, host), request.method, timeout, tls)


def exchange(
    address: Address, wire: bytes, method: str, timeout: float, tls: Tls | None = None
) -> Response:
    """Send one request's bytes on a new connection and read the response; raises as `fetch`."""
    ends = time.monotonic() + timeout
    with socket.socket(family_of(address), socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect(address.path or (address.host, address.port))
        if tls is None:
            return _ask(sock, wire, ResponseParser(method), ends)
        sock.settimeout(_left(ends))
        with tls_context(tls).wrap_socket(sock, server_hostname=tls.server_name) as encrypted:
            return _ask(encrypted, wire, ResponseParser(method), ends)


def _ask(sock: socket.socket, wire: bytes, parser: ResponseParser, ends: float) -> Response:
    sock.settimeout(_left(ends))
    sock.sendall(wire)
    while True:
        sock.settimeout(_left(ends))
        received = sock.recv(READ_BYTES)
        response = parser.feed(received) if received else parser.finish()
        if response is not None:
            return response


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("no complete response in time")
    return left


def judge_request(
    request: Request, response: Response
) -> tuple[Verdict | None, list[tuple[str, str]]]:
    """Judge a response: the first fault (None: correct), and the name and text of failed checks.

    The expected response is compared first; the checks run in any case.
    """
    verdict = judge_answer(request.answer, response)
    failed = []
    for check in request.checks:
        found = judge_answer(check.answer, response)
        if found is not None:
            failed.append((check.name, found[1]))
    if verdict is None and failed:
        name, text = failed[0]
        verdict = "check", f"{name}: {text}"
    return verdict, failed


def judge_answer(answer: Answer, response: Response) -> Verdict | None:
    """Compare a response with the expected one; None if it is correct."""
    if answer.status is not None and response.status != answer.status:
        start = _start(shown(response))
        got = f"{response.status}{_told(response)}"
        return "status", f"expected status {answer.status}, got {got}; body starts {start}"
    for name, value in answer.headers:
        seen = [text for key, text in response.headers if key == name.lower()]
        if value not in seen:
            return (
                "header",
                f"expected header {name}: {value!r}, got {', '.join(map(repr, seen)) or 'none'}",
            )
    wrong = _judge_form(_judge_whole, answer, response) or _judge_form(
        _judge_parts, answer, response
    )
    return ("body", wrong) if wrong else None


def _told(response: Response) -> str:
    """The header that says more than the status: where to go, or when to come again."""
    for name in ("Location", "Retry-After"):
        for key, value in response.headers:
            if key == name.lower() and (response.status >= 400 or name == "Location"):
                return f" ({name}: {_shorten(value)})"
    return ""


def _judge_form(judge: Callable[[Answer, bytes], str], answer: Answer, response: Response) -> str:
    """Judge the body as it came or, if it is wrong and encoded, decoded: either may be expected."""
    wrong = judge(answer, response.body)
    if not wrong or not codings(response):
        return wrong
    try:
        return judge(answer, decoded(response))
    except CodingError as error:
        return (
            f"the body has Content-Encoding: {', '.join(codings(response))}, and {error}; compare"
            " its bytes by sha256=, or send no Accept-Encoding"
        )


def _judge_whole(answer: Answer, body: bytes) -> str:
    if answer.body is not None and body != answer.body:
        return _describe_body(answer.body, body)
    if answer.length is not None and len(body) != answer.length:
        return f"expected a body of {answer.length} bytes, got {_summary(body)}"
    if answer.sha256:
        digest = hashlib.sha256(body).hexdigest()
        if digest != answer.sha256.lower():
            return f"expected a body with SHA-256 {answer.sha256}, got {digest} of {_summary(body)}"
    return ""


def _judge_parts(answer: Answer, body: bytes) -> str:
    for part in answer.contains:
        if part not in body:
            return describe_missing(part, body)
    for path, expected in answer.json:
        wrong = _judge_json(path, expected, body)
        if wrong:
            return wrong
    return ""


def _judge_json(path: str, expected: str, body: bytes) -> str:
    try:
        value = find_json(body, path)
    except LookupError as error:
        return f"expected {_shorten(expected)} at {path}, got {error.args[0]}"
    if _is_same(value, _parse_expected(expected)):
        return ""
    return f"expected {_shorten(expected)} at {path}, got {_show_json(value)}"


def find_json(body: bytes, path: str) -> Any:
    """The value at a dotted path of a JSON body, where a whole number is an index of a list.

    Raises LookupError with what is there instead.
    """
    try:
        value = _parse_json(body)
    except (ValueError, RecursionError):
        raise LookupError(f"no JSON but {_summary(body)}") from None
    for key in path.split("."):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            raise LookupError(f"no {key!r} in {_show_json(value)}")
    return value


# Several values are read from one response; the parsed form is never changed.
@lru_cache(maxsize=1)
def _parse_json(body: bytes) -> Any:
    return msgspec.json.decode(body)


@lru_cache(maxsize=256)
def _parse_expected(text: str) -> Any:
    return msgspec.json.decode(text)


def _is_same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, as Python has it, but 1.0 is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _describe_body(expected: bytes, body: bytes) -> str:
    same = next(
        (at for at, (a, b) in enumerate(zip(expected, body, strict=False)) if a != b),
        min(len(expected), len(body)),
    )
    return (
        f"expected a body of {len(expected)} bytes, got {len(body)}; from byte {same} on "
        f"expected {_start(expected[same:])}, got {_start(body[same:])}"
    )


def describe_missing(part: bytes, body: bytes) -> str:
    """The place where a body without this part begins to differ from it, and the words before."""
    same = bisect.bisect_left(
        range(1, len(part) + 1), True, key=lambda size: part[:size] not in body
    )
    if same < LEAST_SAME:
        return f"expected a body that contains {_start(part)}, got {_summary(body)}"
    before = max(0, same - SAMPLE_CHARACTERS // 2)
    at = body.index(part[:same]) + before
    return f"expected a body that contains {_start(part[before:])}, got {_start(body[at:])}"


def _show_json(value: Any) -> str:
    try:
        return _shorten(msgspec.json.encode(value).decode())
    except RecursionError:  # what could just be read may be too deep to be written
        return "a value that is nested too deeply"


def _summary(body: bytes) -> str:
    return f"{len(body)} bytes that start {_start(body)}" if body else "an empty body"


def _shorten(text: str) -> str:
    return text if len(text) <= SAMPLE_CHARACTERS else f"{text[:SAMPLE_CHARACTERS]}…"


def _start(body: bytes) -> str:
    return repr(body[:SAMPLE_CHARACTERS].decode("utf-8", "replace"))
