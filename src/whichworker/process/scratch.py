"""Temporary folders that are gone after their block, even if the tool is killed within it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whichworker.errors import EnvironmentFailed
from whichworker.process import broom

PREFIX = "whichworker-"
SWEPT_SECONDS = broom.SWEEP_SECONDS + 5.0
"""For the broom to end: a millisecond, but it may only be starting, and the machine may be busy."""


@contextmanager
def folder(parent: Path | None = None, prefix: str = PREFIX) -> Iterator[Path]:
    """A new folder for this user alone, in `parent` or where temporary files belong.

    A process of its own makes it and survives the tool, so that no kill leaves the folder behind.
    Raises EnvironmentFailed if it cannot be made.
    """
    place = (parent or Path(tempfile.gettempdir())) / f"{prefix}{secrets.token_hex(4)}"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(broom.__file__), str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    ) as sweeper:
        assert sweeper.stdin is not None
        assert sweeper.stdout is not None
        assert sweeper.stderr is not None
        try:
            if not sweeper.stdout.readline():
                reason = sweeper.stderr.read().decode(errors="replace").strip().splitlines()
                raise EnvironmentFailed(
                    f"no temporary folder can be made at {place}",
                    seen="".join(reason[-1:]),
                    hint="set TMPDIR to a folder you can write",
                )
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            with contextlib.suppress(OSError):
                sweeper.stdin.close()
            try:
                sweeper.wait(SWEPT_SECONDS)
            except subprocess.TimeoutExpired:
                sweeper.kill()
                shutil.rmtree(place, ignore_errors=True)
