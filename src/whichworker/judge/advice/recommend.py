"""Which arm to deploy: the leader, or the cheapest arm that it is tied with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from whichworker import units
from whichworker.judge.advice.audits import audits
from whichworker.judge.advice.change import beside_today
from whichworker.judge.advice.flips import cost_of, flips_when
from whichworker.model import codes
from whichworker.result import AdvisedArm, ArmResult, Result

BROKEN = codes.CAPACITY_BROKEN.name
NAMED = 3
"""Names in a sentence, before the others are counted."""


def recommend(result: Result, memory_limit_bytes: int | None = None) -> Result:
    """The result with its advice; unchanged if it is invalid or has no ranked leader."""
    advised = _advise(result)
    if advised.advice is None:
        return result
    arms = [arm for arm in advised.arms if arm.is_measured]
    best = next(arm for arm in arms if arm.name == advised.advice.arm)
    whole = msgspec.structs.replace(
        advised.advice,
        flips_when=tuple(flips_when(advised, best, arms)),
        cost=cost_of(best, arms, memory_limit_bytes),
        audits=tuple(audits(advised, best)) if advised.app else (),
        today=beside_today(advised, best.name),
    )
    return msgspec.structs.replace(advised, advice=whole)


def _advise(result: Result) -> Result:
    broken = {finding.arm for finding in result.findings if finding.code == BROKEN}
    arms = {arm.name: arm for arm in result.arms if arm.is_measured and arm.name not in broken}
    leader = result.leader
    if result.validity.state == "invalid" or leader is None or leader not in arms:
        return result
    if result.question.rate_per_second is not None:
        return _for_rate(result, list(arms.values()))
    tied = [
        arms[name]
        for pair in result.ties
        if leader in pair
        for name in pair
        if name != leader and name in arms
    ]
    best = min([arms[leader], *tied], key=lambda arm: (_memory(arm), arm.name != leader, arm.name))
    others = [
        arm
        for arm in arms.values()
        if arm.name != best.name and arm.throughput_per_second and not arm.spoilt
    ]
    runner_up = max(others, key=lambda arm: arm.speed, default=None)
    advice = AdvisedArm(
        arm=best.name,
        settings=best.settings,
        because=_because(result, best, leader, tied),
        command=best.command,
        runner_up=runner_up.name if runner_up else None,
    )
    return msgspec.structs.replace(result, advice=advice)


def _for_rate(result: Result, arms: list[ArmResult]) -> Result:
    """The cheapest arm that meets the objective at the user's own rate; no advice without one."""
    meeting = [arm for arm in arms if arm.at_rate is not None and arm.at_rate.holds]
    able = sorted((arm for arm in meeting if not arm.spoilt), key=_cost)
    if not able:
        return result
    best, rate = able[0], result.question.rate_per_second or 0.0
    headroom = best.at_rate.headroom if best.at_rate else None
    room = f"; its capacity is {headroom:.1f} times this rate" if headroom else ""
    only = ", and no other setup was shown to meet it"
    others = f" of the {len(able)} setups that meet it" if len(able) > 1 else only
    asked = f"{result.question.slo} at {units.show_rate(rate)}/s"
    cheapest = " with the least CPU per request" if len(able) > 1 else ""
    because = f"it meets {asked}{cheapest}{others}{room}"
    advice = AdvisedArm(
        arm=best.name,
        settings=best.settings,
        because=because,
        command=best.command,
        runner_up=able[1].name if len(able) > 1 else None,
    )
    return msgspec.structs.replace(result, advice=advice)


def _cost(arm: ArmResult) -> tuple[float, float, str]:
    cpu = arm.cpu_seconds_per_request
    return (float("inf") if cpu is None else cpu, _memory(arm), arm.name)


def _because(result: Result, best: ArmResult, leader: str, tied: Sequence[ArmResult]) -> str:
    """Sentences that claim no more than the claims and the verdict do."""
    others = sum(arm.rank_low is not None for arm in result.arms) - 1
    open_ = _undecided(result, leader)
    if best.name != leader:
        apart = f"less than {result.question.delta:.0%} apart"
        known = all(arm.memory_bytes is not None for arm in tied) and _known(result, leader)
        least = "less memory" if len(tied) == 1 else "the least memory of those tied"
        uses = least if known else "the least memory of those measured"
        return _sentences(f"it is tied with the leader, {leader} ({apart}), and uses {uses}", open_)
    if not others:
        return "it is the only server setup that could be measured"
    behind = sum(claim.better == best.name for claim in result.claims)
    if behind == others:
        return f"it is faster than {'the other' if others == 1 else f'all {others} others'}"
    faster = f" and is faster than {behind} of the {others} others" if behind else ""
    ties = f"; tied with {_listed([arm.name for arm in tied])}" if tied else ""
    known = bool(tied) and all(arm.memory_bytes is not None for arm in (best, *tied))
    less = "which does not need less memory" if len(tied) == 1 else "none of them needs less memory"
    cheaper = f", {less}" if known else ""
    return _sentences(f"it leads{faster}{ties}{cheaper}", open_)


def _sentences(said: str, open_: Sequence[str]) -> str:
    """The reason, and the setups that are not decided, if any."""
    verb = "is" if len(open_) == 1 else "are"
    return f"{said}. {_listed(open_)} {verb} not decided yet." if open_ else said


def _known(result: Result, name: str) -> bool:
    return any(arm.name == name and arm.memory_bytes is not None for arm in result.arms)


def _undecided(result: Result, leader: str) -> list[str]:
    """The setups that the leader is not decided against, by the verdict or by open pairs."""
    if result.verdict is not None:
        return list(result.verdict.undecided_against)
    pairs = [pair for pair in result.undetermined if leader in pair]
    return [name for pair in pairs for name in pair if name != leader]


def _listed(names: Sequence[str]) -> str:
    rest = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    shown = [*names[:NAMED], *rest]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _memory(arm: ArmResult) -> float:
    return float("inf") if arm.memory_bytes is None else arm.memory_bytes
