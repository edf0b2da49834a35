"""What is asked of an app of one's own: the requests that were named, or those that it is seen to have; and what may be done with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.apps.examine import Look
from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.load.http1 import can_be_value
from whichworker.model import Answer, App, Finding, Permits, Request, Session, Workload
from whichworker.question.login import Proof, captured, keep_secret
from whichworker.workloads import forms
from whichworker.workloads.definition import Definition, read_definition
from whichworker.workloads.expect import parse_expect
from whichworker.workloads.sources import access_log, har, mixture, openapi, routes, urls

SOURCES = ("workload", "url", "from_log", "from_har", "from_openapi", "requests")


class Asked(Struct, frozen=True):
    """Requests, and where they come from."""

    requests: tuple[Request, ...]
    source: str
    named: bool = True
    left_out: str = ""


def base_of(here: Path, named: str | None) -> Path:
    """The folder that names of files are looked for in beside the current one: the app's, where that was named."""
    return Path(named).resolve() if named and Path(named).is_dir() else here


def place_of(here: Path, named: str | None, name: str) -> Path:
    """A file by its name in the current folder, or in the app's, whose configuration may have named it."""
    own = base_of(here, named) / name
    return own if not (here / name).exists() and own.exists() else here / name


def permits_of(options: RaceOptions, here: Path) -> Permits:
    """What the options allow; raises UsageError for a login that is none, or two of them."""
    session = (
        _logs_in(read_definition(_found(here, options.requests))) if options.requests else None
    )
    if session and options.login:
        raise UsageError(
            f"--login and a session of {options.requests} both log in", hint="give one of them"
        )
    return Permits(
        writes=options.allow_writes,
        outbound=options.allow_outbound,
        remote_database=options.allow_remote_database,
        login=forms.parse_login(options.login) if options.login else None,
        session=session,
    )


def proof_of(login: str, headers: Sequence[str], *, writes: bool) -> Proof:
    """What proves again who asks; raises UsageError for a login that is none, or that may not write."""
    if login and not writes:
        raise UsageError(
            "a login writes to the app's database: nothing was started",
            hint="--allow-writes, best with a copy of the database",
        )
    found = tuple(_header(text) for text in headers)
    keep_secret(found)
    return Proof(forms.parse_login(login) if login else None, found)


def workload_of(
    options: RaceOptions, app: App, seen: Look | None, here: Path
) -> tuple[Workload, list[Finding]]:
    """What is asked of an app of one's own, its right answers still to be learnt; raises UsageError for sources that cannot be read."""
    asked = _asked(options, seen, here)
    headers = tuple(_header(text) for text in options.header)
    answer = parse_expect(options.expect, status=None) if options.expect else None
    requests = tuple(
        msgspec.structs.replace(
            one,
            headers=_with(one.headers, headers),
            answer=answer if answer is not None else _open(one.answer),
        )
        for one in asked.requests
    )
    for one in requests:
        keep_secret(one.headers)
    name = requests[0].path if len(requests) == 1 else f"{len(requests)} requests"
    title = f"{', '.join(one.title for one in requests[:3])}{', …' if len(requests) > 3 else ''}, {asked.source}"
    findings = (
        [
            Finding(
                code="requests-left-out", severity="info", text=f"{asked.source}: {asked.left_out}"
            )
        ]
        if asked.left_out
        else []
    )
    return Workload(
        name=name, title=title, requests=requests, learn="named" if asked.named else "found"
    ), findings


def _open(answer: Answer) -> Answer:
    """The status of 200 that nobody said is still to be learnt; another one was said."""
    return (
        msgspec.structs.replace(answer, status=None) if answer.status == Answer().status else answer
    )


def _with(
    first: Sequence[tuple[str, str]], more: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    named = {name.lower() for name, _ in first}
    return (*first, *(pair for pair in more if pair[0].lower() not in named))


def _asked(options: RaceOptions, seen: Look | None, here: Path) -> Asked:
    named = [f"--{name.replace('_', '-')}" for name in SOURCES if getattr(options, name)]
    if len(named) > 1:
        raise UsageError(
            f"{named[0]} and {named[1]} both say what is asked", hint="give one of them"
        )
    if given := next(_given(options, here), None):
        return given
    return Asked(
        routes.requests_of(seen.routes if seen else ()),
        f"routes of the {(seen and seen.framework) or 'app'}",
        named=False,
    )


def _given(options: RaceOptions, here: Path) -> Iterator[Asked]:
    """What was named; each source at most once."""
    unsafe = options.allow_writes
    if options.workload:
        if not options.workload.startswith("/"):
            raise UsageError(
                f"no workload of your own app is called {options.workload!r}",
                hint="name a path: --url /path",
            )
        yield Asked((Request(path=options.workload),), "--workload")
    if options.url:
        yield Asked(urls.parse(options.url), "--url")
    if options.from_log:
        yield _mixed(
            access_log.read(_found(here, options.from_log)), options.from_log, unsafe=unsafe
        )
    if options.from_har:
        yield _mixed(har.read(_found(here, options.from_har)), options.from_har, unsafe=unsafe)
    if options.from_openapi:
        found = mixture.plain(openapi.read(_found(here, options.from_openapi)))
        if not found:
            raise UsageError(
                f"no GET of {options.from_openapi} can be asked without parameters",
                hint="give them examples, or name --url /path",
            )
        yield Asked(found[: routes.MOST], options.from_openapi, named=False)
    if options.requests:
        yield _of_file(_found(here, options.requests), options.requests)


def _found(base: Path, name: str) -> Path:
    return Path(name).resolve() if Path(name).exists() else base / name


def _mixed(seen: Iterator[Request], name: str, *, unsafe: bool) -> Asked:
    requests, left_out = mixture.mixture(seen, name, unsafe=unsafe)
    return Asked(requests, name, named=False, left_out=left_out)


def _of_file(path: Path, name: str) -> Asked:
    """The requests of a load file; of its sessions the steps that read, and neither give nor take a value, each as a request."""
    definition = read_definition(path)
    steps = [
        step.request
        for session in definition.sessions
        for step in session.steps
        if not step.captures
    ]
    requests = definition.requests or mixture.plain(
        step for step in steps if step.method in mixture.SAFE and not _captured(step)
    )
    if not requests:
        raise UsageError(
            f"no step of {name} can be asked by itself",
            hint="race requests; whichworker load asks sessions",
        )
    return Asked(requests, name)


def _logs_in(definition: Definition) -> Session | None:
    """The session that is carried out once, for its cookies: the one that sends something, or that takes values from answers.

    Raises UsageError where there are several, as each would be another user.
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
            hint="a race is asked by one user: leave one of them",
        )
    return found[0] if found else None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not can_be_value(value.strip()):
        raise UsageError(
            f"--header: not a header: {text!r}", hint="write 'Accept: application/json'"
        )
    return name.strip(), value.strip()


def _captured(request: Request) -> bool:
    return any(
        captured(text)
        for text in (
            request.path,
            request.body.decode(errors="replace"),
            *(value for _, value in request.headers),
        )
    )
