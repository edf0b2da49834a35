"""The launches of a reference run, watched for connections beyond this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whichworker.bench.running import Bench, Running, running
from whichworker.errors import ServerFailed, UsageError
from whichworker.model import Permits
from whichworker.process.sockets import outward

LOOK_SECONDS = 0.004
"""Between two looks at the sockets: few connections to another machine live shorter."""


@contextmanager
def watched(bench: Bench, outbound: Path) -> Iterator[Running]:
    """A launch whose sockets a thread polls, as connections from C code bypass audit hooks.

    `outbound` is the file of their destinations. Raises UsageError if the app does not start.
    """
    ended = threading.Event()
    try:
        with running(bench, bench.question.arms[0]) as run:
            thread = threading.Thread(
                target=_look, args=(run, outbound, ended), name="outward", daemon=True
            )
            thread.start()
            try:
                yield run
            finally:
                ended.set()
                thread.join()
    except ServerFailed as error:
        _say_outbound(outbound, error)
        raise UsageError(
            f"the app does not start: {error.fact}", seen=error.seen, hint=error.hint
        ) from error


def _look(run: Running, outbound: Path, ended: threading.Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        for place in outward(run.launch.pids()):
            with outbound.open("a", encoding="utf-8") as file:
                file.write(f"{place}\n")


def _say_outbound(outbound: Path, error: ServerFailed) -> None:
    places = _places(outbound)
    if places and "--allow-outbound" in error.seen:
        raise UsageError(
            f"the app connects to {places[0]}, beyond this machine, when it starts",
            hint="--allow-outbound",
        ) from error


def _places(outbound: Path) -> list[str]:
    return (
        list(dict.fromkeys(outbound.read_text(encoding="utf-8").split()))
        if outbound.exists()
        else []
    )


def refuse_outbound(outbound: Path, permits: Permits) -> None:
    """Raise UsageError if the app connected to another machine without permission."""
    places = _places(outbound)
    if places and not permits.outbound:
        few = ", ".join(places[:3])
        raise UsageError(
            f"these requests make the app connect to {few}, beyond this machine",
            hint="a race would flood it: point the app at a local service, or --allow-outbound",
        )
