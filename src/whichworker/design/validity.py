"""Which windows may be believed. Decided from outside signals alone, before the window's result is looked at."""

from __future__ import annotations

from whichworker.model import Probes, Tally

MOST_FOREIGN = 0.25
MOST_GENERATOR = 0.80
MOST_TRIES = 6
MOST_REFUSED = 0.5


def refusal(probes: Probes, tally: Tally, *, shared: bool) -> str:
    """Why this window must be measured again, or an empty string.

    Foreign CPU and steal over 25 % of the cores in use, a generator that waited for its core over 25 % of the window, or one that used over
    80 % of it (it was measured, not the server; not applicable where both share a core). Nothing here depends on the throughput.
    """
    if probes.foreign_share > MOST_FOREIGN:
        return f"others used {probes.foreign_share:.0%} of the cores"
    if not shared and tally.run_delay_seconds > MOST_FOREIGN * tally.seconds:
        return f"the generator waited for its core {tally.run_delay_seconds / tally.seconds:.0%} of the time"
    if not shared and tally.cpu_seconds > MOST_GENERATOR * tally.seconds:
        return f"the generator used {tally.cpu_seconds / tally.seconds:.0%} of its core: it was measured, not the server"
    if probes.listen_overflows:
        return f"{probes.listen_overflows} connections overflowed the listen queue"
    return ""


def session_refusal(refused: int, windows: int) -> str:
    """Why the whole session cannot be believed, or an empty string: more than half of its windows had to be refused."""
    if windows and refused / windows > MOST_REFUSED:
        return f"{refused} of {windows} windows were refused: the machine is too busy to measure on"
    return ""
