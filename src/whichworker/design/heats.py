"""The arms that are alive together: all, unless one disturbs the others or there is no room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOST_IDLE_SHARE = 0.01
"""Cores that an idle arm may use: with more it would slow the others down, so it runs apart."""
MOST_MEMORY_SHARE = 0.6
"""Share of the free memory for all launches together: the app's own growth needs the rest."""
MOST_ROUND_SHARE = 0.25
"""Share of the time that one round may take: more rounds are needed to decide anything."""


def heats(
    names: Sequence[str],
    *,
    lead: str,
    idle_share: Mapping[str, float | None],
    memory_bytes: Mapping[str, int | None],
    seconds: Mapping[str, float],
    free_bytes: int | None,
    race_seconds: float,
    slots: Mapping[str, int],
    most_slots: int | None = None,
) -> tuple[tuple[tuple[str, ...], ...], str]:
    """Groups of arms that share `lead`, and why there are several of them.

    `lead` is the likely leader, whose twin runs along. `seconds` is the time of a slice of each;
    `slots` are the requests that each works on at once, for which the database has `most_slots`
    connections (None: any number).
    """
    quiet = [
        name for name in names if (idle_share.get(name) or 0.0) <= MOST_IDLE_SHARE or name == lead
    ]
    restless = [name for name in names if name not in quiet]
    room = MOST_MEMORY_SHARE * free_bytes if free_bytes is not None else None
    reasons: list[str] = []
    if restless:
        reasons.append(f"{', '.join(restless)} used part of a core while idle")
    groups: list[list[str]] = [[lead]]
    for name in (one for one in quiet if one != lead):
        group = groups[-1]
        reason = _crowded(
            [*group, name], lead, memory_bytes, seconds, room, race_seconds, slots, most_slots
        )
        if reason and len(group) > 1:
            reasons.append(reason)
            groups.append([lead, name])
        else:
            group.append(name)
    alone = [
        [lead, name] for name in restless
    ]  # first: what they leave of their part of the time is for the others
    together = groups if len(groups[0]) > 1 or not alone else []
    return tuple(map(tuple, [*alone, *together])), "; ".join(dict.fromkeys(reasons))


def _crowded(
    group: Sequence[str],
    lead: str,
    memory_bytes: Mapping[str, int | None],
    seconds: Mapping[str, float],
    room: float | None,
    race_seconds: float,
    slots: Mapping[str, int],
    most_slots: int | None,
) -> str:
    """Why these arms and the twin cannot be alive together, or an empty string."""
    if room is not None and sum(memory_bytes.get(name) or 0 for name in (*group, lead)) > room:
        return "all launches together would use over 60 % of the free memory"
    if sum(seconds[name] for name in (*group, lead)) > MOST_ROUND_SHARE * race_seconds:
        return "a round of all would take over a quarter of the time"
    if most_slots is not None and sum(slots[name] for name in (*group, lead)) > most_slots:
        return "the database does not have enough connections for all"
    return ""
