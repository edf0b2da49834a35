"""The cases every server must pass before its speed means anything, and how they are judged."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from whichworker.model import Answer, Interface, Request, Severity, Workload
from whichworker.workloads.answers import JSON
from whichworker.workloads.table import workload

Way = Literal["ask", "chunked", "together", "reuse", "head", "stop", "reload"]
State = Literal["passed", "failed", "timeout", "not applicable"]

BODY = bytes(range(256)) * 781 + b"the end is here!" * 4
"""200 000 bytes, every value among them, with distinct ends."""
SLOW_SECONDS = 0.2
"""A slow view's sleep: far above the response time of any server on a busy machine."""
QUICK_SECONDS = 0.4
"""All rounds of a slow case together, so that the quick cases delay a race by about a second."""
STOP_SECONDS = 0.5
"""The request in flight at a stop: long enough for the signal to arrive in its middle."""
GAP_SECONDS = 0.5
"""A request that waits this long during a reload has met a server without workers."""
TOGETHER = 8
"""Clients of a slow view: enough to tell parallel from serial work."""
PREFIX = "/conformance"
HTML = (("Content-Type", "text/html; charset=utf-8"),)


class Case(Struct, frozen=True, kw_only=True):
    """One check of a server, and in words the correct outcome.

    `gate`: a failure keeps an arm out of the ranking; otherwise it is a finding of this `severity`.
    `async_view`: it requests an async view, which a WSGI server must serve only if async views are
    raced. `quick`: it runs before each race. `each_seconds`: how long a slow view sleeps.
    `under_way_seconds`: the time from a request to the stop signal.
    """

    name: str
    title: str
    right: str
    way: Way
    requests: tuple[Request, ...]
    gate: bool = True
    severity: Severity = "warning"
    async_view: bool = False
    quick: bool = True
    each_seconds: float = 0.0
    under_way_seconds: float = 0.0


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of a case; `note` is one word if there are several ways to pass or to fail.

    `kind` is a word of `model.FAILURE_KINDS`, or `slow` (correct, but not in parallel), `forced`
    (had to be killed), `stale` (no new worker). `hint` mends the cause, if that is known.
    """

    case: str
    state: State = "passed"
    kind: str = ""
    evidence: str = ""
    note: str = ""
    hint: str = ""


def _get(path: str, answer: Answer) -> Request:
    return Request(path=PREFIX + path, answer=answer)


def _json_answer(value: object) -> Answer:
    return Answer(status=200, headers=JSON, body=json.dumps(value).encode())


def post(view: str) -> Request:
    """200 kB to a view that reports the length and digest of what arrived."""
    answer = _json_answer({"bytes": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()})
    headers = (("Content-Type", "application/octet-stream"),)
    return Request(
        method="POST", path=f"{PREFIX}/{view}", headers=headers, body=BODY, answer=answer
    )


def slow(view: str, seconds: float, count: int) -> tuple[Request, ...]:
    """Requests to a view that sleeps; each response must carry the number of its request."""
    return tuple(
        _get(f"/{view}?seconds={seconds}&number={number}", _json_answer({"number": str(number)}))
        for number in range(count)
    )


def _streamed() -> Answer:
    body = b"".join(f"chunk {number}\n".encode() * 200 for number in range(5))
    return Answer(status=200, headers=(("Content-Type", "text/plain"),), body=body)


def _echoed() -> Request:
    sent = {"method": "GET", "path": f"{PREFIX}/headers/café", "word": "café"}
    seen = {**sent, "query": "a=1&b=%20", "host": "localhost", "header": "one, two"}
    return Request(
        path=f"{PREFIX}/headers/caf%C3%A9?a=1&b=%20",
        headers=(("X-Conformance", "one, two"),),
        answer=_json_answer(seen),
    )


def _named(name: str) -> Request:
    (request,) = workload(name).requests
    return request


_ONCE, _SERVED = _named("json"), "the exact response"
_SLOW_RIGHT = "the correct response to each client, in parallel as far as the settings allow"
_FAILED_PAGE = Answer(status=500, headers=HTML, contains=(b"<h1>Server Error (500)</h1>",))

CASES: tuple[Case, ...] = (
    Case(name="json", title="JSON from a sync view", right=_SERVED, way="ask", requests=(_ONCE,)),
    Case(
        name="json-async",
        title="JSON from an async view",
        right=_SERVED,
        way="ask",
        requests=(_named("json-async"),),
        async_view=True,
    ),
    Case(
        name="orm",
        title="a query by the ORM, sync",
        right=_SERVED,
        way="ask",
        requests=(_named("query-json"),),
    ),
    Case(
        name="orm-async",
        title="a query by the ORM, async",
        right=_SERVED,
        way="ask",
        requests=(_named("query-json-async"),),
        async_view=True,
    ),
    Case(
        name="post",
        title="POST of 200 kB with its length",
        right="every byte reaches the view",
        way="ask",
        requests=(post("echo"),),
    ),
    Case(
        name="post-async",
        title="the same to an async view",
        right="every byte reaches the view",
        way="ask",
        requests=(post("echo-async"),),
        async_view=True,
    ),
    Case(
        name="chunked",
        title="POST of 200 kB in chunks",
        right="every byte reaches the view",
        way="chunked",
        requests=(post("echo"),),
        gate=False,
        severity="info",
    ),
    Case(
        name="stream",
        title="five chunks from a generator",
        right="the five chunks, in order",
        way="ask",
        requests=(_get("/stream", _streamed()),),
    ),
    Case(
        name="stream-async",
        title="five chunks from an async generator",
        right="the five chunks, in order",
        way="ask",
        requests=(_get("/stream-async", _streamed()),),
        async_view=True,
    ),
    Case(
        name="slow",
        title=f"{TOGETHER} clients of a sync view that sleeps {SLOW_SECONDS} s",
        right=_SLOW_RIGHT,
        way="together",
        requests=slow("slow", SLOW_SECONDS, TOGETHER),
        each_seconds=SLOW_SECONDS,
    ),
    Case(
        name="slow-async",
        title=f"{TOGETHER} clients of an async view that sleeps {SLOW_SECONDS} s",
        right=_SLOW_RIGHT,
        way="together",
        requests=slow("slow-async", SLOW_SECONDS, TOGETHER),
        each_seconds=SLOW_SECONDS,
        async_view=True,
    ),
    Case(
        name="headers",
        title="path, query, host and a header",
        right="the app receives them as they were sent",
        way="ask",
        requests=(_echoed(),),
    ),
    Case(
        name="404",
        title="a path that does not exist",
        right="status 404 and Django's page",
        way="ask",
        requests=(
            _get("/missing", Answer(status=404, headers=HTML, contains=(b"<h1>Not Found</h1>",))),
        ),
    ),
    Case(
        name="500",
        title="a view that raises, sync and async",
        right="status 500 and Django's page",
        way="ask",
        requests=(_get("/error", _FAILED_PAGE), _get("/error-async", _FAILED_PAGE)),
    ),
    Case(
        name="head",
        title="HEAD, and then GET",
        right="the headers of GET and no body",
        way="head",
        requests=(_ONCE,),
        gate=False,
    ),
    Case(
        name="keep-alive",
        title="a second request on the same connection",
        right="a correct response, unless the first one announces the end of the connection",
        way="reuse",
        requests=(_ONCE,),
        gate=False,
    ),
    Case(
        name="stop",
        title="the stop signal with a request in flight",
        right="a correct response, then the server ends by itself",
        way="stop",
        requests=(*slow("slow", STOP_SECONDS, 1), *slow("slow-async", STOP_SECONDS, 1)),
        gate=False,
        quick=False,
        under_way_seconds=0.2,
    ),
    Case(
        name="reload",
        title="the reload signal during requests",
        right="new workers, and no request lost",
        way="reload",
        requests=(_ONCE,),
        gate=False,
        quick=False,
    ),
)
"""The cases for the built-in Django project; `stop` has a sync request, then an async one."""


def quick_cases(limit: int | None) -> tuple[Case, ...]:
    """The cases before a race of a server with this in-flight limit (None: unbounded).

    They take about a second: slow views sleep less if the server needs more rounds for them.
    """
    each = min(SLOW_SECONDS, QUICK_SECONDS / rounds(TOGETHER, limit))
    return tuple(
        _hurried(case, each) if case.way == "together" else case for case in CASES if case.quick
    )


def _hurried(case: Case, each: float) -> Case:
    view = "slow-async" if case.async_view else "slow"
    return msgspec.structs.replace(case, requests=slow(view, each, TOGETHER), each_seconds=each)


def own_cases(what: Workload) -> tuple[Case, ...]:
    """The cases for an app of which only the workload is known."""
    first = what.requests[0]
    # Such an app need not support HEAD; the server must still send no body.
    bare = Request(method="GET", path=first.path, headers=first.headers, answer=Answer(status=None))
    known = {case.name: case for case in CASES}
    return (
        Case(
            name="answers",
            title=f"the workload {what.name}",
            right="the workload's correct responses",
            way="ask",
            requests=what.requests,
        ),
        _about(known["head"], bare, right="no body"),
        _about(known["keep-alive"], first),
        _about(known["stop"], first, title="the stop signal just after a request"),
    )


def _about(case: Case, request: Request, **changes: str) -> Case:
    return msgspec.structs.replace(case, requests=(request,), under_way_seconds=0.0, **changes)


def rounds(count: int, limit: int | None) -> int:
    """How many rounds `count` requests take if `limit` run in parallel (None: any number)."""
    return math.ceil(count / min(count, limit or count))


def bound_seconds(count: int, each_seconds: float, limit: int | None) -> float:
    """How long `count` requests may take if `limit` run in parallel (None: any number).

    Halfway between the ideal and serial time: safe from noise, yet no serial server passes.
    """
    serial, least = count * each_seconds, rounds(count, limit) * each_seconds
    return serial * 1.5 + 1.0 if least == serial else (least + serial) / 2


def judge_together(case: Case, seconds: float, limit: int | None) -> Outcome:
    """Whether correct responses that took this long were processed in parallel."""
    count = len(case.requests)
    most = bound_seconds(count, case.each_seconds, limit)
    if seconds <= most:
        return Outcome(case=case.name)
    wanted = count if limit is None else min(count, limit)
    evidence = (
        f"{count} correct responses took {seconds:.2f} s; a server that processes {wanted} in"
        f" parallel needs at most {most:.2f} s"
    )
    return Outcome(case=case.name, state="failed", kind="slow", evidence=evidence)


def judge_reload(
    case: Case,
    *,
    answered: Sequence[float],
    failures: Sequence[tuple[str, str]],
    ended: bool,
    renewed: bool,
    seconds: float,
) -> Outcome:
    """The outcome of a reload: the time of each correct response, and the failed requests."""
    if ended:
        return Outcome(
            case=case.name, state="failed", kind="died", note="kills", evidence="the server ended"
        )
    asked = len(answered) + len(failures)
    if failures:
        kind, sample = failures[0]
        evidence = f"{len(failures)} of {asked} requests failed; first: {sample}"
        return Outcome(
            case=case.name, state="failed", kind=kind, note="restarts", evidence=evidence
        )
    if not renewed:
        evidence = f"after {seconds:.0f} s the old workers still run"
        return Outcome(
            case=case.name, state="failed", kind="stale", note="ignores", evidence=evidence
        )
    longest = max(answered, default=0.0)
    note = "restarts" if longest >= GAP_SECONDS else "rolls"
    return Outcome(
        case=case.name, note=note, evidence=f"the longest of {asked} took {longest:.2f} s"
    )


def keeps_out(case: Case, outcome: Outcome, interface: Interface, *, async_raced: bool) -> bool:
    """Whether this outcome keeps the arm out of the ranking."""
    if outcome.state not in ("failed", "timeout") or outcome.kind == "slow" or not case.gate:
        return False
    return not case.async_view or interface == "asgi" or async_raced


def races_async(what: Workload) -> bool:
    """Whether a workload of the built-in app requests async views."""
    return any(request.path.partition("?")[0].endswith("-async") for request in what.requests)
