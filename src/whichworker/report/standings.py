"""The words that all reports share: the verdict, and each setup compared to the leader."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from whichworker.model import codes
from whichworker.result import ArmResult, Claim, RaceVerdict, Ratio, Result, seconds_to_add

Relation = Literal[
    "leader", "tie", "faster", "slower", "undetermined", "not-better", "dropped", "open"
]
Other = tuple[str, Relation]
Decided = Literal["clear", "tied", "undecided"]

WORDS: dict[Relation, str] = {
    "leader": "leader",
    "tie": "tied",
    "faster": "faster",
    "slower": "slower",
    "undetermined": "not decided",
    "not-better": "not better",
    "dropped": "left early",
    "open": "no verdict",
}
MEANINGS: dict[Relation, str] = {
    "leader": "leader",
    "tie": "tied with the leader",
    "faster": "faster than the leader",
    "slower": "slower than the leader",
    "undetermined": "not decided: it may be as fast as the leader, or slower",
    "not-better": "not better than the leader by more than the difference that matters",
    "dropped": "left early, nothing claimed",
    "open": "no verdict against the leader",
}
CLAIMED = "always-valid"
"""The interval of a claim. Only results from before slices show it: they have no other."""
NO_SECRETS = "this one cannot continue, as a run keeps no login and no secret header"
NAMED = 3
"""Names in a sentence, before the others are counted."""


@dataclass(frozen=True)
class Standing:
    """One setup of the table, compared to the leader."""

    arm: ArmResult
    relation: Relation
    ratio: Ratio | None

    @property
    def word(self) -> str:
        """The verdict in the words of a table."""
        return WORDS[self.relation]

    @property
    def ranks(self) -> str | None:
        """The interval of ranks the setup may have: `1`, `2–4`, or None if it has none."""
        low, high = self.arm.rank_low, self.arm.rank_high
        if low is None or high is None:
            return None
        return str(low) if low == high else f"{low}–{high}"


def moment(as_of: str) -> str:
    """A moment as a person writes it: `2026-11-29 09:00 UTC`."""
    return as_of.replace("T", " ").replace(":00Z", " UTC")


def versions(result: Result) -> str:
    """How the versions were chosen, in a sentence that says how to repeat it; empty if unknown."""
    asked = result.question.resolution
    if asked is None or asked.as_of is None:
        return ""
    source = "lock files of whichworker" if asked.locked else "newest versions"
    again = f"--exclude-newer {asked.as_of} repeats the choice"
    parts = [f"{source}, as of {moment(asked.as_of)}; {again}"]
    others: dict[str, list[str]] = {}
    for arm in result.arms:
        if arm.resolution is None or arm.resolution == asked:
            continue
        when = arm.resolution.as_of
        said = f"as of {moment(when)}" if when else "newest on the day of installation"
        others.setdefault(f"other versions, {said}", []).append(arm.name)
    parts += [f"{said}: {', '.join(names)}" for said, names in others.items()]
    return "; ".join(parts)


def compare(result: Result, one: str, other: str) -> tuple[Relation, Claim | None]:
    """`one` compared to `other`: slower and faster only if a claim says so."""
    for claim in result.claims:
        if (claim.worse, claim.better) == (one, other):
            return "slower", claim
        if (claim.better, claim.worse) == (one, other):
            return "faster", claim
    pair = {one, other}
    if any(set(names) == pair for names in result.ties):
        return "tie", None
    open_ = any(set(names) == pair for names in result.undetermined)
    return ("undetermined" if open_ else "open"), None


def standings(result: Result) -> tuple[Standing, ...]:
    """The ranked setups, the fastest first; none for an invalid result: its ranks mean nothing."""
    if result.validity.state == "invalid":
        return ()
    arms = [arm for arm in result.arms if arm.is_measured]
    return tuple(_standing(result, arm) for arm in sorted(arms, key=_order))


def _order(arm: ArmResult) -> float:
    return -arm.throughput_per_second.value if arm.throughput_per_second else math.inf


def _standing(result: Result, arm: ArmResult) -> Standing:
    if result.leader is None:
        return Standing(arm, "open", None)
    if arm.name == result.leader:
        return Standing(arm, "leader", None)
    relation, claim = compare(result, arm.name, result.leader)
    if relation in ("undetermined", "open") and (arm.dropped or arm.state == "dropped"):
        relation = _of_those_that_left(result.verdict, arm.name)
    return Standing(arm, relation, arm.against_leader or _of_claim(relation, claim))


def _of_those_that_left(verdict: RaceVerdict | None, name: str) -> Relation:
    """An arm that left is claimed slower, or not better than the leader.

    Results from before verdicts claim nothing about it.
    """
    if verdict is None:
        return "dropped"
    if name in verdict.not_better:
        return "not-better"
    return "undetermined" if name in verdict.undecided_against else "slower"


def _of_claim(relation: Relation, claim: Claim | None) -> Ratio | None:
    if claim is None:
        return None
    if relation == "faster":
        return Ratio(value=claim.ratio, low=claim.low, high=claim.high, interval=CLAIMED)
    return Ratio(value=1 / claim.ratio, low=1 / claim.high, high=1 / claim.low, interval=CLAIMED)


def interval_caption(ranked: Sequence[Standing]) -> str:
    """The meaning of the intervals beside the ratios; empty if there are none."""
    ratios = [one.ratio for one in ranked if one.ratio and one.ratio.low is not None]
    if not ratios:
        return ""
    kinds = " or ".join(sorted({ratio.interval for ratio in ratios}))
    if kinds == CLAIMED:
        interval = "the interval that decided the verdict."
    else:
        wider = "Verdicts use wider intervals: a setup below 1.00 can still be as fast."
        interval = f"its {kinds} interval. {wider}"
    return f"vs leader: requests/s divided by the leader's, with {interval}"


def ceiling_caption(result: Result) -> str:
    """The meaning of requests/s, and the rate to plan with instead."""
    forced = result.question.connections
    own = "each setup with its own connections"
    fewer = forced and any(arm.connections and arm.connections < forced for arm in result.arms)
    load = f"{'at most ' if fewer else ''}{forced} connections each" if forced else own
    caption = f"Requests/s is the maximum under full load, {load}."
    if any(finding.code == codes.SESSIONS_RACED.name for finding in result.findings):
        return f"{caption} It counts each step of a session."
    sought = any(arm.capacity_per_second for arm in result.arms)
    return f"{caption} Plan with the validated rate {'below' if sought else '(--slo)'}."


def verdict_of(result: Result) -> RaceVerdict:
    """The verdict; an older result without one gets it from its claims."""
    if result.verdict is not None:
        return result.verdict
    leader = result.leader
    if result.validity.state == "invalid" or leader is None:
        headline = "No verdict: no server setup could be compared"
        return RaceVerdict(state="invalid", headline=headline)
    ranked = standings(result)
    others = [(one.arm.name, one.relation) for one in ranked if one.relation != "leader"]
    state, headline = _claimed(result, leader, others)
    return RaceVerdict(
        state=state,
        headline=headline,
        leader=leader,
        tied_with=_those(others, "tie"),
        undecided_against=_those(others, "undetermined"),
    )


def _claimed(result: Result, leader: str, others: Sequence[Other]) -> tuple[Decided, str]:
    tied, open_ = _those(others, "tie"), _those(others, "undetermined")
    if open_:
        return "undecided", f"Not decided whether {leader} is faster than {listed(open_)}"
    if any(relation not in ("tie", "slower") for _, relation in others):
        unclaimed = "but not every other server setup was shown to be slower"
        return "undecided", f"Not decided: {leader} leads, {unclaimed}"
    if tied:
        within = f"are within {result.question.delta:.0%}. Take the one with the least memory."
        return "tied", f"Tied: {listed([leader, *tied])} {within}"
    return "clear", _clear(leader, len(others))


def _those(others: Sequence[Other], wanted: Relation) -> tuple[str, ...]:
    return tuple(name for name, relation in others if relation == wanted)


def _clear(leader: str, others: int) -> str:
    if not others:
        return f"{leader} is the only server setup that could be measured"
    rest = "the other server setup" if others == 1 else f"all {others} other server setups"
    return f"Clear winner: {leader} is faster than {rest}"


def tied_arms(result: Result) -> list[ArmResult]:
    """The leader and the setups tied with it, if that is the verdict: the cheaper is the choice."""
    verdict = verdict_of(result)
    if verdict.state != "tied":
        return []
    names = {verdict.leader, *verdict.tied_with}
    return [one.arm for one in standings(result) if one.arm.name in names]


def resume_command(result: Result) -> str:
    """The command that lets a finished run decide more; empty if none would help."""
    verdict = verdict_of(result)
    seconds = verdict.seconds_to_decide
    over = verdict.state == "undecided" and result.run.finished
    if not over or not seconds or not result.question.resumable:
        return ""
    return continue_command(result, "--time", f"{seconds_to_add(seconds)}s")


def decision_advice(result: Result) -> str:
    """The way to a verdict if no command continues the run; empty if it is decided or unfinished.

    Empty also for a run without a leader: its headline says what is missing.
    """
    verdict, over = result.verdict, result.run.finished
    if verdict is None or verdict.state != "undecided" or not over or resume_command(result):
        return ""
    if verdict.seconds_to_decide:
        whole = result.question.time_seconds + seconds_to_add(verdict.seconds_to_decide)
        return f"start a new run with --time {whole:.0f}s: {NO_SECRETS}"
    return "take the cheaper, or start a new run with a larger --delta" if verdict.leader else ""


def continue_command(result: Result, *more: str) -> str:
    """The command that goes on with this run."""
    words = [*app_of(result.run.command), "--resume", result.run.id]
    return shlex.join(["whichworker", "race", *words, *more])


def app_of(command: str) -> list[str]:
    """The APP of a command line: the first word that is no option, nor the value of one."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    for before, word in pairwise(words[1:]):
        of_option = before.startswith("-") and "=" not in before
        if not word.startswith("-") and not of_option:
            return [word]
    return []


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: `a, b and 2 more`."""
    rest = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    shown = [*names[:NAMED], *rest]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
