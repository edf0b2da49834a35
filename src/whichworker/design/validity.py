"""Which windows may be believed, by outside signals alone: the window's rate is not read."""

from __future__ import annotations

from collections.abc import Collection

from whichworker import units
from whichworker.model import Probes, Tally

MOST_FOREIGN = 0.25
"""Share of the cores in use; above it a window is measured again (decision 17)."""
MOST_GENERATOR = 0.80
"""Share of its core: above it, the generator's own queue is measured."""
MOST_TRIES = 6
"""Tries of a window before it counts as refused."""
MOST_LAG_SECONDS, MOST_LAG_SHARE = 0.001, 0.05
"""Send lag at p99, and as a share of the shortest time of the objective."""
THROTTLED = "the CPU quota of the control group was used up"
CLOCK_ALLOWANCE = 0.02
"""Timers of a server may fire a little early, by its own clock."""
MOST_REFUSED = 0.5
"""Share of the windows: with more refused, those left are a selection."""
MOST_UPSTREAM_LAG_SECONDS = 0.005
"""How late the upstream's timers may fire at p99: later would show in response times."""
MOST_UPSTREAM_SHARE = 0.5
"""Share of a core: above it, the upstream's own queue is measured."""


def refusal(probes: Probes, tally: Tally, *, shared: bool) -> str:
    """Why this window must be measured again because the machine was busy, or an empty string.

    Foreign CPU and steal over 25 % of the cores in use (if they could be read), a generator that
    waited for its core over 25 % of the window (unless both share a core), an upstream whose timers
    fired over 5 ms late (99th percentile), or a CPU quota that was used up. Nothing here depends on
    the throughput.
    """
    if probes.throttled:
        return THROTTLED
    if probes.foreign_share is not None and probes.foreign_share > MOST_FOREIGN:
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
) -> str:
    """Why a window at a rate must be measured again, or an empty string.

    The causes of `refusal`, or a generator that was late: by over 1 ms or 5 % of the shortest time
    of the objective, whichever is longer (99th percentile). Or one that used over 80 % of its core,
    unless it spins on purpose.
    """
    if reason := refusal(probes, tally, shared=shared):
        return reason
    most = max(MOST_LAG_SECONDS, MOST_LAG_SHARE * objective_seconds)
    if lag_seconds is not None and lag_seconds > most:
        late, allowed = units.show_seconds(lag_seconds), units.show_seconds(most)
        return f"the generator itself was {late} late, {allowed} is allowed"
    if not (shared or spins) and tally.cpu_seconds > MOST_GENERATOR * tally.seconds:
        return f"the generator used {tally.cpu_seconds / tally.seconds:.0%} of its core"
    return ""


def session_refusal(refused: int, windows: int, why: Collection[str] = ()) -> str:
    """Why the whole session cannot be believed, or an empty string.

    More than half of its samples had to be refused, for the reasons `why`.
    """
    if not windows or refused / windows <= MOST_REFUSED:
        return ""
    cause = THROTTLED if THROTTLED in why else "the machine is too busy to measure on"
    return f"{refused} of {windows} samples were refused: {cause}"
