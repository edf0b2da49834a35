"""Requests during a stop or a reload of the server: the conformance cases, on one arm."""

from __future__ import annotations

import time

from whichworker.bench.running import Bench, running
from whichworker.conformance.attempts import examine_running
from whichworker.conformance.cases import CASES
from whichworker.errors import ServerFailed
from whichworker.model import Arm
from whichworker.result.explain import Ending
from whichworker.servers import table


def ending(bench: Bench, arm: Arm, name: str) -> Ending:
    """The result of the case `stop` or `reload`."""
    server = table.load(arm.server)
    number = server.stop_signal if name == "stop" else server.reload_signal
    if number is None:
        return Ending(signal="", outcome="undeclared")
    case = next(case for case in CASES if case.name == name)
    try:
        with running(bench, arm) as run:
            began = time.monotonic()
            (outcome,) = examine_running(bench, run, arm, [case])
            seconds = time.monotonic() - began - case.under_way_seconds
    except ServerFailed as error:
        return Ending(signal=number.name, outcome=error.kind, evidence=str(error))
    # A reload is watched for a while after it is over, so only a stop can be timed from here.
    return Ending(
        signal=number.name,
        outcome=outcome.note or outcome.kind or outcome.state,
        seconds=seconds if name == "stop" else None,
        evidence=outcome.evidence,
    )
