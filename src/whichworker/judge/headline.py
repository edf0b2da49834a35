"""The verdict in one sentence: a clear winner, a tie, or not decided and what deciding takes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from whichworker import units
from whichworker.design.elimination import FIRST_DECISION
from whichworker.design.selection import Race
from whichworker.judge.slices import Sliced
from whichworker.result import RaceVerdict, Validity, seconds_to_add

ALL_FAILED = "every server setup failed before it could be ranked"
NONE_MEASURED = "no server setup could be measured"
NOTHING = (ALL_FAILED, NONE_MEASURED)
"""Reasons of a run without any number: there is nothing in it that could be wrong."""
RECENT = 10
"""Rounds that the cost of another one is forecast from: only the last have the same arms."""
LAUNCHES = 1.3
"""New launches take about a third as long as the rounds between them."""
NAMED = 3
"""Names in a sentence, before the others are counted."""
LEAST_ROUNDS = 10
"""Rounds before a forecast: after five, one race beside a busy neighbour printed 46 minutes
though one more minute was enough."""


def verdict_of(race: Race | None, sliced: Sliced, validity: Validity) -> RaceVerdict:
    """The verdict, with its headline."""
    if validity.state == "invalid":
        nothing = next((reason for reason in validity.reasons if reason in NOTHING), "")
        text = f"No verdict: {nothing or 'this run cannot be trusted'}"
        return RaceVerdict(state="invalid", headline=text, leader=None)
    leader = race.leader() if race else None
    if race is None or leader is None or not race.listed:
        return _too_short(race, sliced)
    tied: list[str] = []
    undecided: list[str] = []
    behind: list[str] = []
    passed: list[str] = []
    slower = {
        pair.second if pair.verdict == "better" else pair.first
        for pair in race.pairs()
        if pair.verdict in ("better", "worse")
    }
    for pair in race.pairs():
        if leader in (pair.first, pair.second):
            other = pair.second if pair.first == leader else pair.first
            if pair.verdict == "tie":
                tied.append(other)
            elif pair.verdict != "undetermined" or (other in race.dropped and other in slower):
                # claimed worse than the leader, or than another arm that was ahead of it
                behind.append(other)
            else:
                (passed if other in race.dropped else undecided).append(other)
    state: Literal["clear", "tied", "undecided"] = "undecided"
    seconds: float | None = None
    if short := [name for name in race.alive if name not in race.listed]:
        seconds = FIRST_DECISION * seconds_of_a_round(sliced) or None
        text = f"Not decided: the time ended before {_listed(short)} had {FIRST_DECISION} rounds;"
        text += f" {_more(seconds)}"
        undecided += [name for name in short if name != leader]
        seconds = FIRST_DECISION * seconds_of_a_round(sliced) or None
    elif undecided:
        few = LEAST_ROUNDS - race.rounds
        rounds = few if few > 0 else rounds_to_decide(race)
        seconds = rounds * seconds_of_a_round(sliced) if rounds is not None else None
        text = _undecided(leader, undecided, seconds, race.rounds)
    elif tied:
        state = "tied"
        verb = "is" if len(tied) == 1 else "are"
        text = f"Tied: {_listed(tied)} {verb} within {race.delta:.0%} of {leader}, which leads."
        text += " Take the one with the least memory."
    else:
        state = "clear"
        text = _leads(leader, behind, passed, race.delta) if passed else _clear(leader, behind)
    return RaceVerdict(
        state=state,
        headline=text,
        leader=leader,
        tied_with=tuple(tied),
        undecided_against=tuple(undecided),
        not_better=tuple(passed),
        seconds_to_decide=seconds,
    )


def _too_short(race: Race | None, sliced: Sliced) -> RaceVerdict:
    """The time ended before the rounds that a rank takes."""
    rounds = FIRST_DECISION - (race.rounds if race else 0)
    seconds = rounds * seconds_of_a_round(sliced) or None
    text = f"Not decided: the time ended before any server setup had {FIRST_DECISION} rounds;"
    text += f" {_more(seconds)}{_calibrated(sliced)}"
    return RaceVerdict(state="undecided", headline=text, seconds_to_decide=seconds)


def _more(seconds: float | None) -> str:
    return f"{seconds_to_add(seconds)} s more would be enough" if seconds else "use more --time"


def _calibrated(sliced: Sliced) -> str:
    """The rates that are known all the same, from the calibration of each setup."""
    rates = [
        f"{name} about {units.show_rate(readings[-1].throughput_per_second)}/s"
        for name, readings in sliced.portraits.items()
        if readings and readings[-1].throughput_per_second
    ]
    return f". Each alone, before the race: {_listed(rates)}" if rates else ""


def rounds_to_decide(race: Race) -> int | None:
    """Rounds that would likely decide the leader against every arm that is alive.

    None if they are too many, no pair is open, or there were too few rounds for a forecast.
    """
    if race.rounds < LEAST_ROUNDS:
        return None
    leader = race.leader()
    waits = []
    for pair in race.pairs():
        names = {pair.first, pair.second}
        if pair.verdict == "undetermined" and leader in names and not names & {*race.dropped}:
            either = (
                race.rounds_to_decide(pair.first, pair.second),
                race.rounds_to_pick(pair.first, pair.second),
            )
            waits.append(min((wait for wait in either if wait is not None), default=None))
    known = [wait for wait in waits if wait is not None]
    return max(known) if known and len(known) == len(waits) else None


def seconds_of_a_round(sliced: Sliced) -> float:
    """Wall time of one more round, with its part of the launches."""
    recent = sliced.round_seconds[-RECENT:]
    return LAUNCHES * fmean(recent) if recent else 0.0


def _clear(leader: str, behind: Sequence[str]) -> str:
    if not behind:
        return f"{leader} is the only server setup that could be measured"
    others = (
        "the other server setup" if len(behind) == 1 else f"all {len(behind)} other server setups"
    )
    return f"Clear winner: {leader} is faster than {others}"


def _leads(leader: str, behind: Sequence[str], passed: Sequence[str], delta: float) -> str:
    """No arm is better by more than δ, but not every arm is claimed to be slower."""
    others = len(behind) + len(passed)
    faster = f"it is faster than {len(behind)} of the {others} others; " if behind else ""
    close = f"{_listed(passed)} may be as fast, but not faster by more than {delta:.0%}"
    return f"{leader} leads: {faster}{close}"


def _undecided(leader: str, others: Sequence[str], seconds: float | None, rounds: int) -> str:
    if rounds < LEAST_ROUNDS:
        few = f"{rounds} rounds are too few; give it more with --time"
    elif seconds:
        few = f"{seconds_to_add(seconds)} s more would probably decide"
    else:
        few = "that would take longer than is sensible"
    return f"Not decided whether {leader} is faster than {_listed(others)}: {few}"


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:NAMED], *([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
