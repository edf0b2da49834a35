"""`whichworker live` and `--live`: the page of a run that measures or has ended."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.cli.history import browse
from whichworker.config.history_options import LiveOptions
from whichworker.errors import UsageError
from whichworker.history import entries
from whichworker.live import alongside
from whichworker.live.processes import writer_of
from whichworker.store.journal import FILE

if TYPE_CHECKING:
    from whichworker.live.web import LivePage

HIGHEST_PORT = 65535


@contextmanager
def shown(console: Console, *, wanted: bool) -> Iterator[alongside.Page | None]:
    """The page of a command that measures, until the block ends; None if nobody wants it."""
    if not wanted:
        yield None
        return
    with alongside.page() as page:
        console.print(Text(f"live       {page.address}"), soft_wrap=True)
        yield page


def live(run: str | None, options: LiveOptions) -> int:
    """Show the page of a run until Ctrl-C."""
    port = _port(options.port)
    folder = entries.find(run or entries.LATEST, Path.cwd())
    alongside.check_installed()
    from whichworker.live import follower, guard, web  # they need the extra

    listening = web.bound(port)
    follower.step_back(())  # the run may be measuring
    page = web.LivePage(folder, listening.getsockname()[1], guard.new_token())
    measuring = writer_of(folder / FILE) is not None
    state = "it measures" if measuring else "it has ended"
    consoles.results().print(Text(page.address), soft_wrap=True)
    consoles.notes().print(Text(f"run {folder.name}: {state}. Stop with Ctrl-C", "dim"))
    if not options.no_browser:
        browse(page.address)
    asyncio.run(_until_stopped(page, listening))
    return Exit.OK


async def _until_stopped(page: LivePage, listening: socket.socket) -> None:
    from whichworker.live import web

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, page.over.set)
    await web.serve(page, listening)


def _port(text: str) -> int:
    """A port; 0 is any free one."""
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > HIGHEST_PORT:
        raise UsageError(f"--port must be a port, not {text!r}", hint="such as --port 8080")
    return int(text)
