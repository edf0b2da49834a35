"""Which windows may be believed, by outside signals alone: the window's rate is not read."""

from __future__ import annotations

from collections.abc import Collection

from whichworker import units
from whichworker.model import Probes, Tally

MOST_FOREIGN = 0.25
"""Share of the cores in use; above it a window is measured again (decision 17)."""
MOST_FOREIGN_AT_A_RATE = 0.10
"""At a rate it is less: under full load others slow a server down, near it they make a queue."""
LEAST_BURST_SECONDS, BURST_SHARE = 0.03, 0.25
"""What others may use of a core within 0.5 s: three ticks, or a share of the objective's time.

Simulated hunts beside a neighbour with bursts of 5 to 500 ms covered a quiet machine's capacity in
90 to 100 % with this rule, in none with a limit of 25 % for a whole window (decision 23).
"""
MOST_GENERATOR = 0.80
"""Share of its core: above it, the generator's own queue is measured."""
MOST_TRIES = 6
"""Tries of a window before it counts as refused."""
MOST_LAG_SECONDS, MOST_LAG_SHARE = 0.001, 0.05
"""Send lag at p99, and as a share of the shortest time of the objective."""
SLOWEST_CORE = 1.3
"""A reading of the thermometer over the usual one: the speed of a virtual core changes by less."""
THROTTLED = "the CPU quota of the control group was used up"
CLOCK_ALLOWANCE = 0.02
"""Timers of a server may fire a little early, by its own clock."""
MOST_REFUSED = 0.5
"""Share of the windows: with more refused, those left are a selection."""
MOST_UPSTREAM_LAG_SECONDS = 0.005
"""How late the upstream's timers may fire at p99: later would show in response times."""
MOST_UPSTREAM_SHARE = 0.5
"""Share of a core: above it, the upstream's own queue is measured."""


def refusal(
    probes: Probes, tally: Tally, *, shared: bool, most_foreign: float = MOST_FOREIGN
) -> str:
    """Why this window must be measured again because the machine was busy, or an empty string.

    Foreign CPU and steal over `most_foreign` of the cores in use (if they could be read), a
    generator that waited for its core over 25 % of the window (unless both share a core), an
    upstream whose timers fired over 5 ms late (99th percentile), or a CPU quota that was used up.
    Nothing here depends on the throughput.
    """
    if probes.throttled:
        return THROTTLED
    if probes.foreign_share is not None and probes.foreign_share > most_foreign:
        return f"others used {probes.foreign_share:.0%} of the cores"
    if not shared and tally.run_delay_seconds > MOST_FOREIGN * tally.seconds:
        waited = tally.run_delay_seconds / tally.seconds
        return f"the generator waited for its core {waited:.0%} of the time"
    if (
        probes.upstream_lag_seconds is not None
        and probes.upstream_lag_seconds > MOST_UPSTREAM_LAG_SECONDS
    ):
        return f"the upstream responded up to {probes.upstream_lag_seconds * 1000:.0f} ms late"
    return ""


def arm_fault(probes: Probes, tally: Tally, *, shared: bool) -> tuple[str, str] | None:
    """Why a window of this arm is unusable on any machine: a kind of failure and a sentence.

    A listen queue that overflowed, a generator that used over 80 % of its core, or an upstream
    that used over half of one: then these were measured, not the server. None if usable.
    """
    if probes.listen_overflows:
        return "overflow", f"{probes.listen_overflows} connections overflowed the listen queue"
    if not shared and tally.cpu_seconds > MOST_GENERATOR * tally.seconds:
        return (
            "generator",
            (
                f"the generator used {tally.cpu_seconds / tally.seconds:.0%} of its core,"
                " so these numbers show the generator, not the server"
            ),
        )
    if probes.upstream_cpu_share is not None and probes.upstream_cpu_share > MOST_UPSTREAM_SHARE:
        return (
            "upstream",
            (
                f"the upstream used {probes.upstream_cpu_share:.0%} of a core,"
                " so these numbers show the upstream, not the server"
            ),
        )
    return None


def too_fast(fastest_ns: int | None, minimum_seconds: float) -> tuple[str, str] | None:
    """A response that came before its work can be done: the wrong route, or a wrong clock.

    A kind of failure and a sentence; None if no response was too fast.
    """
    if (
        fastest_ns is None
        or not minimum_seconds
        or fastest_ns / 1e9 >= (1 - CLOCK_ALLOWANCE) * minimum_seconds
    ):
        return None
    seen, least = units.show_seconds(fastest_ns / 1e9), units.show_seconds(minimum_seconds)
    return (
        "impossible",
        (
            f"a response came after {seen}, but the work takes at least {least}:"
            " a wrong route or a wrong clock"
        ),
    )


def shot_refusal(
    probes: Probes,
    tally: Tally,
    lag_seconds: float | None,
    objective_seconds: float,
    *,
    shared: bool,
    spins: bool = False,
    strict: bool = False,
) -> str:
    """Why a window at a rate does not show a quiet machine, or an empty string.

    The causes of `refusal`, or a generator that was late: by over 1 ms or 5 % of the shortest time
    of the objective, whichever is longer (99th percentile). Or one that used over 80 % of its core,
    unless it spins on purpose. If `strict`, others may use 10 % of the cores, and within half a
    second no more than 30 ms or a quarter of the shortest time.
    """
    most_foreign = MOST_FOREIGN_AT_A_RATE if strict else MOST_FOREIGN
    if reason := refusal(probes, tally, shared=shared, most_foreign=most_foreign):
        return reason
    burst = max(LEAST_BURST_SECONDS, BURST_SHARE * objective_seconds)
    if strict and probes.burst_seconds is not None and probes.burst_seconds > burst:
        return f"others used the servers' cores for {units.show_seconds(probes.burst_seconds)}"
    most = max(MOST_LAG_SECONDS, MOST_LAG_SHARE * objective_seconds)
    if lag_seconds is not None and lag_seconds > most:
        late, allowed = units.show_seconds(lag_seconds), units.show_seconds(most)
        return f"the generator itself was {late} late, {allowed} is allowed"
    if not (shared or spins) and tally.cpu_seconds > MOST_GENERATOR * tally.seconds:
        return f"the generator used {tally.cpu_seconds / tally.seconds:.0%} of its core"
    return ""


def slow_core(turn_seconds: float | None, usual_seconds: float | None) -> str:
    """Why a window does not show the usual machine, by its thermometer, or an empty string."""
    if not turn_seconds or not usual_seconds or turn_seconds <= SLOWEST_CORE * usual_seconds:
        return ""
    return f"the servers' cores were {turn_seconds / usual_seconds - 1:.0%} slower than usual"


def session_refusal(refused: int, windows: int, why: Collection[str] = ()) -> str:
    """Why the whole session cannot be believed, or an empty string.

    More than half of its samples had to be refused, for the reasons `why`.
    """
    if not windows or refused / windows <= MOST_REFUSED:
        return ""
    cause = THROTTLED if THROTTLED in why else "the machine is too busy to measure on"
    return f"{refused} of {windows} samples were refused: {cause}"
