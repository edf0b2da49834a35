"""The app by itself, without a server: its own response to each request, now and at another time.

A driver in the app's interpreter calls it by WSGI or ASGI, below a warden. A second process does
the same with a wall clock that is ahead, so that what changes with the time is found.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.apps.examine import WITHIN
from whichworker.bench.running import Bench, order_for
from whichworker.load.http1 import Response
from whichworker.model import Arm, Command, Request
from whichworker.process import contained, scratch

SECONDS = 60.0
"""For one process that imports the app and calls it: as long as an import may take."""
AHEAD_SECONDS = 90_061
"""A day, an hour, a minute and a second: every part of a time differs."""
TIMES = 2
CLOCK = "_clock.abi3.so"


class _Answer(Struct, frozen=True):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


def clock() -> Path | None:
    """The library that moves a wall clock; None if it was not built, without a C compiler."""
    path = Path(str(files(WITHIN) / CLOCK))
    return path if path.exists() else None


def ask_alone(
    bench: Bench, arm: Arm, requests: Sequence[Request], *, ahead: bool = False
) -> Mapping[Request, list[Response]]:
    """The responses to each request of the app alone, twice in one process.

    It runs like this arm, by its interface, without the variables of its server. `ahead` moves its
    wall clock by AHEAD_SECONDS. Empty if the app cannot be called without a server, or if `ahead`
    is impossible as the clock was not built.
    """
    library = clock()
    if not requests or (ahead and library is None):
        return {}
    script = str(files(WITHIN) / "whichworker_alone.py")
    variables = {"LD_PRELOAD": str(library), "WHICHWORKER_CLOCK_AHEAD": str(AHEAD_SECONDS)}
    bare = msgspec.structs.replace(arm, environment={})
    order = order_for(bench, bare, Command(argv=("python", script)))
    asked = [one for one in requests for _ in range(TIMES)]
    told = {"interface": arm.interface, "host": bench.question.app.host}
    target = bench.question.apps[arm.python].target(arm.interface) or ""
    with scratch.folder() as folder:
        asks, answers = folder / "asks.json", folder / "answers.json"
        asks.write_bytes(msgspec.json.encode({**told, "requests": [*map(_written, asked)]}))
        environment = {
            "WHICHWORKER_WRAPS": target,
            **order.environment,
            **(variables if ahead else {}),
            "WHICHWORKER_ASKS": str(asks),
            "WHICHWORKER_ANSWERS": str(answers),
        }
        order = msgspec.structs.replace(order, environment=environment)
        if contained.finish(order, SECONDS) != 0 or not answers.exists():
            return {}
        return dict(_read(requests, answers))


def _written(request: Request) -> dict[str, object]:
    return {
        "method": request.method,
        "path": request.path,
        "headers": request.headers,
        "body": base64.b64encode(request.body),
    }


def _read(requests: Sequence[Request], answers: Path) -> Iterator[tuple[Request, list[Response]]]:
    """The requests with a response each time; an error is text, and says nothing of a server."""
    found = msgspec.json.decode(answers.read_bytes(), type=list[_Answer | str])
    for number, request in enumerate(requests):
        own = found[number * TIMES : (number + 1) * TIMES]
        seen = [_response(one) for one in own if isinstance(one, _Answer)]
        if len(seen) == TIMES:
            yield request, seen


def _response(answer: _Answer) -> Response:
    return Response(
        status=answer.status,
        headers=answer.headers,
        body=base64.b64decode(answer.body),
        framing="length",
        keep_alive=True,
    )
