"""From options to a load: requests, address, pace and limits. Nothing is sent here."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.bench import open_files
from whichworker.config.load_options import LoadOptions
from whichworker.errors import UsageError
from whichworker.load import engines as engine
from whichworker.load.mix import prepare_asks
from whichworker.loadtest.timing import Timing, timing_of
from whichworker.model import (
    Address,
    Answer,
    Finding,
    Load,
    Pace,
    Request,
    Session,
    Stage,
    Tls,
    codes,
)
from whichworker.result import AskedLoad
from whichworker.workloads.definition import Definition, read_definition
from whichworker.workloads.expect import parse_expect
from whichworker.workloads.target import Target, is_own, parse_host, parse_target, resolve

MOST_CONNECTIONS = 65_000
"""About the ports that one client address can use towards one server."""
MOST_REQUESTS = 100_000_000
"""As in `timing`: more would take hours, and much memory for the schedule."""
MOST_BACKLOG = 10_000_000
"""Waiting requests; each costs memory, and a longer queue is a wrong rate."""
LONGEST_DEADLINE = 600.0
"""Seconds; a slower response is a job and not a request."""
STRONGER = ("--", "WHICHWORKER_")
"""Origins of values that override a load file; the file overrides configuration and defaults."""
OF_FILE = ("host", "connections", "rate", "arrivals", "time", "deadline", "ca", "insecure")
OF_REQUESTS = ("method", "header", "body", "expect")


class LoadPlan(Struct, frozen=True, kw_only=True):
    """A load and its question; `addresses` are all of the host, `load.address` is the first."""

    load: Load
    asked: AskedLoad
    addresses: tuple[Address, ...]
    engine: str
    engine_reason: str
    cores: tuple[int, ...]
    findings: tuple[Finding, ...] = ()


def plan(text: str, options: LoadOptions, origins: Mapping[str, str], *, owned: bool) -> LoadPlan:
    """The load of a URL or a load file; this resolves the name of its host once.

    Raises UsageError for a request that cannot be sent, or a target outside this machine without
    `owned`.
    """
    file = None if _is_url(text) else Path(text)
    said = {name for name, origin in origins.items() if origin.startswith(STRONGER)}
    definition = _definition(file, said) if file else None
    if definition:
        options, said = _filled(options, said, definition)
    stages = definition.stages if definition else ()
    options = _paced(options, said, stages)
    check(options)
    open_files.check(options.connections)
    cores = generator_cores(options.threads)
    url = _url(options, said, definition, text)
    target = _named(parse_target(url), options.host)
    if definition and target.path != "/":
        raise UsageError(
            f"a path in {url!r}", hint="the path belongs to each request or step of the file"
        )
    timing = timing_of(options, said, stages)
    requests, sessions = (
        (definition.requests, definition.sessions)
        if definition
        else ((_request(options, target),), ())
    )
    addresses = tuple(resolve(target))
    if not owned and not all(is_own(address) for address in addresses):
        fact = f"{target.host} is not on this machine: an unwanted load is an attack"
        raise UsageError(fact, hint="add --i-own-this-target if it is yours and you may load it")
    load = _load(
        options, timing, target, addresses[0], requests, sessions, _tls(options, said, target)
    )
    prepare_asks(load)  # raises for a request that cannot be sent, before any is
    name, why = engine.choose(load)
    return LoadPlan(
        load=load,
        asked=_asked(options, load, timing, url=url, file=file, cores=cores),
        addresses=addresses,
        engine=name,
        engine_reason=why,
        cores=cores,
        findings=(*_unchecked(requests, sessions), *_crowded(cores)),
    )


def check(options: LoadOptions) -> None:
    """Raise UsageError for a number that no load can have."""
    bounds = {
        "connections": (1, MOST_CONNECTIONS),
        "requests": (1, MOST_REQUESTS),
        "threads": (1, options.connections),
        "backlog": (1, MOST_BACKLOG),
        "seed": (0, 2**63 - 1),
    }
    for name, (least, most) in bounds.items():
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            raise UsageError(
                f"--{name} must be between {least} and {most:,}, not {value:,}", hint=_cure(name)
            )
    if options.deadline > LONGEST_DEADLINE:
        raise UsageError(
            f"--deadline must be at most {LONGEST_DEADLINE:g} s, not {options.deadline:g} s",
            hint="such as --deadline 30s",
        )


def generator_cores(threads: int) -> tuple[int, ...]:
    """The last cores that this process may use; raises UsageError if there are too few."""
    cores = tuple(sorted(os.sched_getaffinity(0)))
    if threads > len(cores):
        raise UsageError(
            f"{threads} threads need as many cores; {len(cores)} can be used",
            hint=f"--threads {max(1, len(cores) - 1)}",
        )
    return cores[-threads:]


def _cure(name: str) -> str:
    return (
        "each thread needs a connection"
        if name == "threads"
        else f"leave --{name} out for the default"
    )


def _is_url(text: str) -> bool:
    return not Path(text).is_file() and not text.endswith(".toml")


def _definition(file: Path, said: set[str]) -> Definition:
    if over := [name for name in OF_REQUESTS if name in said]:
        raise UsageError(
            f"--{over[0]} cannot change the requests of {file}",
            hint="write it into the file, or give a URL",
        )
    return read_definition(file)


def _filled(
    options: LoadOptions, said: set[str], definition: Definition
) -> tuple[LoadOptions, set[str]]:
    """The options with the file's values, except where stronger origins or a pace override them."""
    paced = "rate" in said or "stage" in said
    found = {}
    for name in OF_FILE:
        value = getattr(definition, name)
        if value is not None and name not in said and not (paced and name == "rate"):
            found[name] = value
    return msgspec.structs.replace(options, **found), {*said, *found}


def _paced(options: LoadOptions, said: set[str], stages: tuple[Stage, ...]) -> LoadOptions:
    """A rate given by the user replaces configured stages, and stages replace a configured rate."""
    if "rate" not in said and ("stage" in said or stages):
        return msgspec.structs.replace(options, rate=None)
    return (
        msgspec.structs.replace(options, stage=())
        if "rate" in said and "stage" not in said
        else options
    )


def _url(options: LoadOptions, said: set[str], definition: Definition | None, text: str) -> str:
    if definition is None:
        if "url" in said:
            raise UsageError("two URLs are given", hint="--url replaces the one in a load file")
        return text
    url = options.url or definition.url
    if not url:
        raise UsageError(
            f"{text} names no url",
            hint='write url = "http://127.0.0.1:8000" into it, or give --url',
        )
    return url


def _named(target: Target, host: str) -> Target:
    """The target under another name, for its Host header and its certificate."""
    if not host:
        return target
    header = parse_host(host)
    server = parse_target(f"http://{header}").host.partition("%")[0]
    tls = msgspec.structs.replace(target.tls, server_name=server) if target.tls else None
    return msgspec.structs.replace(target, host_header=header, tls=tls)


def _request(options: LoadOptions, target: Target) -> Request:
    body = _body(options.body)
    answer = parse_expect(options.expect) if options.expect else Answer()
    method = options.method.upper() or ("POST" if body else "GET")
    return Request(
        method=method,
        path=target.path,
        headers=tuple(map(_header, options.header)),
        body=body,
        answer=answer,
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(
            f"not a header: {text!r}",
            hint="write NAME: VALUE, such as --header 'Accept: text/html'",
        )
    return name.strip(), value.strip()


def _body(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise UsageError(
            f"the body {text[1:]} cannot be read: {error.strerror}",
            hint="--body @FILE reads a file, --body TEXT sends a text",
        ) from error


def _load(
    options: LoadOptions,
    timing: Timing,
    target: Target,
    address: Address,
    requests: tuple[Request, ...],
    sessions: tuple[Session, ...],
    tls: Tls | None,
) -> Load:
    return Load(
        address=address,
        host=target.host_header,
        requests=requests,
        sessions=sessions,
        connections=options.connections,
        settle_seconds=timing.warmup_seconds,
        window_seconds=timing.seconds,
        stagger_seconds=timing.ramp_seconds,
        deadline_seconds=options.deadline,
        seed=options.seed if options.seed is not None else secrets.randbelow(2**31),
        pace=timing.pace,
        tls=tls,
        engine=options.engine,
        threads=options.threads,
        limit=options.requests or MOST_REQUESTS,
        flood=None,
        receive_delay=options.receive_delay,
        keep_alive=not options.no_keep_alive,
    )


def _tls(options: LoadOptions, said: set[str], target: Target) -> Tls | None:
    if target.tls is not None:
        if options.ca and not Path(options.ca).is_file():
            raise UsageError(
                f"there is no file {options.ca}",
                hint="--ca needs a file of certificates in PEM form",
            )
        return msgspec.structs.replace(target.tls, ca_file=options.ca, verify=not options.insecure)
    for name in ("ca", "insecure"):
        if name in said:
            raise UsageError(f"--{name} is for https only", hint="begin the URL with https://")
    return None


def _asked(
    options: LoadOptions,
    load: Load,
    timing: Timing,
    *,
    url: str,
    file: Path | None,
    cores: tuple[int, ...],
) -> AskedLoad:
    pace: Pace | None = load.pace
    return AskedLoad(
        url=url,
        address=str(load.address),
        sessions=tuple(session.name for session in load.sessions),
        requests=options.requests,
        time_seconds=load.window_seconds,
        connections=load.connections,
        rate_per_second=timing.rate,
        arrivals=pace.arrivals if pace else None,
        stages=timing.stages,
        backlog=pace.backlog if pace else None,
        spin=pace.spin if pace else None,
        threads=load.threads,
        generator_cores=cores,
        engine=load.engine,
        seed=load.seed,
        expect=options.expect,
        file=str(file) if file else None,
        deadline_seconds=load.deadline_seconds,
        warmup_seconds=load.settle_seconds,
        ramp_seconds=load.stagger_seconds,
    )


def _unchecked(requests: tuple[Request, ...], sessions: tuple[Session, ...]) -> list[Finding]:
    every = [*requests, *(step.request for session in sessions for step in session.steps)]
    bare = [
        request.title
        for request in every
        if not request.checks and request.answer in (Answer(), Answer(status=None))
    ]
    if not bare:
        return []
    what = bare[0] if len(bare) == 1 else f"{len(bare)} requests"
    code, text = codes.ANSWER_UNCHECKED, f"Responses to {what} are checked by their status only"
    return [code.finding(text, severity="info", hint=code.cure)]


def _crowded(cores: tuple[int, ...]) -> list[Finding]:
    if len(cores) < len(os.sched_getaffinity(0)):
        return []
    text = "The load generator uses every core, so a server on this machine shares one with it"
    return [codes.CORES_SHARED.finding(text, hint="allow more cores than --threads")]
