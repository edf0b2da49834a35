"""The requests that a file gives, by the option that names it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.model import Request, Session
from whichworker.workloads.definition import read_definition
from whichworker.workloads.sources import access_log, har, mixture, openapi, routes


class GivenRequests(Struct, frozen=True):
    """Requests and their origin; the user chose each of the `named` ones, so each must work.

    With `sessions` there are no single requests.
    """

    requests: tuple[Request, ...]
    source: str
    kind: Literal["named", "recorded", "routes"] = "named"
    left_out: str = ""
    sessions: tuple[Session, ...] = ()


def with_headers(
    first: Sequence[tuple[str, str]], more: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """The first headers, and each further one whose name is new."""
    named = {name.lower() for name, _ in first}
    return (*first, *(pair for pair in more if pair[0].lower() not in named))


def waits_for_a_value(text: str) -> bool:
    """Whether a text of a session waits for a value that an earlier step captures."""
    return "${" in text


def _mixed(seen: Iterator[mixture.Recorded], name: str, unsafe: bool) -> GivenRequests:
    requests, left_out = mixture.mixture(seen, name, unsafe=unsafe)
    return GivenRequests(requests, name, "recorded", left_out)


def _of_schema(path: Path, name: str) -> GivenRequests:
    schema = openapi.schema_in(path)
    seen = list(openapi.requests_of(schema))
    found = mixture.plain(one for one in seen if isinstance(one, Request))
    left = Counter(one.reason for one in seen if isinstance(one, mixture.LeftOut))
    if not found:
        raise UsageError(
            f"no GET of {name} works without parameters",
            seen=mixture.in_words(left),
            hint="give them examples, or name --url /path",
        )
    if len(found) > routes.MOST:
        left["paths beyond the first twelve"] = len(found) - routes.MOST
    below = openapi.base_of(schema)
    source = f"{name}, below {below}" if below else name
    return GivenRequests(found[: routes.MOST], source, "recorded", mixture.in_words(left))


def _of_load_file(path: Path, name: str) -> GivenRequests:
    """The requests of a load file, or the steps of its sessions that only read.

    A step that gives or takes a value is left out.
    """
    definition = read_definition(path)
    steps = [
        step.request
        for session in definition.sessions
        for step in session.steps
        if not step.captures
    ]
    requests = definition.requests or mixture.plain(
        step for step in steps if step.method in mixture.SAFE and not _takes_a_value(step)
    )
    if not requests:
        raise UsageError(
            f"no step of {name} works as a request without the others",
            hint="--sessions race races whole sessions",
        )
    return GivenRequests(requests, name)


def _takes_a_value(request: Request) -> bool:
    values = (value for _, value in request.headers)
    return any(
        map(waits_for_a_value, (request.path, request.body.decode(errors="replace"), *values))
    )


READERS: dict[str, Callable[[Path, str, bool], GivenRequests]] = {
    "from_log": lambda path, name, unsafe: _mixed(access_log.read(path), name, unsafe),
    "from_har": lambda path, name, unsafe: _mixed(har.read(path), name, unsafe),
    "from_openapi": lambda path, name, _: _of_schema(path, name),
    "request_file": lambda path, name, _: _of_load_file(path, name),
}
"""By option: the requests of a file whose name the user knows; writes only if allowed."""
