"""Some hundred requests in a row, one after the other: what the app does that a few do not show."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import count, cycle, islice

from whichworker.bench.running import Running
from whichworker.load.http1 import FramingError, fetch
from whichworker.model import Request
from whichworker.question.login import ASK_SECONDS
from whichworker.question.refusals import Refusal, refusal_of_many
from whichworker.workloads.sources import mixture

REQUESTS, SECONDS = 300, 1.5
"""More than the usual limits for a minute, and a small part of the time of a race."""


def refusal_of_burst(
    run: Running, served: Iterable[tuple[Request, int]], host: str
) -> tuple[Request, Refusal] | None:
    """The request that the app refuses after many, and why; None if it serves all of them.

    `served` are the requests as they are sent, and the status of each alone. Requests that may
    write are not sent. A connection that breaks ends the burst: a race says more about that.
    """
    safe = [(request, status) for request, status in served if request.method in mixture.SAFE]
    ends = time.monotonic() + SECONDS
    for number, (request, status) in zip(count(1), islice(cycle(safe), REQUESTS), strict=False):
        if time.monotonic() > ends:
            break
        try:
            response = fetch(run.address, request, host, ASK_SECONDS)
        except (OSError, FramingError):
            break
        refusal = refusal_of_many(response, host, number) if response.status != status else None
        if refusal is not None:
            return request, refusal
    return None
