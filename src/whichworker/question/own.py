"""The requests to the user's own app, named or found by the tool, and what they may do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from whichworker import units
from whichworker.apps.examine import Look
from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.load.http1 import can_be_value
from whichworker.model import Answer, App, Finding, Permits, Request, Session, Workload, codes
from whichworker.question import raced
from whichworker.question.login import Proof, keep_secret
from whichworker.servers import proxies
from whichworker.workloads import forms
from whichworker.workloads.definition import Definition, read_definition
from whichworker.workloads.expect import parse_expect
from whichworker.workloads.sources import mixture, routes, urls
from whichworker.workloads.sources.readers import READERS, GivenRequests, with_headers
from whichworker.workloads.target import parse_host

SOURCES = ("workload", "url", "from_log", "from_har", "from_openapi", "request_file")


def base_of(here: Path, named: str | None) -> Path:
    """The second folder for files named by options: the app's if it was named, else `here`.

    Raises UsageError if its path has bytes that are no text: no result or file could name it.
    """
    base = Path(named).resolve() if named and Path(named).is_dir() else here
    if not units.is_text(str(base)):
        raise UsageError(f"the path {str(base)!r} is not text in UTF-8", hint=units.RENAME)
    return base


def place_of(here: Path, named: str | None, name: str) -> Path:
    """A file in the current folder, else in the app's, whose configuration may have named it."""
    own = base_of(here, named) / name
    return own if not (here / name).exists() and own.exists() else here / name


def permits_of(options: RaceOptions, here: Path) -> Permits:
    """The permissions of the options; raises UsageError for an invalid login, or two of them."""
    file = options.request_file
    raced.check(options)
    logs_in = file and options.sessions == "login"
    session = _logs_in(read_definition(_found(here, file))) if logs_in else None
    if session and options.login:
        raise UsageError(f"--login and a session of {file} both log in", hint="give one of them")
    return Permits(
        writes=options.allow_writes,
        outbound=options.allow_outbound,
        remote_database=options.allow_remote_database,
        login=forms.parse_login(options.login) if options.login else None,
        session=session,
    )


def proof_of(login: str, headers: Sequence[str], *, writes: bool) -> Proof:
    """The login form and headers; raises UsageError if one is invalid or may not write."""
    if login and not writes:
        raise UsageError(
            "a login writes to the app's database: nothing was started",
            hint="--allow-writes, best with a copy of the database",
        )
    found = tuple(_header(text) for text in headers)
    keep_secret(found)
    return Proof(forms.parse_login(login) if login else None, found)


def host_of(options: RaceOptions) -> str:
    """The Host of --host, or of a --header; raises UsageError for one that cannot be, or two."""
    said = [value for name, value in map(_header, options.header) if name.lower() == "host"]
    found = {parse_host(text) for text in (*said, *filter(None, [options.host]))}
    if len(found) > 1:
        raise UsageError(
            f"several hosts: {', '.join(sorted(found))}", hint="give one of them: --host NAME"
        )
    return next(iter(found), "")


def behind(app: App, options: RaceOptions) -> App:
    """The app with the proxy's headers of --header, which its servers then trust as they would."""
    told = [pair for pair in map(_header, options.header) if pair[0].lower() in proxies.HEADERS]
    return msgspec.structs.replace(app, headers=with_headers(told, app.headers)) if told else app


def workload_of(
    options: RaceOptions, app: App, seen: Look | None, here: Path
) -> tuple[Workload, list[Finding]]:
    """The requests to the user's own app; the reference run learns their correct responses.

    Raises UsageError for sources that cannot be read.
    """
    asked = requests_of(options, seen, here)
    if asked.sessions:
        return raced.workload_of(asked)
    ambiguous = ambiguous_in(asked)
    requests = tuple(one for one in asked.requests if one not in ambiguous)
    title = f"{few_of(requests)}, {asked.source}"
    reasons = [f"{one.title}, which servers read differently" for one in ambiguous]
    findings = [
        codes.REQUESTS_LEFT_OUT.finding(f"{asked.source}: {reason}")
        for reason in (asked.left_out, *reasons)
        if reason
    ]
    name = name_of(requests)
    return Workload(name=name, title=title, requests=requests, learn=asked.kind), findings


def name_of(requests: Sequence[Request]) -> str:
    """A workload's name: the path of its only request, or how many there are."""
    return requests[0].path if len(requests) == 1 else f"{len(requests)} requests"


def few_of(requests: Sequence[Request]) -> str:
    """The first three requests, with which a workload's title begins."""
    few = ", ".join(one.title for one in requests[:3])
    return f"{few}{', …' if len(requests) > 3 else ''}"


def ambiguous_in(given: GivenRequests) -> tuple[Request, ...]:
    """Recorded requests that a race leaves out: some servers make one slash of the first two.

    None of those that a user has named, and none if there are no others.
    """
    found = tuple(one for one in given.requests if one.path.startswith("//"))
    return () if given.kind == "named" or len(found) == len(given.requests) else found


def requests_of(options: RaceOptions, seen: Look | None, here: Path) -> GivenRequests:
    """The requests that the options name, else the app's routes, with the headers of the options.

    Raises UsageError for sources that cannot be read.
    """
    given = _given(options, seen, here)
    headers = tuple(
        (name, value) for name, value in map(_header, options.header) if name.lower() != "host"
    )
    if given.sessions:
        return raced.dressed(given, headers)
    answer = parse_expect(options.expect, status=None) if options.expect else None
    requests = tuple(
        msgspec.structs.replace(
            one,
            headers=with_headers(one.headers, headers),
            answer=answer if answer is not None else _open(one.answer),
        )
        for one in given.requests
    )
    for one in requests:
        keep_secret(one.headers)
    return msgspec.structs.replace(given, requests=requests)


def _open(answer: Answer) -> Answer:
    """A default status of 200 is still to be learnt; the user gave any other one."""
    return (
        msgspec.structs.replace(answer, status=None) if answer.status == Answer().status else answer
    )


def _given(options: RaceOptions, seen: Look | None, here: Path) -> GivenRequests:
    named = [name for name in SOURCES if getattr(options, name)]
    if len(named) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in named[:2])
        raise UsageError(f"{first} and {second} both name requests", hint="give one of them")
    if options.url:
        return GivenRequests(urls.parse(options.url), "--url")
    if options.workload.startswith("/"):
        return GivenRequests((Request(path=options.workload),), "--workload")
    if options.workload:
        raise UsageError(
            f"no workload of your own app is called {options.workload!r}",
            hint="name a path: --url /path",
        )
    for name in named:
        file = getattr(options, name)
        if options.sessions == "race":
            return raced.sessions_in(_found(here, file), file)
        return READERS[name](_found(here, file), file, options.allow_writes)
    source = "routes of the app"
    return GivenRequests(routes.requests_of(seen.routes if seen else ()), source, "routes")


def _found(base: Path, name: str) -> Path:
    return Path(name).resolve() if Path(name).exists() else base / name


def _logs_in(definition: Definition) -> Session | None:
    """The session that logs in: one that writes, or that takes values from responses.

    Raises UsageError for several, as each would be another user.
    """
    found = [
        session
        for session in definition.sessions
        if any(step.captures or step.request.method not in mixture.SAFE for step in session.steps)
    ]
    if len(found) > 1:
        names = ", ".join(session.name for session in found)
        raise UsageError(
            f"{len(found)} sessions log in: {names}",
            hint="a race has one user: keep one of them",
        )
    return found[0] if found else None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not can_be_value(value.strip()):
        raise UsageError(f"--header: not a header: {text!r}", hint="write 'Name: value'")
    return name.strip(), value.strip()
