"""The process of a page beside a command: `beside` starts it and writes to its standard input."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec

from whichworker import redaction
from whichworker.live import guard
from whichworker.live.alongside import Follow
from whichworker.live.web import LivePage, bound, serve


def step_back(cores: Iterable[int]) -> None:
    """Take only time that a core has left, and only of these cores; what is refused stays."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    chosen = set(cores)
    for thread in Path("/proc/self/task").iterdir() if chosen else ():
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(thread.name), chosen)


async def followed(listening: socket.socket) -> None:
    """Serve the page, print its address, and do what standard input says until it ends."""
    live = LivePage(Path(), listening.getsockname()[1], guard.new_token())
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for line in sys.stdin.buffer:
            order = msgspec.json.decode(line, type=Follow)
            for name, value in order.secrets:
                redaction.remember(name, value)
            step_back(order.cores)
            loop.call_soon_threadsafe(live.follow, Path(order.folder))
        loop.call_soon_threadsafe(live.over.set)

    threading.Thread(target=listen, daemon=True).start()
    sys.stdout.write(f"{live.address}\n")
    sys.stdout.flush()
    await serve(live, listening)


def main() -> None:
    """Follow until standard input ends; Ctrl-C is for the command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    redaction.remember_environment(os.environ)
    step_back(())
    asyncio.run(followed(bound(0)))


if __name__ == "__main__":
    main()
