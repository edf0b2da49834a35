"""The steps of a virtual user's session, with cookies and values carried between them."""

from __future__ import annotations

import json
import re
import time
from calendar import timegm
from collections.abc import Callable, Mapping
from email.utils import parsedate_tz
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from whichworker.errors import UsageError
from whichworker.load.codings import shown
from whichworker.load.framing import BLANK_LINE, Response
from whichworker.load.http1 import can_be_value, encode_request, find_json
from whichworker.model import Capture, Request, Session, Step, Workload

_PLACE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_LOOPBACK = re.compile(
    r"(?:(?:.+\.)?localhost|127(?:\.[0-9]+){3}|\[::1\])(?::[0-9]+)?", re.IGNORECASE
)
_MAX_AGE = re.compile(r"-?[0-9]+")
_FORM = "application/x-www-form-urlencoded"

Escape = Callable[[str], str]


class Template:
    """A text with ${name} in it; `$$` is a dollar, and so is a dollar that begins neither."""

    __slots__ = ("_pieces", "names")

    def __init__(self, text: str) -> None:
        self._pieces = [""]
        self.names: list[str] = []
        end = 0
        for match in _PLACE.finditer(text):
            self._pieces[-1] += text[end : match.start()]
            end = match.end()
            if match[1] is None:
                self._pieces[-1] += "$"
            else:
                self.names.append(match[1])
                self._pieces.append("")
        self._pieces[-1] += text[end:]

    def fill(self, values: Mapping[str, str], escape: Escape) -> str:
        """The text with every name replaced by its escaped value."""
        filled = [self._pieces[0]]
        for name, piece in zip(self.names, self._pieces[1:], strict=True):
            filled += (escape(values[name]), piece)
        return "".join(filled)


def _escape_path(value: str) -> str:
    return quote(value, safe="")


def _escape_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _escape_of_body(request: Request) -> Escape:
    kind = (
        next((value for name, value in request.headers if name.lower() == "content-type"), "")
        .partition(";")[0]
        .strip()
        .lower()
    )
    if kind == _FORM:
        return quote_plus
    return _escape_json if kind == "application/json" or kind.endswith("+json") else str


class Jar:
    """The cookies of one user, as a browser keeps them (RFC 6265).

    `Domain` is ignored, as there is one host. Cookies marked Secure are sent if `secure` is true.
    `clock` gives Unix seconds.
    """

    __slots__ = ("_clock", "_cookies", "_secure")

    def __init__(self, *, secure: bool, clock: Callable[[], float]) -> None:
        self._secure = secure
        self._clock = clock
        self._cookies: dict[
            tuple[str, str], tuple[str, bool]
        ] = {}  # (name, path): (value, sent only where secure)

    def keep(self, line: str, path: str) -> None:
        """Take a Set-Cookie header of a response for this path; ignore what is no cookie."""
        pair, *rest = line.split(";")
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            return
        attributes = {
            key.strip().lower(): text.strip()
            for key, _, text in (part.partition("=") for part in rest)
        }
        scope = attributes.get("path", "")
        key = name, scope if scope.startswith("/") else _default_path(path)
        self._cookies.pop(key, None)
        if not self._is_over(attributes):
            self._cookies[key] = value.strip(), "secure" in attributes

    def _is_over(self, attributes: Mapping[str, str]) -> bool:
        age = attributes.get("max-age", "")
        if _MAX_AGE.fullmatch(age):
            return age.startswith("-") or not age.strip("0")
        ends = _unix_seconds(attributes.get("expires", ""))
        return ends is not None and ends <= self._clock()

    def header(self, path: str) -> str:
        """The Cookie header's value for this path, most specific cookies first; empty for none."""
        bare = path.partition("?")[0]
        found = [
            (-len(scope), f"{name}={value}")
            for (name, scope), (value, guarded) in self._cookies.items()
            if (self._secure or not guarded) and _covers(scope, bare)
        ]
        return "; ".join(text for _, text in sorted(found, key=lambda entry: entry[0]))

    def pairs(self) -> dict[str, str]:
        """All cookies by name, whatever their path; of two of one name the later."""
        return {name: value for (name, _), (value, _) in self._cookies.items()}

    def value(self, name: str) -> str | None:
        """The last value of the cookie with this name, or None."""
        return next(
            (value for (key, _), (value, _) in reversed(self._cookies.items()) if key == name), None
        )


def _default_path(path: str) -> str:
    return path.partition("?")[0].rpartition("/")[0] or "/"


def _covers(scope: str, path: str) -> bool:
    return path == scope or (
        path.startswith(scope) and (scope.endswith("/") or path[len(scope)] == "/")
    )


def _unix_seconds(date: str) -> float | None:
    try:
        parts = parsedate_tz(date)
        return None if parts is None else timegm((*parts[:6], 0, 0, 0)) - (parts[9] or 0)
    except (
        ValueError,
        OverflowError,
        TypeError,
        IndexError,
    ):  # a date nobody can read does not end a cookie
        return None


class PreparedStep:
    """A step with everything that is the same for each iteration done once."""

    __slots__ = ("_body", "_bytes", "_cookie", "_escape", "_headers", "_host", "path", "step")

    def __init__(self, step: Step, host: str) -> None:
        request = step.request
        self.step = step
        self._host = host
        self.path = Template(request.path)
        self._headers = [
            (name, Template(value)) for name, value in request.headers if name.lower() != "cookie"
        ]
        self._cookie = Template(
            "; ".join(value for name, value in request.headers if name.lower() == "cookie")
        )
        # Bodies may have any bytes; surrogates carry those that are not UTF-8 through the template.
        self._body = Template(request.body.decode("utf-8", "surrogateescape"))
        self._escape = _escape_of_body(request)
        encode_request(request, host)  # reports requests that can never be sent, before any is
        self._bytes = None if self.names else self._encode({})

    @property
    def names_in_headers(self) -> list[str]:
        """The names whose values become a part of a header."""
        return [*self._cookie.names, *(name for _, value in self._headers for name in value.names)]

    @property
    def names(self) -> list[str]:
        """All names that the step uses."""
        return [*self.path.names, *self.names_in_headers, *self._body.names]

    def write(self, values: Mapping[str, str], kept: str) -> bytes:
        """The request as bytes; `kept` is what the jar has for it."""
        wire = self._bytes or self._encode(values)
        cookies = "; ".join(filter(None, (self._cookie.fill(values, str), kept)))
        if not cookies:
            return wire
        head, _, body = wire.partition(BLANK_LINE)
        return b"%b\r\nCookie: %b%b%b" % (head, cookies.encode("latin-1"), BLANK_LINE, body)

    def _encode(self, values: Mapping[str, str]) -> bytes:
        request = Request(
            method=self.step.request.method,
            path=self.path.fill(values, _escape_path),
            headers=tuple((name, value.fill(values, str)) for name, value in self._headers),
            body=self._body.fill(values, self._escape).encode("utf-8", "surrogateescape"),
        )
        return encode_request(request, self._host)


class Script:
    """A session as it is carried out at one host; raises UsageError for steps that cannot be."""

    __slots__ = ("in_headers", "is_local", "steps")

    def __init__(self, session: Session, host: str) -> None:
        self.is_local = _LOOPBACK.fullmatch(host) is not None
        self.steps = [PreparedStep(step, host) for step in session.steps]
        self.in_headers = frozenset(name for step in self.steps for name in step.names_in_headers)
        known: set[str] = set()
        for at, step in enumerate(self.steps, start=1):
            for name in step.names:
                if name not in known:
                    raise UsageError(
                        f"step {at} of session {session.name!r} uses ${{{name}}}, "
                        "which no step before it captures"
                    )
            known.update(capture.name for capture in step.step.captures)


@lru_cache(maxsize=256)
def _prepare(session: Session, host: str) -> Script:
    return Script(session, host)


class Iteration:
    """One run through a session, by a user without cookies; redirects are not followed.

    Cookies marked Secure are sent over TLS (`secure`) and, as browsers do, to this machine. The
    owner sends `wire()`, then gives the response to `take()`, until it is `done`. `clock` gives
    Unix seconds, for cookies that have expired. Raises UsageError for a session that cannot be run
    at this host.
    """

    __slots__ = (
        "_jar",
        "_path",
        "_script",
        "_values",
        "_wire",
        "position",
        "session",
        "think_seconds",
    )

    def __init__(
        self,
        session: Session,
        host: str,
        *,
        secure: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.session = session
        self.position = 0
        self.think_seconds = 0.0
        """How long the user thinks after the response to the last step."""
        self._script = _prepare(session, host)
        self._jar = Jar(secure=secure or self._script.is_local, clock=clock)
        self._values: dict[str, str] = {}
        self._path = ""
        self._wire = b""

    @property
    def cookies(self) -> dict[str, str]:
        """The user's cookies so far, by name."""
        return self._jar.pairs()

    @property
    def captured(self) -> dict[str, str]:
        """The values that were captured from responses so far."""
        return dict(self._values)

    @property
    def step(self) -> Step:
        """The step to be sent, or whose response is awaited."""
        return self.session.steps[self.position]

    @property
    def done(self) -> bool:
        """True when every step has had its response."""
        return self.position == len(self._script.steps)

    def wire(self) -> bytes:
        """The request of the current step as bytes: the same ones at each call."""
        if not self._wire:
            prepared = self._script.steps[self.position]
            self._wire = prepared.write(self._values, self._jar.header(self._find_path()))
        return self._wire

    def take(self, response: Response) -> tuple[str, str] | None:
        """Keep the cookies and captured values of the current step's response; go to the next step.

        A value that is missing or unusable gives ("capture", text) and ends the iteration.
        """
        path = self._find_path()
        for name, value in response.headers:
            if name == "set-cookie":
                self._jar.keep(value, path)
        for capture in self.step.captures:
            try:
                self._values[capture.name] = self._check(
                    capture, find_capture(capture, response, self._jar)
                )
            except LookupError as error:
                return "capture", f"{capture.name}: {error.args[0]} (status {response.status})"
        self.think_seconds = self.step.think_seconds
        self.position += 1
        self._path, self._wire = "", b""
        return None

    def _find_path(self) -> str:
        self._path = self._path or self._script.steps[self.position].path.fill(
            self._values, _escape_path
        )
        return self._path

    def _check(self, capture: Capture, value: str) -> str:
        """The value; raises LookupError if a later step needs it in a header and cannot send it."""
        if capture.name in self._script.in_headers and not can_be_value(value):
            raise LookupError(f"a value that cannot be sent, {value[:60]!r}")
        return value


def opening(workload: Workload, host: str) -> tuple[Request, bytes]:
    """The first request of a workload, or of its first session, and its bytes."""
    if not workload.sessions:
        return workload.requests[0], encode_request(workload.requests[0], host)
    user = Iteration(workload.sessions[0], host)
    return user.step.request, user.wire()


def find_capture(capture: Capture, response: Response, jar: Jar) -> str:
    """The value that a capture asks for; raises LookupError, saying what is missing."""
    if capture.source == "cookie":
        return _found(jar.value(capture.key), f"no cookie {capture.key!r}")
    if capture.source == "header":
        key = capture.key.lower()
        return _found(
            next((value for name, value in response.headers if name == key), None),
            f"no header {capture.key!r}",
        )
    if capture.source == "json":
        return _write_json(find_json(shown(response), capture.key), capture.key)
    match = re.search(capture.key, shown(response).decode("utf-8", "replace"))
    return _found(match[1] if match else None, f"nothing that matches {capture.key}")


def _write_json(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise LookupError(f"null at {path}")
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        raise LookupError(f"a value that is nested too deeply at {path}") from None


def _found(value: str | None, otherwise: str) -> str:
    if value is None:
        raise LookupError(otherwise)
    return value
