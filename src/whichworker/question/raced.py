"""Sessions that are raced as sessions: their steps, the correct response to each, and secrets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count, cycle
from pathlib import Path

import msgspec

from whichworker.bench.running import Running
from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.load.http1 import Response
from whichworker.model import App, Finding, Question, Request, Session, Workload, codes
from whichworker.question.burst import REQUESTS, SECONDS
from whichworker.question.login import carry_out, keep_secret, keep_secret_fields
from whichworker.workloads.definition import read_definition
from whichworker.workloads.sources.readers import GivenRequests, with_headers


def check(options: RaceOptions) -> None:
    """Raise UsageError for options that have no meaning for sessions that are raced."""
    if options.sessions != "race":
        return
    if not options.request_file:
        raise UsageError(
            "--sessions race needs the sessions of a load file", hint="--request-file FILE"
        )
    if options.login:
        raise UsageError(
            "--login has no use with --sessions race: each session begins without cookies",
            hint="make the login a step of the session",
        )
    if options.expect:
        raise UsageError(
            "--expect has no use with --sessions race: steps differ",
            hint='write expect = "…" in the steps of the load file',
        )
    if options.slo:
        raise UsageError(
            "a capacity of sessions is not measured: --slo counts single requests",
            hint="omit --slo, or --sessions login races the steps that only read",
        )


def sessions_in(path: Path, name: str) -> GivenRequests:
    """The sessions of a load file without think times; raises UsageError if it has none.

    The name of each step has its place, as two steps may send the same.
    """
    sessions = read_definition(path).sessions
    if not sessions:
        raise UsageError(
            f"{name} has no session to race",
            hint="write [[session]] and its steps, or omit --sessions race",
        )
    thinks = any(step.think_seconds for session in sessions for step in session.steps)
    replace = msgspec.structs.replace
    named = tuple(
        replace(
            session,
            steps=tuple(
                replace(
                    step,
                    request=replace(
                        step.request, name=f"{session.name}, step {at}: {step.request.title}"
                    ),
                    think_seconds=0.0,
                )
                for at, step in enumerate(session.steps, start=1)
            ),
        )
        for session in sessions
    )
    left_out = "think times are left out" if thinks else ""
    return GivenRequests((), name, left_out=left_out, sessions=named)


def dressed(given: GivenRequests, headers: Sequence[tuple[str, str]]) -> GivenRequests:
    """The sessions with these headers in each step; their secrets are remembered."""
    steps = _workload(given).every
    sent = [
        msgspec.structs.replace(one, headers=with_headers(one.headers, headers)) for one in steps
    ]
    for one in sent:
        keep_secret(one.headers)
        keep_secret_fields(one, named=True)
    return msgspec.structs.replace(given, sessions=_workload(given).with_every(sent).sessions)


def workload_of(given: GivenRequests) -> tuple[Workload, list[Finding]]:
    """The workload of these sessions, whose responses are to be learnt, and what it means."""
    sessions = given.sessions
    many = len(sessions) > 1
    lengths = [f"{one.name} ({_requests(len(one.steps))})" for one in sessions]
    text = f"The race runs {_and(lengths)} of {given.source} with the epoll engine, for every setup"
    counted = "requests/s counts each step"
    left = f"; {given.left_out}" if given.left_out else ""
    workload = msgspec.structs.replace(
        _workload(given),
        name=f"{len(sessions)} sessions" if many else f"session {sessions[0].name}",
        title=f"{_and(lengths) if many else lengths[0]}, {given.source}",
        learn=given.kind,
    )
    return workload, [codes.SESSIONS_RACED.finding(f"{text}; {counted}{left}")]


def _workload(given: GivenRequests) -> Workload:
    return Workload(name="", title="", requests=(), sessions=given.sessions)


def _requests(number: int) -> str:
    return "1 request" if number == 1 else f"{number} requests"


def _and(texts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def single(question: Question) -> Question:
    """The question with the steps as single requests: a response is learnt for each."""
    asked = question.workload
    flat = msgspec.structs.replace(asked, requests=asked.every, sessions=())
    return msgspec.structs.replace(
        question, subject=msgspec.structs.replace(question.subject, workload=flat)
    )


def settled(workload: Workload, learnt: Workload) -> Workload:
    """The sessions with the learnt responses, which `learnt` has by single requests."""
    found = workload.with_every(learnt.requests)
    return msgspec.structs.replace(
        found, learn=learnt.learn, response_seconds=learnt.response_seconds
    )


def answers(
    run: Running, app: App, sessions: Sequence[Session], times: int
) -> tuple[dict[Request, list[Response]], float]:
    """The responses to each step of users who come one by one, and the seconds of the longest.

    Each session is carried out `times`. Raises UsageError if a response is not the expected one.
    """
    found: dict[Request, list[Response]] = {}
    longest = 0.0
    for session in sessions:
        for _ in range(times):
            played = carry_out(run, app, session)
            longest = max(longest, played.longest_seconds)
            for step, response in zip(session.steps, played.responses, strict=True):
                found.setdefault(step.request, []).append(response)
    return found, longest


def refuse_burst(run: Running, app: App, sessions: Sequence[Session]) -> None:
    """Raise UsageError if the app refuses one of many sessions in a row: a race has more.

    A connection that breaks ends the burst: a race says more about that.
    """
    ends, sent = time.monotonic() + SECONDS, 0
    for number, session in zip(count(1), cycle(sessions), strict=False):
        if sent >= REQUESTS or time.monotonic() > ends:
            return
        try:
            sent += len(carry_out(run, app, session).responses)
        except UsageError as error:
            if error.__cause__ is not None:
                return
            fact = f"after {number} sessions in a row, {error.fact}"
            raise UsageError(fact, seen=error.seen, hint=error.hint) from error
