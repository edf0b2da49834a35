"""The page of a command that measures: a process of its own, which gets only idle time.

The command writes lines of JSON to it: which run to follow, and secrets to leave out. When the pipe
closes, the page shows the end of the run and goes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from whichworker import redaction
from whichworker.errors import UsageError

NEEDED = ("starlette", "uvicorn")
START_SECONDS, END_SECONDS = 20.0, 5.0
"""For the process to be there, and for a last look and its end, with what the cores leave idle."""


class Follow(msgspec.Struct, frozen=True, kw_only=True):
    """One line: the folder of a run, and secrets to leave out (name, value)."""

    folder: str
    secrets: tuple[tuple[str, str], ...]


class Page:
    """The process of the page, from the side of the command."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self.process, self.address = process, address

    def follow(self, folder: Path) -> None:
        """Show this run from now on; a page that is gone is no trouble for a race."""
        assert self.process.stdin is not None
        told = Follow(folder=str(folder), secrets=redaction.remembered())
        # unlike msgspec, json writes bytes of an environment that are no text
        line = json.dumps(msgspec.to_builtins(told)).encode("ascii") + b"\n"
        with contextlib.suppress(OSError):
            self.process.stdin.write(line)
            self.process.stdin.flush()


def check_installed() -> None:
    """Raise UsageError if what the page needs is not installed."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise UsageError(
            "the live page needs Starlette and uvicorn", hint="pip install 'whichworker[live]'"
        )


@contextmanager
def page() -> Iterator[Page]:
    """A page until the block ends; raises UsageError if it cannot be shown."""
    check_installed()
    # without the folder of the user's project, whose modules could have the same names
    command = [sys.executable, "-P", "-m", "whichworker.live.follower"]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,  # Ctrl-C is for the race
        ) as process,
    ):
        try:
            yield Page(process, _address(process, complaints))
        finally:
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                process.kill()


def _address(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> str:
    """The first line of the process, or its complaint."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else b""
    if line:
        return line.decode().strip()
    process.kill()
    process.wait()
    complaints.seek(0)
    said = complaints.read().decode("utf-8", "replace")
    raise UsageError(
        "the live page did not start", seen=said, hint="leave out --live; the result is the same"
    )
