"""What is asked of an app, and what a right answer is."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a right answer is; every condition that is given must hold.

    `status` (None: any), `headers` it must have, its exact `body` (None: any), texts it `contains`, values at dotted
    paths of its JSON (`json`: path and value as JSON text), the hexadecimal SHA-256 of its body (empty: any).
    """

    status: int | None = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    contains: tuple[bytes, ...] = ()
    json: tuple[tuple[str, str], ...] = ()
    sha256: str = ""


class Check(Struct, frozen=True, kw_only=True):
    """A named condition on an answer; how often it passed is counted under its name."""

    name: str
    answer: Answer


class Request(Struct, frozen=True, kw_only=True):
    """One request of a workload and the answer that is right for it."""

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
    """A value taken from an answer for the steps after it, where they write ${name}.

    `key` is the name of a cookie or header, a dotted path of JSON, or a regular expression with one group.
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
    """What one virtual user does in order, once per iteration, with a cookie jar of its own that starts empty."""

    name: str
    steps: tuple[Step, ...]
    weight: int = 1


class Login(Struct, frozen=True, kw_only=True):
    """A form that is filled in and sent once: its path, and what is written into its fields. Never kept anywhere."""

    path: str
    fields: dict[str, str]


class Permits(Struct, frozen=True, kw_only=True):
    """What a user allows a tool to do with his own app, and how it logs in: by a form, or by a session that is carried out once.

    It holds secrets and is never kept anywhere.
    """

    writes: bool = False
    outbound: bool = False
    remote_database: bool = False
    login: Login | None = None
    session: Session | None = None


class Workload(Struct, frozen=True, kw_only=True):
    """What is asked. No right answer can arrive sooner than `minimum_service_seconds`.

    `extras`: the built-in apps need their larger environment for it. `upstream`: the local upstream has to run.
    `twin` is the same workload by async views (or sync ones), where there is one.
    `learn`: the right answers are still to be learnt from the app; `named` requests must all be answered, `found` ones are tried.
    """

    name: str
    title: str
    requests: tuple[Request, ...]
    minimum_service_seconds: float = 0.0
    extras: bool = False
    upstream: bool = False
    twin: str = ""
    learn: Literal["", "named", "found"] = ""


class Address(Struct, frozen=True):
    """Where a server listens: a numeric host and a port, or the `path` of a Unix socket."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Tls(Struct, frozen=True, kw_only=True):
    """How a server proves who it is: its name, and the authorities to trust beside or instead of the system's."""

    server_name: str
    ca_file: str = ""
    verify: bool = True
