"""A load file: requests by weight or sessions in order, their correct responses, and options.

The command line may override the options. Every error names the file and the place in it.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote_plus

import msgspec
from msgspec import Struct

from whichworker import foreign, units
from whichworker.errors import UsageError
from whichworker.model import Answer, Check, Request, Session, Stage, Step
from whichworker.workloads.expect import NAME, parse_capture, parse_expect
from whichworker.workloads.file_tables import (
    AskTable,
    FileTable,
    RequestTable,
    SessionTable,
    StageTable,
    StepTable,
    Texts,
    convert,
    each,
    naming,
    unit_of,
)
from whichworker.workloads.target import parse_host, parse_target

PLACE = re.compile(r"\$(?:\$|\{([^}]*)(\}?))")
PATH = re.compile(r"/[\x21-\x7e]*")
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class Definition(Struct, frozen=True, kw_only=True):
    """The contents of a load file; None, or empty, for an absent key.

    `time` and `deadline` are in seconds, `rate` is per second, `ca` a path from the current folder.
    """

    url: str | None = None
    host: str | None = None
    requests: tuple[Request, ...] = ()
    sessions: tuple[Session, ...] = ()
    connections: int | None = None
    rate: float | None = None
    arrivals: Literal["constant", "poisson"] | None = None
    time: float | None = None
    stages: tuple[Stage, ...] = ()
    deadline: float | None = None
    ca: str | None = None
    insecure: bool | None = None


def read_definition(path: Path) -> Definition:
    """Read a load file; raises UsageError if it cannot be read or describes no possible load."""
    try:
        text = foreign.text_of(path)
    except foreign.Unreadable as error:
        raise UsageError(
            f"the load file {path} cannot be read: {error}",
            hint="check its name, and save it as UTF-8",
        ) from error
    return parse_definition(text, path)


def parse_definition(text: str, path: Path) -> Definition:
    """Read the text of a load file; messages name its `path`, whose folder has its other files."""
    with naming(str(path)):
        try:
            table = foreign.toml_in(text, dict[str, Any])
        except foreign.Unreadable as error:
            raise UsageError(str(error), hint="see docs/guides/load-files.md") from error
        if not table:
            raise UsageError("it is empty", hint='write [[request]] and path = "/" below it')
        return _read_file(table, path.parent)


def _read_file(table: dict[str, Any], folder: Path) -> Definition:
    file = convert(table, FileTable)
    _check_whole(file)
    requests = tuple(each(file.request, "request", _read_request))
    sessions = tuple(each(file.session, "session", _read_session))
    _check_names([request.title for request in requests], "requests")
    _check_names([session.name for session in sessions], "sessions")
    if file.url is not None:
        with naming("url"):
            _check_url(file.url)
    return Definition(
        url=file.url,
        host=_host(file.host),
        requests=requests,
        sessions=sessions,
        connections=file.connections,
        rate=unit_of("rate", file.rate, units.parse_rate),
        arrivals=file.arrivals,
        time=unit_of("time", file.time, units.parse_duration),
        stages=_read_stages(file.stages),
        deadline=unit_of("deadline", file.deadline, units.parse_duration),
        ca=str(folder / file.ca) if file.ca else None,
        insecure=file.insecure,
    )


def _host(text: str | None) -> str | None:
    if text is None:
        return None
    with naming("host"):
        return parse_host(text)


def _check_whole(file: FileTable) -> None:
    if file.request and file.session:
        raise UsageError(
            "both requests and sessions",
            hint="write each request as a session of one step, or use two files",
        )
    if not file.request and not file.session:
        raise UsageError(
            "neither a request nor a session", hint='write [[request]] and path = "/" below it'
        )
    if file.stages:
        for key in ("rate", "time"):
            if getattr(file, key) is not None:
                raise UsageError(
                    f"both {key} and stages",
                    hint="the stages say how long and how many; leave the other out",
                )


def _check_url(url: str) -> None:
    if parse_target(url).path != "/":
        raise UsageError(f"a path in {url!r}", hint="the path belongs to each request or step")


def _check_names(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"two {what} are called {name!r}",
                hint="give each a name of its own: results are listed by it",
            )


def _read_stages(tables: list[Any]) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for read in each(tables, "stage", lambda table, _: convert(table, StageTable)):
        with naming(f"stage {len(stages) + 1}"):
            before = stages[-1].end_rate if stages else 0.0
            start = before if read.start is None else _rate(read.start)
            stages.append(Stage(units.parse_duration(read.duration), start, _rate(read.target)))
    if stages and not any(stage.start_rate or stage.end_rate for stage in stages):
        raise UsageError(
            "no stage asks for anything",
            hint='such as stages = [{ duration = "10s", target = "200/s" }]',
        )
    return tuple(stages)


def _rate(text: str) -> float:
    return (
        0.0 if re.fullmatch(r"\s*0(?:\s*/\s*(?:s|m|min|h))?\s*", text) else units.parse_rate(text)
    )


def _read_request(table: Any, _: int) -> Request:
    read = convert(table, RequestTable)
    request = _build(read, weight=read.weight)
    for name in _names_of(request):
        raise UsageError(
            f"${{{name}}} in a request",
            hint="only a later step of a session knows what was captured; write $$ for a dollar",
        )
    return msgspec.structs.replace(
        request,
        path=request.path.replace("$$", "$"),
        headers=tuple((name, value.replace("$$", "$")) for name, value in request.headers),
        body=request.body.replace(b"$$", b"$"),
    )


def _read_session(table: Any, number: int) -> Session:
    read = convert(table, SessionTable)
    if not read.step:
        raise UsageError("no step", hint='write [[session.step]] and path = "/" below it')
    steps: list[Step] = []
    known: set[str] = set()
    for step in each(read.step, "step", lambda inner, _: _read_step(inner, known)):
        steps.append(step)
        known.update(capture.name for capture in step.captures)
    return Session(name=read.name or f"session {number}", steps=tuple(steps), weight=read.weight)


def _read_step(table: Any, known: set[str]) -> Step:
    if isinstance(table, dict) and "weight" in table:
        raise UsageError(
            "a weight in a step", hint="the session has one; its steps are taken in order"
        )
    read = convert(table, StepTable)
    request = _build(read, weight=1)
    for name in _names_of(request):
        if name not in known:
            late = name in read.capture
            hint = (
                "this step captures it, which is too late" if late else _suggest_name(name, known)
            )
            raise UsageError(f"${{{name}}} is captured by no step before this one", hint=hint)
    captures = tuple(parse_capture(name, text) for name, text in read.capture.items())
    think = unit_of("think_time", read.think_time, units.parse_duration)
    return Step(request=request, captures=captures, think_seconds=think or 0.0)


def _suggest_name(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    if close:
        return f"did you mean ${{{close[0]}}}?"
    return f'write $$ for a dollar, or in a step before: capture = {{ {name} = "cookie:NAME" }}'


def _build(read: AskTable, *, weight: int) -> Request:
    if not PATH.fullmatch(read.path):
        raise UsageError(
            f"not a path: {read.path!r}",
            hint="begin with / and write spaces as %20 and other letters than ASCII as %C3%A9",
        )
    body, kind = _read_body(read)
    headers = list(read.headers.items())
    if kind and not any(name.lower() == "content-type" for name in read.headers):
        headers.append(("Content-Type", kind))
    method = (read.method or ("POST" if body or kind else "GET")).upper()
    if not TOKEN.fullmatch(method):
        raise UsageError(f"not a method: {method!r}", hint="such as GET, POST or DELETE")
    return Request(
        name=read.name,
        method=method,
        path=read.path,
        headers=tuple(headers),
        body=body,
        weight=weight,
        answer=_answer("expect", read.expect, 200),
        # A check ignores the status unless it names one: the response has been judged already.
        checks=tuple(
            Check(name=name, answer=_answer(f"check {name!r}", texts, None))
            for name, texts in read.check.items()
        ),
    )


def _answer(place: str, texts: Texts, status: int | None) -> Answer:
    with naming(place):
        return parse_expect([texts] if isinstance(texts, str) else texts, status)


def _read_body(read: AskTable) -> tuple[bytes, str]:
    """The body and its content type, empty where a plain body says nothing of it."""
    given = [
        name
        for name in ("body", "form", "json")
        if getattr(read, name) not in (None, msgspec.UNSET)
    ]
    if len(given) > 1:
        raise UsageError(f"both {given[0]} and {given[1]}", hint="a request has one body")
    if read.form is not None:
        return _write_form(read.form), "application/x-www-form-urlencoded"
    if read.json is not msgspec.UNSET:
        try:
            return json.dumps(
                read.json, ensure_ascii=False, allow_nan=False
            ).encode(), "application/json"
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(
                f"json: {str(error).lower()}", hint="write dates as texts; JSON has no inf or nan"
            ) from error
    return (read.body or "").encode(), ""


def _write_form(form: Mapping[str, str | int | float]) -> bytes:
    return "&".join(f"{_quote(name)}={_quote(str(value))}" for name, value in form.items()).encode()


def _quote(text: str) -> str:
    """Quoted for a form, all but ${name}: what it stands for is quoted when it is known."""
    quoted, end = "", 0
    for match in PLACE.finditer(text):
        quoted += quote_plus(text[end : match.start()]) + ("%24" if match[0] == "$$" else match[0])
        end = match.end()
    return quoted + quote_plus(text[end:])


def _names_of(request: Request) -> Iterator[str]:
    """The ${name} in its path, headers and body; raises UsageError for an invalid name."""
    for text in (request.path, *(value for _, value in request.headers), request.body.decode()):
        for match in PLACE.finditer(text):
            if match[0] == "$$":
                continue
            if not match[2] or not NAME.fullmatch(match[1]):
                raise UsageError(
                    f"not a name: {match[0][:60]!r}",
                    hint="write ${name} with letters, digits and _, or $$ for a dollar",
                )
            yield match[1]
