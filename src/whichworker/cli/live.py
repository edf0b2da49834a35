"""`whichworker live` and `--live`: the page of a run that measures or has ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.config.history_options import LiveOptions
from whichworker.errors import UsageError
from whichworker.history import entries
from whichworker.live import alongside
from whichworker.live.processes import writer_of
from whichworker.store.journal import FILE

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
    """Show the page of a run until Ctrl-C.

    Its address is printed and not opened: other users of the machine can read the command line of a
    browser, and with it the token.
    """
    port = _port(options.port)
    folder = entries.find(run or entries.LATEST, Path.cwd())
    alongside.check_installed()
    from whichworker.live import guard, web  # they need the extra

    listening = web.bound(port)
    page = web.LivePage(
        folder, listening.getsockname()[1], guard.new_token(), with_logs=False
    )  # the secrets of this run are not known here
    state = "it has ended" if writer_of(folder / FILE) is None else "it measures"
    consoles.results().print(Text(page.address), soft_wrap=True)
    consoles.notes().print(Text(f"run {folder.name}: {state}. Stop with Ctrl-C", "dim"))

    async def until_stopped() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, page.over.set)
        await web.serve(page, listening)

    asyncio.run(until_stopped())
    return Exit.OK


def _port(text: str) -> int:
    """A port; 0 is any free one."""
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > HIGHEST_PORT:
        raise UsageError(f"--port must be a port, not {text!r}", hint="such as --port 8080")
    return int(text)
