"""An ASGI app around another that notes how late its event loop is: a timer every 10 ms.

Only for profiles, never for anything that is timed. Needs WHICHWORKER_WRAPS, the app as
module:attribute, and WHICHWORKER_LAG, the file to write; each process appends its number to the
name.
"""

import asyncio
import json
import os
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

EVERY_SECONDS = 0.01  # far longer than a beat takes, so that it hardly loads the loop
BEATS = 50  # between two writes: half a second
LEAST_BEATS = 100  # for a p99

_module, _, _attribute = os.environ["WHICHWORKER_WRAPS"].partition(":")
inner = attrgetter(_attribute)(import_module(_module))
late: "list[float]" = []
beating: "set[int]" = set()


def beat(loop: Any, due: float) -> None:
    """Note how late this call is, and schedule the next."""
    now = loop.time()
    late.append(max(0.0, now - due))
    if len(late) >= LEAST_BEATS and len(late) % BEATS == 0:
        ordered = sorted(late)
        told = {
            "beats": len(late),
            "p50": ordered[len(ordered) // 2],
            "p99": ordered[int(len(ordered) * 0.99)],
        }
        Path("{}.{}".format(os.environ["WHICHWORKER_LAG"], os.getpid())).write_text(
            json.dumps(told)
        )
    loop.call_at(now + EVERY_SECONDS, beat, loop, now + EVERY_SECONDS)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The inner app; the first request of a loop starts its timer."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # another kind of loop, such as trio's
        loop = None
    if loop is not None and id(loop) not in beating:
        beating.add(id(loop))
        loop.call_soon(beat, loop, loop.time())
    await inner(scope, receive, send)
