"""Which engine carries out a load, and why."""

from __future__ import annotations

from collections.abc import Callable

from whichworker.errors import UsageError
from whichworker.load.epoll import engine as epoll
from whichworker.load.epoll.loop import Progress
from whichworker.load.epoll.seat import EpollSeat
from whichworker.load.native import engine as native
from whichworker.load.native.seat import NativeSeat
from whichworker.load.seat import Seat, check_seat
from whichworker.model import Load, Tally


def choose(load: Load) -> tuple[str, str]:
    """The name of the engine for this load, and a sentence that says why it was taken.

    Raises UsageError if the load requires `native`, which cannot run it.
    """
    reason = _only_epoll(load)
    if load.engine == "epoll":
        return "epoll", "asked for"
    if load.engine == "native":
        if reason:
            raise UsageError(
                f"the native engine cannot run this load: {reason}",
                hint="omit --engine, or use --engine epoll",
            )
        if not native.available():
            raise UsageError(
                f"the native engine is not available: {native.missing_reason()}", hint=native.CURE
            )
        return "native", "asked for"
    if reason:
        return "epoll", reason
    if not native.available():
        return "epoll", f"the native engine is not available: {native.missing_reason()}"
    return "native", "the faster engine"


def _only_epoll(load: Load) -> str:
    if load.tls is not None:
        return "only the epoll engine supports TLS"
    if load.sessions:
        return "only the epoll engine runs sessions"
    if not load.drain:
        return "only the epoll engine leaves requests in flight at the end"
    return ""


def run(
    load: Load, announce: Callable[[int, int], None], progress: Progress | None = None
) -> Tally:
    """Carry out a load with the engine chosen for it; see `epoll.run`."""
    engine = native.run if choose(load)[0] == "native" else epoll.run
    return engine(load, announce, progress)


def take_seat(load: Load) -> Seat:
    """Make a seat of the engine chosen for its load; raises UsageError if slices cannot send it."""
    check_seat(load)
    return NativeSeat(load) if choose(load)[0] == "native" else EpollSeat(load)
