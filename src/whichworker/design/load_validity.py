"""Whether the numbers of a load may be believed: each gate checks one thing about the generator.

It returns a sentence, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

LEAST_SENT = 0.99
"""Share of the requests that were due: with fewer sent, the load was not the one requested."""
MOST_SEND_LAG_SECONDS = 0.001
"""At p99: more would be visible in response times of a few milliseconds."""
MOST_GENERATOR = 0.80
"""Share of its cores: above it, the generator's own queue delays requests."""
MOST_RUN_DELAY = 0.25
"""Share of the window that the generator waited for a core."""
MOST_LITTLE = 0.05
"""Relative distance from Little's law."""
LEAST_FOR_LITTLE = 1000
"""Requests for a check by Little's law: with fewer, chance alone makes a few percent."""
MOST_DRAIN = 0.02
"""Share of the window: if responses arrived later, the requests in flight never settled."""
LEAST_SECONDS = 0.2
"""In a shorter window the ends of counting weigh as much as the rest."""


class LoadFacts(Struct, frozen=True, kw_only=True):
    """The readings that the gates check; `scheduled` is None in closed loop, unknown seconds too.

    `send_lag_seconds` is the lag at the share `send_lag_at`: 0.99, or what a small sample
    supports. `spins` is true if the generator kept its cores busy on purpose.
    `service_p99_seconds` is of the time in flight, `drained_seconds` how long after the window its
    last response came. `unconnected` requests failed before they could be sent; `exhausted` says
    why if the reason is this machine.
    """

    seconds: float
    threads: int
    requests: int
    failures: int
    attempts: int
    unconnected: int = 0
    exhausted: str = ""
    scheduled: int | None
    dropped: int
    backlog: int
    send_lag_seconds: float | None
    send_lag_at: float
    cpu_seconds: float
    run_delay_seconds: float
    spins: bool
    mean_in_flight: float
    most_in_flight: int
    mean_service_seconds: float | None
    service_p99_seconds: float | None
    drained_seconds: float = 0.0


Gate = Callable[[LoadFacts], str]


def reasons(seen: LoadFacts) -> tuple[str, ...]:
    """Why the numbers cannot be believed, one sentence for each gate; empty if they can."""
    return tuple(reason for gate in GATES if (reason := gate(seen)))


def exhausted(seen: LoadFacts) -> str:
    """The generator had no local port, open file or memory left."""
    return seen.exhausted


def unanswered(seen: LoadFacts) -> str:
    """No correct response at all."""
    return (
        ""
        if seen.requests
        else "there was no correct response: look at the failures, then at the server"
    )


def unsent(seen: LoadFacts) -> str:
    """Fewer than 99 % of the requests that were due had been sent.

    Requests that found no server to connect to are failures, not unsent.
    """
    if not seen.scheduled or seen.attempts + seen.unconnected >= LEAST_SENT * seen.scheduled:
        return ""
    share = seen.attempts / seen.scheduled
    return (
        f"only {share:.1%} of {seen.scheduled:,} scheduled requests were sent, "
        f"{LEAST_SENT:.0%} are needed: "
        "use fewer requests/s, or more --connections or --threads"
    )


def overflowed(seen: LoadFacts) -> str:
    """Requests that the backlog had no room for."""
    if not seen.dropped:
        return ""
    return (
        f"{seen.dropped:,} requests were dropped because {seen.backlog:,} already waited for "
        "a connection: the server, or this generator, cannot keep up with the rate; "
        "use fewer requests/s, or more --connections"
    )


def late(seen: LoadFacts) -> str:
    """Sent later than intended by the generator's own fault: over 1 ms at the 99th percentile."""
    lag = seen.send_lag_seconds
    if lag is None or lag <= MOST_SEND_LAG_SECONDS:
        return ""
    return (
        f"the generator itself was {1000 * lag:.3g} ms late at p{100 * seen.send_lag_at:g}, "
        f"{1000 * MOST_SEND_LAG_SECONDS:g} ms is allowed: "
        "give it a core of its own, the native engine or --spin"
    )


def full(seen: LoadFacts) -> str:
    """A generator that used over 80 % of its cores measured itself; not checked if it spins."""
    share = seen.cpu_seconds / (seen.seconds * seen.threads)
    if seen.spins or share <= MOST_GENERATOR or seen.seconds < LEAST_SECONDS:
        return ""
    cores = "its core" if seen.threads == 1 else f"its {seen.threads} cores"
    return (
        f"the generator used {share:.0%} of {cores} ({MOST_GENERATOR:.0%} is allowed): "
        "these numbers show the generator, not the server; "
        "use more --threads, the native engine, or an open loop with fewer requests/s"
    )


def waiting(seen: LoadFacts) -> str:
    """A generator that was ready to run but did not, over 25 % of the window."""
    share = seen.run_delay_seconds / (seen.seconds * seen.threads)
    if share <= MOST_RUN_DELAY or seen.seconds < LEAST_SECONDS:
        return ""
    return (
        f"the generator waited for its core {share:.0%} of the time, "
        f"{MOST_RUN_DELAY:.0%} is allowed: "
        "end what else runs there, or keep the server off the last core"
    )


def unlawful(seen: LoadFacts) -> str:
    """Little's law: requests in flight = rate × time in flight, unless counts are wrong.

    Requests that an edge of the window cuts through belong to one side only: at most all that
    were ever in flight, for a long service time. Not checked if responses were still awaited after
    the window: then the number in flight never settled.
    """
    mean = seen.mean_service_seconds
    if (
        seen.failures
        or seen.dropped
        or seen.requests < LEAST_FOR_LITTLE
        or not mean
        or seen.drained_seconds > MOST_DRAIN * seen.seconds
    ):
        return ""
    expected = seen.requests / seen.seconds * mean
    edge = seen.most_in_flight * (seen.service_p99_seconds or mean) / seen.seconds
    gap = abs(seen.mean_in_flight - expected)
    if gap <= MOST_LITTLE * expected + edge:
        return ""
    return (
        f"{seen.mean_in_flight:.3g} requests were in flight, but rate × service time is "
        f"{expected:.3g}; {MOST_LITTLE:.0%} apart is allowed: "
        "times or counts are wrong; run it again, and longer"
    )


GATES: tuple[Gate, ...] = (exhausted, unanswered, unsent, overflowed, late, full, waiting, unlawful)
