"""What a published closed-loop number can have meant: pure arithmetic on how it was measured."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

NEAR = 0.88
"""Share of the ceiling from which a closed loop shows its own limit instead of the server's."""
ABOVE = 1.02
"""Share of the ceiling that rounding cannot explain."""


class PublishedManner(Struct, frozen=True, kw_only=True):
    """How a table was measured: users, seconds, and the tool's own timeout (0: none)."""

    tool: str
    users: int
    seconds: float
    timeout_seconds: float = 0.0


def judge_row(values: Sequence[float], service_seconds: float, manner: PublishedManner) -> str:
    """A sentence about the value of published rates; empty if arithmetic finds no fault.

    Little's law: a closed loop of N users cannot exceed N ÷ service time. A run that is no
    multiple of the service time counts whole waves: between floor and ceil of (run ÷ service time)
    responses for each user.
    """
    said = []
    known = [value for value in values if value > 0]
    if service_seconds and known:
        ceiling = manner.users / service_seconds
        above = [value for value in known if value > ABOVE * ceiling]
        near = [value for value in known if NEAR * ceiling <= value <= ABOVE * ceiling]
        if above:
            said.append(
                f"impossible: {max(above):,.0f}/s is above {manner.users:,} users"
                f" ÷ {service_seconds:g} s = {ceiling:,.0f}/s"
            )
        if near:
            count = "all" if len(near) == len(known) else f"{len(near)} of {len(known)}"
            said.append(
                f"{count} at the ceiling of {manner.users:,} users ÷ {service_seconds:g} s"
                f" = {ceiling:,.0f}/s: the load tool was measured"
            )
        if manner.timeout_seconds and service_seconds > manner.timeout_seconds:
            limit = f"{manner.timeout_seconds:g} s"
            said.append(
                f"every response took longer than the {limit} after which {manner.tool} discards"
                " a latency"
            )
        waves = manner.seconds / service_seconds
        if waves < 5:
            fewest, most = (
                int(waves) * manner.users / manner.seconds,
                (int(waves) + 1) * manner.users / manner.seconds,
            )
            said.append(
                f"{waves:.1f} waves in {manner.seconds:g} s: whole waves alone make it"
                f" {fewest:,.0f} or {most:,.0f}/s"
            )
    if 0 in values:
        said.append("the zeros are failures, not scores")
    return "; ".join(said)
