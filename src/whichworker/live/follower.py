"""The process of a page beside a command, which writes to its standard input."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from whichworker import redaction
from whichworker.live import guard, idle
from whichworker.live.alongside import Follow
from whichworker.live.web import LivePage, bound, serve


async def followed(listening: socket.socket) -> None:
    """Serve the page, print its address, and do what standard input says until it ends."""
    live = LivePage(None, listening.getsockname()[1], guard.new_token(), with_logs=True)
    call = asyncio.get_running_loop().call_soon_threadsafe

    def listen() -> None:
        try:
            obey(sys.stdin.buffer, lambda folder: call(live.follow, folder))
        finally:  # also after a line that was cut off when the command was killed
            call(live.over.set)

    threading.Thread(target=listen, daemon=True).start()
    sys.stdout.write(f"{live.address}\n")
    sys.stdout.flush()
    await serve(live, listening)


def obey(lines: Iterable[bytes], follow: Callable[[Path], object]) -> None:
    """Remember the secrets of each line, and follow its run."""
    for line in lines:
        order = msgspec.convert(json.loads(line), Follow)
        for name, value in order.secrets:
            redaction.remember(name, value)
        follow(Path(order.folder))


def main() -> None:
    """Follow until standard input ends; Ctrl-C is for the command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    redaction.remember_environment(os.environ)
    idle.step_back(())
    asyncio.run(followed(bound(0)))


if __name__ == "__main__":
    main()
