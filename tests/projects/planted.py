"""A WSGI app with planted truths: how much it works, and what it does besides. Everything is said
by environment variables.

WORK            rounds of a loop for each request
SLOWER          part of the work that is added in each minute that the process lives, such as 0.2
LAUNCH_SD       standard deviation (log) of a factor on the work, drawn anew in each process
IDLE            part of a core that a thread of its own keeps busy, asked or not
WORKING_SET_MB  memory that each request reads a part of, in random places
"""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterable

BODY = b'{"answer": 42}'
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]
BORN = time.monotonic()
WORK = int(os.environ.get("WORK", "0"))
SLOWER = float(os.environ.get("SLOWER", "0"))
FACTOR = math.exp(random.Random(os.urandom(8)).gauss(0, float(os.environ.get("LAUNCH_SD", "0"))))
PAGES = bytearray(int(os.environ.get("WORKING_SET_MB", "0")) * 2**20)
PAGE, READS = 4096, 512
"""Each request reads from so many pages."""
IDLE = float(os.environ.get("IDLE", "0"))
PERIOD_SECONDS = 0.02


def keep_busy() -> None:
    """Burn a part of each 20 ms."""
    while True:
        ends = time.thread_time() + IDLE * PERIOD_SECONDS
        while time.thread_time() < ends:
            pass
        time.sleep((1 - IDLE) * PERIOD_SECONDS)


if IDLE:
    threading.Thread(target=keep_busy, daemon=True).start()
for place in range(0, len(PAGES), PAGE):
    PAGES[place] = 1


def work() -> int:
    """Compute, and read."""
    minutes = (time.monotonic() - BORN) / 60
    total = 0
    for number in range(round(WORK * FACTOR * (1 + SLOWER * minutes))):
        total += number * number % 7
    if PAGES:
        for _ in range(READS):
            total += PAGES[random.randrange(0, len(PAGES), PAGE)]
    return total


def application(
    environ: dict[str, object], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """The answer, after the work."""
    work()
    start_response("200 OK", HEADERS)
    return [BODY]
