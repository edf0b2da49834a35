"""One run as another tool printed it."""

from __future__ import annotations

import re

from msgspec import Struct, field

from whichworker.units import SECONDS


class Printed(Struct, frozen=True, kw_only=True):
    """The numbers of one run, in seconds and per second; None if the tool did not print them.

    `percentiles` have keys such as p99. `failures` are by kind, and `counted` of them are in the
    rate, as most tools have it. `target` is the rate that an open loop was to send; None in a
    closed loop. `dropped` are responses whose time is in no percentile. `latency_lost`: the tool
    printed no response times although it counted responses. `reconnects` are new connections.
    """

    tool: str
    name: str = ""
    rate: float | None = None
    seconds: float | None = None
    requests: int | None = None
    connections: int | None = None
    mean_seconds: float | None = None
    percentiles: dict[str, float] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    target: float | None = None
    open_loop: bool = False
    dropped: int = 0
    latency_lost: bool = False
    reconnects: int | None = None

    @property
    def failed(self) -> int:
        """All failures."""
        return sum(self.failures.values())

    @property
    def in_flight(self) -> float | None:
        """Requests in flight on average, by Little's law: rate × mean response time."""
        if self.rate is None or self.mean_seconds is None:
            return None
        return self.rate * self.mean_seconds


NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"
"""As tools print it; more digits are no number of theirs."""
DURATION = re.compile(rf"({NUMBER})\s?(us|µs|ms|min|ns|s|m|h)?")


def seconds_of(text: str, unit: str = "s") -> float | None:
    """Seconds of `5.80ms` or `1m2s`, or of a bare number in the unit; None for `-nan`."""
    parts = DURATION.findall(text.strip())
    if not parts or "".join(number + of for number, of in parts) != re.sub(r"\s", "", text):
        return None
    return sum(float(number) * SECONDS[of or unit] for number, of in parts)


def key_of(percent: str) -> str:
    """`p99` for 99, 99.000 and 99.00; `p99.9` for 99.90."""
    return f"p{float(percent):g}"
