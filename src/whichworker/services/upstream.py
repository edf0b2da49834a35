"""The local upstream, in place of the internet, and whether it was fast enough for the servers."""

from __future__ import annotations

import http.client
import signal
import sys
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec import Struct

VARIABLE = "WHICHWORKER_UPSTREAM"
ANSWER_SECONDS = 2.0  # it responds within milliseconds


class Stats(Struct, frozen=True, kw_only=True):
    """Counts since the start; the last entry of `lag_counts` is for lags beyond all edges."""

    requests: int
    seconds: float
    cpu_seconds: float
    lag_edges_seconds: tuple[float, ...]
    lag_counts: tuple[int, ...]
    lag_maximum_seconds: float


class Strain(Struct, frozen=True, kw_only=True):
    """The upstream's work between two readings: share of a core, p99 of its timers' lag."""

    requests: int
    cpu_share: float
    lag_seconds: float | None


class Upstream(Struct, frozen=True):
    """The upstream on a TCP port of loopback, as it exists to measure HTTP clients."""

    port: int

    name = "upstream"
    title = "the built-in upstream, 253 countries"
    users = ()
    stop_signal = signal.SIGTERM

    def steps(self, folder: Path) -> tuple[tuple[str, ...], ...]:
        """Serve, with the tool's own interpreter and nothing of its environment."""
        script = str(files("whichworker.samples") / "upstream" / "server.py")
        return ((sys.executable, "-I", "-S", "-B", script, f"127.0.0.1:{self.port}"),)

    def variables(self, folder: Path) -> dict[str, str]:
        """Its URL."""
        return {VARIABLE: f"http://127.0.0.1:{self.port}"}

    def complaint(self, folder: Path) -> str:
        """Request its counts."""
        try:
            self.stats()
        except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def stats(self) -> Stats:
        """Its counts; raises OSError if nothing listens.

        Raises HTTPException or MsgspecError if something else responds.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/stats")
            return msgspec.json.decode(connection.getresponse().read(), type=Stats)
        finally:
            connection.close()


def strain(before: Stats, after: Stats) -> Strain:
    """The difference of two readings. The lag is an upper edge, None if no timer fired."""
    seconds = after.seconds - before.seconds
    counts = [now - then for now, then in zip(after.lag_counts, before.lag_counts, strict=True)]
    return Strain(
        requests=after.requests - before.requests,
        cpu_share=(after.cpu_seconds - before.cpu_seconds) / seconds,
        lag_seconds=percentile(counts, (*after.lag_edges_seconds, after.lag_maximum_seconds), 0.99),
    )


def percentile(counts: list[int], edges: tuple[float, ...], share: float) -> float | None:
    """The upper edge of the slot that holds this share of the counts; None if there are none."""
    wanted, seen = share * sum(counts), 0
    for count, edge in zip(counts, edges, strict=True):
        seen += count
        if count and seen >= wanted:
            return edge
    return None
