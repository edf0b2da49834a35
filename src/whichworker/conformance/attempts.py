"""Runs the cases of the preflight against a real server over plain sockets.

Each case has a value as its outcome, and none harms the next.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec
from msgspec import Struct

from whichworker.bench import causes
from whichworker.bench.running import Bench, Running, running
from whichworker.conformance.cases import Case, Outcome, judge_reload, judge_together
from whichworker.conformance.wire import DEADLINE_SECONDS, Wire, classify, encode_chunked
from whichworker.errors import ServerFailed
from whichworker.load.codings import codings
from whichworker.load.framing import FramingError, Response
from whichworker.load.http1 import Verdict, encode_request, judge_answer
from whichworker.model import Arm, Request
from whichworker.process.launch import Launch
from whichworker.servers import table
from whichworker.servers.protocol import Server

CLOSE_SECONDS = 2.0
"""For a close that a response has announced; a server that means it closes within milliseconds."""
GRACE_SECONDS = 6.0
"""From the stop signal to the kill: twelve times the slow request that is in flight."""
RELOAD_SECONDS = 10.0
"""For a reload: time to start new workers, and to stop the old ones gracefully."""
STEADY_SECONDS = 0.5
"""Without a change among the workers before a reload counts as finished."""
PAUSE_SECONDS = 0.01
"""Between two requests during a reload: a gap without workers shows within one hundredth."""
BLOCKED_SECONDS, REST_SECONDS = 2.0, 1.5
"""After a case this long, a rest: a worker whose loop was blocked reports to its supervisor then.
uvicorn-worker does so in a free second, and gunicorn ends a worker that has had none for 30 s."""
BREAKING_KINDS = ("connect", "reset", "timeout", "died", "worker")
LOSING_KINDS = ("connect", "reset", "timeout")
BREAKING_WAYS = ("stop", "reload")
SECOND_CHANCE_KINDS = (
    "slow",
    "timeout",
)  # a busy machine causes these; it does not cause wrong responses


class Examinee(Struct, frozen=True):
    """A running server, what its adapter declares, and the host name in the requests.

    `deadline_seconds` is for each response.
    """

    run: Running
    server: Server
    arm: Arm
    host: str
    deadline_seconds: float = DEADLINE_SECONDS


def examine(
    bench: Bench, arm: Arm, cases: Sequence[Case], within_seconds: float = math.inf
) -> list[Outcome]:
    """Run all cases on an arm, with a new launch after each one that may have broken the last.

    Cases not reached in time are timeouts. Raises ServerFailed if the server does not start.
    """
    outcomes: list[Outcome] = []
    ends = time.monotonic() + within_seconds
    while len(outcomes) < len(cases):
        pending = cases[len(outcomes) :]
        if time.monotonic() >= ends:
            evidence = f"not reached within {within_seconds:g} s"
            return [
                *outcomes,
                *(
                    Outcome(case=case.name, state="timeout", kind="timeout", evidence=evidence)
                    for case in pending
                ),
            ]
        try:
            with running(bench, arm) as run:
                outcomes += examine_running(bench, run, arm, pending, ends)
        except ServerFailed as error:
            if not outcomes:
                raise
            outcomes.append(
                Outcome(case=pending[0].name, state="failed", kind=error.kind, evidence=str(error))
            )
    return outcomes


def examine_running(
    bench: Bench, run: Running, arm: Arm, cases: Sequence[Case], ends: float = math.inf
) -> list[Outcome]:
    """Run cases on one launch until one may have broken it or time is up; at least one."""
    question = bench.question
    host, deadline = question.apps[arm.python].host, question.workload.patience(DEADLINE_SECONDS)
    scene = Examinee(run, table.load(arm.server), arm, host, deadline)
    outcomes: list[Outcome] = []
    for case in cases:
        began = time.monotonic()
        outcome = attempt(scene, case)
        if time.monotonic() - began > BLOCKED_SECONDS and outcome.state == "passed":
            time.sleep(REST_SECONDS)
        if outcome.kind in SECOND_CHANCE_KINDS and case.way not in BREAKING_WAYS:
            outcome = attempt(scene, case)
        outcomes.append(outcome)
        declared = outcome.state != "not applicable"
        if (
            outcome.kind in BREAKING_KINDS
            or (case.way in BREAKING_WAYS and declared)
            or time.monotonic() >= ends
        ):
            break
    return outcomes


def attempt(scene: Examinee, case: Case) -> Outcome:
    """Run one case on a running server."""
    began = time.monotonic()
    try:
        outcome = WAYS[case.way](scene, case)
    except (OSError, FramingError) as error:
        outcome = _wrong(case, classify(error))
    if outcome.kind not in LOSING_KINDS or case.way in BREAKING_WAYS:
        return outcome
    return _explained(scene, outcome, time.monotonic() - began)


def _explained(scene: Examinee, outcome: Outcome, seconds: float) -> Outcome:
    """An outcome without a response, or with the end of the server or worker that caused it."""
    launch = scene.run.launch
    if launch.ended() if outcome.kind == "timeout" else causes.died(launch):
        how = f"the server ended {launch.ending}".rstrip()
        return Outcome(
            case=outcome.case,
            state="failed",
            kind="died",
            evidence=f"{how}: {launch.log_tail(4)}",
        )
    cause = causes.worker_ended(launch, scene.run.workers, seconds)
    if cause is None:
        return outcome
    return Outcome(
        case=outcome.case,
        state="failed",
        kind="worker",
        note="loses a worker",
        evidence=f"{cause.fact}\n{launch.log_tail(4)}".rstrip(),
        hint=cause.cure,
    )


def _wrong(case: Case, verdict: Verdict, note: str = "") -> Outcome:
    kind, sample = verdict
    return Outcome(
        case=case.name,
        state="timeout" if kind == "timeout" else "failed",
        kind=kind,
        evidence=sample,
        note=note,
    )


def ask(scene: Examinee, case: Case) -> Outcome:
    """Each request once, on a new connection."""
    for request in case.requests:
        if verdict := _ask_once(scene, request):
            return _wrong(case, verdict)
    return Outcome(case=case.name)


def _ask_once(scene: Examinee, request: Request) -> Verdict | None:
    try:
        with Wire(scene.run.address, scene.deadline_seconds) as wire:
            return judge_answer(
                request.answer, wire.ask(encode_request(request, scene.host), request.method)
            )
    except (OSError, FramingError) as error:
        return classify(error)


def ask_chunked(scene: Examinee, case: Case) -> Outcome:
    """A body in chunks; a server that refuses it may do so before it has all of it."""
    (request,) = case.requests
    with Wire(scene.run.address, scene.deadline_seconds) as wire:
        with suppress(ConnectionError):  # a response sent before the close says more
            wire.send(encode_chunked(request, scene.host))
        response = wire.receive("POST")
    verdict = judge_answer(request.answer, response)
    if verdict is None:
        return Outcome(case=case.name, note="reads")
    if response.status != 200:
        return _wrong(case, verdict, note=f"answers {response.status}")
    return _wrong(
        case, verdict, note="0 bytes" if response.body.startswith(b'{"bytes": 0,') else "corrupts"
    )


def ask_together(scene: Examinee, case: Case) -> Outcome:
    """All requests at the same time, each from a client of its own."""
    start = threading.Barrier(len(case.requests), timeout=scene.deadline_seconds)
    moments: list[float] = []

    def ask_one(request: Request) -> Verdict | None:
        start.wait()
        moments.append(time.monotonic())
        verdict = _ask_once(scene, request)
        moments.append(time.monotonic())
        return verdict

    with ThreadPoolExecutor(len(case.requests)) as pool:
        wrong = [verdict for verdict in pool.map(ask_one, case.requests) if verdict]
    if wrong:
        kind, sample = wrong[0]
        return _wrong(
            case,
            (kind, f"{len(wrong)} of {len(case.requests)} responses were wrong; first: {sample}"),
        )
    return judge_together(
        case, max(moments) - min(moments), scene.server.in_flight_limit(scene.arm.settings)
    )


def ask_again(scene: Examinee, case: Case) -> Outcome:
    """A second request on the connection, unless the first response announces its end."""
    (request,) = case.requests
    asked = encode_request(request, scene.host)
    with Wire(scene.run.address, scene.deadline_seconds) as wire:
        first = wire.ask(asked, request.method)
        if verdict := judge_answer(request.answer, first):
            return _wrong(case, verdict)
        if not first.keep_alive:
            return _judge_close(case, wire)
        try:
            verdict = judge_answer(request.answer, wire.ask(asked, request.method))
        except (OSError, FramingError) as error:
            kind, sample = classify(error)
            verdict = kind, f"after a first response that kept the connection open: {sample}"
    return (
        _wrong(case, verdict, note="breaks") if verdict else Outcome(case=case.name, note="reuses")
    )


def _judge_close(case: Case, wire: Wire) -> Outcome:
    wire.hurry(CLOSE_SECONDS)
    try:
        wire.read_to_end()
    except TimeoutError:
        evidence = f"announced the end of the connection, but kept it open {CLOSE_SECONDS:g} s"
        return Outcome(
            case=case.name, state="failed", kind="framing", note="holds", evidence=evidence
        )
    except ConnectionError:
        pass  # closed, if rudely
    return Outcome(case=case.name, note="closes")


def ask_head(scene: Examinee, case: Case) -> Outcome:
    """HEAD, then GET on the same connection: a stray body would be read as the second response."""
    (request,) = case.requests
    answer = msgspec.structs.replace(request.answer, body=None)
    head = msgspec.structs.replace(request, method="HEAD", body=b"", answer=answer)
    with Wire(scene.run.address, scene.deadline_seconds) as wire:
        response = wire.ask(encode_request(head, scene.host), "HEAD")
        verdict = judge_answer(answer, response) or _judge_length(request, response)
        if verdict is None and not response.keep_alive:
            # whether it closes as announced is another case
            with suppress(TimeoutError, ConnectionError):
                wire.hurry(CLOSE_SECONDS)
                stray = wire.read_to_end()
                verdict = (
                    ("framing", f"{len(stray)} bytes of a body: {stray[:60]!r}") if stray else None
                )
        elif verdict is None:
            with suppress(ConnectionError):  # as above
                verdict = judge_answer(
                    request.answer, wire.ask(encode_request(request, scene.host), request.method)
                )
    return _wrong(case, verdict) if verdict else Outcome(case=case.name)


def _judge_length(request: Request, response: Response) -> Verdict | None:
    """The length that HEAD announces, if any, must equal GET's, unless the body is encoded."""
    said = [value for name, value in response.headers if name == "content-length"]
    length = request.answer.digested.length
    if length is None or not said or codings(response) or int(said[0]) == length:
        return None
    return (
        "header",
        f"HEAD announces Content-Length: {said[0]}, but GET has {length} bytes",
    )


def stop(scene: Examinee, case: Case) -> Outcome:
    """The stop signal while a request is being processed."""
    request = case.requests[-1 if scene.arm.interface == "asgi" else 0]
    number, grace = scene.server.stop_signal, max(GRACE_SECONDS, scene.deadline_seconds)
    with (
        ThreadPoolExecutor(1) as pool,
        Wire(scene.run.address, grace + scene.deadline_seconds) as wire,
    ):
        wire.send(encode_request(request, scene.host))
        answer = pool.submit(wire.receive, request.method)
        time.sleep(case.under_way_seconds)  # no server shows when a request has reached the app
        ending = scene.run.launch.stop(number, grace)
        try:
            verdict = judge_answer(request.answer, answer.result())
        except (OSError, FramingError) as error:
            verdict = classify(error)
    if verdict:
        left = f"; the master ended before {', '.join(ending.left)[:200]}" if ending.left else ""
        return _wrong(case, (verdict[0], f"after {number.name}: {verdict[1]}{left}"), note="drops")
    if ending.forced:
        evidence = f"sent its response, but still ran {grace:.3g} s after {number.name}"
        return Outcome(
            case=case.name, state="failed", kind="forced", note="lingers", evidence=evidence
        )
    return Outcome(case=case.name, note="drains")


def reload(scene: Examinee, case: Case) -> Outcome:
    """The reload signal while a client sends one request after another."""
    number, launch, (request,) = scene.server.reload_signal, scene.run.launch, case.requests
    if number is None:
        return Outcome(
            case=case.name,
            state="not applicable",
            note="undeclared",
            evidence="no reload signal is declared",
        )
    before = launch.pids()
    answered: list[float] = []
    failures: list[Verdict] = []
    halt = threading.Event()

    def keep_asking() -> None:
        while not halt.wait(PAUSE_SECONDS):
            sent = time.monotonic()
            if verdict := _ask_once(scene, request):
                failures.append(verdict)
            else:
                answered.append(time.monotonic() - sent)

    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(keep_asking)
        try:
            os.kill(before[0], number)
            renewed = _wait_renewed(launch, before)
        finally:
            halt.set()
        asking.result()
    seconds, ended = time.monotonic() - began, launch.ended()
    return judge_reload(
        case, answered=answered, failures=failures, ended=ended, renewed=renewed, seconds=seconds
    )


def _wait_renewed(launch: Launch, before: Sequence[int]) -> bool:
    """Wait until new workers have replaced the old ones and nothing changes; False if too late."""
    workers, last, since = set(before[1:]), set(before), time.monotonic()
    ends = since + RELOAD_SECONDS
    while (now := time.monotonic()) < ends and not launch.ended():
        found = set(launch.pids()[1:])
        if found != last:
            last, since = found, now
        elif found - workers and (workers - found or not workers) and now - since >= STEADY_SECONDS:
            return True
        time.sleep(0.05)
    return False


WAYS: dict[str, Callable[[Examinee, Case], Outcome]] = {
    "ask": ask,
    "chunked": ask_chunked,
    "together": ask_together,
    "reuse": ask_again,
    "head": ask_head,
    "stop": stop,
    "reload": reload,
}
