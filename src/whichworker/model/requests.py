"""The requests to an app, and the correct response to each."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from whichworker import redaction

PATIENT_TIMES = 3
"""Of a learnt response time, before a response counts as late: other servers and workers, which
share the core, may be slower than the one that it was learnt with."""


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A correct response; it must meet every given condition.

    `status` (None: any), `headers` it must have, its exact `body` (None: any), texts it `contains`,
    values at dotted paths of its JSON (`json`: path and value as JSON text), the hexadecimal
    SHA-256 of its body (empty: any), its `length` in bytes (None: any).
    """

    status: int | None = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    contains: tuple[bytes, ...] = ()
    json: tuple[tuple[str, str], ...] = ()
    sha256: str = ""
    length: int | None = None

    @property
    def digested(self) -> Answer:
        """The same condition without the body: its digest and length."""
        if self.body is None:
            return self
        return Answer(
            status=self.status,
            headers=self.headers,
            contains=self.contains,
            json=self.json,
            sha256=hashlib.sha256(self.body).hexdigest(),
            length=len(self.body),
        )


class Check(Struct, frozen=True, kw_only=True):
    """A named condition on a response; its passes are counted under its name."""

    name: str
    answer: Answer


class Request(Struct, frozen=True, kw_only=True):
    """One request of a workload and its correct response."""

    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    weight: int = 1
    answer: Answer = Answer()
    checks: tuple[Check, ...] = ()
    name: str = ""

    @property
    def title(self) -> str:
        """Its name, or what it asks for."""
        return self.name or f"{self.method} {self.path}"


class Capture(Struct, frozen=True, kw_only=True):
    """A value from a response for later steps, which write ${name}.

    `key` is the name of a cookie or header, a dotted path of JSON, or a regular expression with
    one group.
    """

    name: str
    source: Literal["cookie", "header", "json", "regex"]
    key: str


class Step(Struct, frozen=True, kw_only=True):
    """One request of a session; ${name} in its path, headers and body is a captured value."""

    request: Request
    captures: tuple[Capture, ...] = ()
    think_seconds: float = 0.0


class Session(Struct, frozen=True, kw_only=True):
    """The steps of one virtual user, in order, once per iteration; its cookie jar starts empty."""

    name: str
    steps: tuple[Step, ...]
    weight: int = 1


class Login(Struct, frozen=True, kw_only=True):
    """A login that is carried out once: a path and the values of its fields. Never stored.

    Without a `method`, the form of the page at `path` is filled in. With one, the fields are sent
    there, as a form or as `json`. `token` is the dotted path of a token in the JSON of the response
    (empty: cookies are the proof); each request sends it in `header`, after `scheme`.
    """

    path: str
    fields: dict[str, str]
    method: str = ""
    json: bool = False
    token: str = ""
    header: str = "Authorization"
    scheme: str = "Bearer"


class Permits(Struct, frozen=True, kw_only=True):
    """The actions that a user allows, and the login: by a form, or by a session that runs once.

    It holds secrets and is never kept anywhere.
    """

    writes: bool = False
    outbound: bool = False
    remote_database: bool = False
    login: Login | None = None
    session: Session | None = None


class Workload(Struct, frozen=True, kw_only=True):
    """The requests; no correct response can arrive sooner than `minimum_service_seconds`.

    With `sessions` there are no single requests: virtual users carry out the steps in order.
    `extras`: the built-in apps need their larger environment for it. `upstream`: the local upstream
    has to run. `twin` is the same workload by async views (or sync ones), if there is one. `learn`:
    the correct responses are still to be learnt from the app; all `named` requests must work,
    `recorded` ones and the app's own `routes` may fail. `response_seconds` is the longest response
    of an app that was learnt, by itself and without load; 0: unknown.
    """

    name: str
    title: str
    requests: tuple[Request, ...]
    minimum_service_seconds: float = 0.0
    extras: bool = False
    upstream: bool = False
    twin: str = ""
    learn: Literal["", "named", "recorded", "routes"] = ""
    response_seconds: float = 0.0
    sessions: tuple[Session, ...] = ()

    @property
    def every(self) -> tuple[Request, ...]:
        """The single requests, or those of all steps of all sessions, with ${name} as written."""
        steps = (step.request for session in self.sessions for step in session.steps)
        return (*self.requests, *steps)

    @property
    def requests_per_session(self) -> float:
        """The mean number of steps, by weight; 1 for single requests."""
        weights = sum(session.weight for session in self.sessions)
        steps = sum(session.weight * len(session.steps) for session in self.sessions)
        return steps / weights if weights else 1.0

    def with_every(self, requests: Sequence[Request]) -> Workload:
        """The same with these requests in the places of `every`."""
        fresh = iter(requests)
        replace = msgspec.structs.replace
        single = tuple(next(fresh) for _ in self.requests)
        sessions = tuple(
            replace(
                session,
                steps=tuple(replace(step, request=next(fresh)) for step in session.steps),
            )
            for session in self.sessions
        )
        return replace(self, requests=single, sessions=sessions)

    @property
    def digested(self) -> Workload:
        """The same without the app's pages: a correct body is its digest and length."""
        replace = msgspec.structs.replace
        return self.with_every(
            [
                replace(
                    one,
                    answer=one.answer.digested,
                    checks=tuple(
                        replace(check, answer=check.answer.digested) for check in one.checks
                    ),
                )
                for one in self.every
            ]
        )

    @property
    def is_secret(self) -> bool:
        """Whether a request has a secret, as after a login or in a step: no run keeps it."""
        texts = [value for request in self.every for _, value in request.headers]
        for session in self.sessions:
            texts += [step.request.body.decode(errors="replace") for step in session.steps]
        return any(redaction.MARK.search(redaction.clean(text)) for text in texts)

    def patience(self, least: float) -> float:
        """Seconds to wait for one response: `least`, or several times the learnt one."""
        return max(least, PATIENT_TIMES * self.response_seconds)


class Address(Struct, frozen=True):
    """The address of a server: a numeric host and a port, or the `path` of a Unix socket."""

    host: str
    port: int
    path: str = ""

    @property
    def is_here(self) -> bool:
        """Whether it is an address of this machine alone: loopback, or a Unix socket."""
        return bool(self.path) or ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Tls(Struct, frozen=True, kw_only=True):
    """A server's proof of identity: its name, and authorities beside or instead of the system's."""

    server_name: str
    ca_file: str = ""
    verify: bool = True
