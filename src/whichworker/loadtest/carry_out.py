"""A load from its plan to its result: connection, one request of each kind, load, verdict."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

import whichworker
from whichworker import units
from whichworker.errors import UsageError
from whichworker.load import http1
from whichworker.load.generator import Generator, Interrupted
from whichworker.loadtest.plan import LoadPlan
from whichworker.loadtest.verdict import judge
from whichworker.model import Address, Finding, Request, Tally, codes
from whichworker.probes import machine
from whichworker.result import LoadResult, Run
from whichworker.workloads.sources.mixture import SAFE

CONNECT_SECONDS = 5.0
"""For one connection; even a distant target takes less than one second."""
MOST_LOOKS = 50
"""Requests checked once before the load; a file with thousands must not become a load here."""


class LoadWatch(Protocol):
    """The events of a load; every method may do nothing."""

    def found(self, finding: Finding) -> None:
        """A fact to report before the load is over."""

    def progress(self, seconds: float, right: int, failures: int) -> None:
        """About once a second: correct responses and failures so far."""


def reach(plan: LoadPlan) -> LoadPlan:
    """The plan at the first address that accepts a connection; raises UsageError if none does."""
    seen = []
    for address in plan.addresses:
        try:
            _connect(address)
        except OSError as error:
            seen.append(f"{address}: {error.strerror or error}")
        else:
            load = msgspec.structs.replace(plan.load, address=address)
            return msgspec.structs.replace(
                plan, load=load, asked=msgspec.structs.replace(plan.asked, address=str(address))
            )
    places = " or ".join(str(address) for address in plan.addresses)
    hint = "start the server first, or correct the URL"
    raise UsageError(f"no server listens at {places}", seen="\n".join(seen), hint=hint)


def look(plan: LoadPlan) -> Iterator[Finding]:
    """Send each safe request once, of a session its first; a wrong response is a finding.

    Requests that may write are left to the load, which counts every one that the server gets.
    """
    firsts = (_as_sent(session.steps[0].request) for session in plan.load.sessions)
    safe = (one for one in (*plan.load.requests, *firsts) if one.method in SAFE)
    for request in itertools.islice(safe, MOST_LOOKS):
        if complaint := _ask(plan, request):
            text = f"The response to {request.title} is wrong before the load begins"
            yield codes.REFERENCE_WRONG.finding(text, evidence=complaint)


def carry_out(plan: LoadPlan, watch: LoadWatch, command: str) -> LoadResult:
    """Load the address and judge the counts, after Ctrl-C the counts so far.

    Raises UsageError if no server listens, before any load, and KeyboardInterrupt without counts.
    """
    plan = reach(plan)
    findings = list(plan.findings)
    for finding in look(plan):
        watch.found(finding)
        findings.append(finding)
    started, began = datetime.datetime.now(datetime.UTC), time.monotonic()
    finished = True
    try:
        tally = _generate(plan, watch.progress)
    except Interrupted as error:
        if not error.tally.seconds:
            raise KeyboardInterrupt from None  # its window had not opened
        finished, tally = False, error.tally
        plan = msgspec.structs.replace(
            plan, load=msgspec.structs.replace(plan.load, window_seconds=tally.seconds)
        )
    run = Run(
        id=f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        started=started.isoformat(timespec="seconds"),
        command=command,
        version=whichworker.__version__,
        seconds=time.monotonic() - began,
        finished=finished,
    )
    return judge(
        msgspec.structs.replace(plan, findings=tuple(findings)), tally, machine.describe(), run
    )


def whole_seconds(plan: LoadPlan) -> float:
    """How long the load takes, at most."""
    return plan.load.stagger_seconds + plan.load.settle_seconds + plan.load.window_seconds


def forecast(plan: LoadPlan) -> str:
    """How long the load takes, in words."""
    seconds = units.show_clock(whole_seconds(plan))
    return f"{seconds} at most" if plan.asked.requests else seconds


def _generate(plan: LoadPlan, progress: Callable[[float, int, int], None]) -> Tally:
    with Generator() as generator:
        generator.start(plan.cores)
        return generator.run(plan.load, lambda opens_ns, closes_ns: None, progress)


def _connect(address: Address) -> None:
    with contextlib.closing(socket.socket(http1.family_of(address), socket.SOCK_STREAM)) as sock:
        sock.settimeout(CONNECT_SECONDS)
        sock.connect(address.path or (address.host, address.port))


def _as_sent(request: Request) -> Request:
    """The first request of a session as it is sent: without captures, only $$ is replaced."""
    headers = tuple((name, value.replace("$$", "$")) for name, value in request.headers)
    path, body = request.path.replace("$$", "$"), request.body.replace(b"$$", b"$")
    return msgspec.structs.replace(request, path=path, headers=headers, body=body)


def _ask(plan: LoadPlan, request: Request) -> str:
    """Why the response to one request is wrong, or an empty string."""
    load = plan.load
    try:
        response = http1.fetch(load.address, request, load.host, load.deadline_seconds, load.tls)
    except (OSError, http1.FramingError) as error:
        return f"{type(error).__name__}: {error}"
    verdict, _ = http1.judge_request(request, response)
    return verdict[1] if verdict else ""
