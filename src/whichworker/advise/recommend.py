"""Which arm to deploy: the leader, or the cheapest of those it is tied with."""

from __future__ import annotations

import msgspec

from whichworker import units
from whichworker.advise.audits import audits
from whichworker.advise.flips import cost_of, flips_when
from whichworker.result import AdvisedArm, ArmResult, Result


def recommend(result: Result, memory_limit_bytes: int | None = None) -> Result:
    """The result with its advice; without one where the run is invalid or has no leader that is ranked."""
    advised = _advise(result)
    if advised.advice is None:
        return result
    arms = [arm for arm in advised.arms if arm.state in ("ranked", "dropped")]
    best = next(arm for arm in arms if arm.name == advised.advice.arm)
    whole = msgspec.structs.replace(
        advised.advice,
        flips_when=tuple(flips_when(advised, best, arms)),
        cost=cost_of(best, arms, memory_limit_bytes),
        audits=tuple(audits(advised, best)) if advised.app else (),
    )
    return msgspec.structs.replace(advised, advice=whole)


def _advise(result: Result) -> Result:
    broken = {finding.arm for finding in result.findings if finding.code == "capacity-broken"}
    arms = {arm.name: arm for arm in result.arms if arm.state in ("ranked", "dropped") and arm.name not in broken}
    leader = result.leader
    if result.validity.state == "invalid" or leader is None or leader not in arms:
        return result
    if result.question.rate_per_second is not None:
        return _for_rate(result, list(arms.values()))
    tied = [arms[name] for pair in result.ties if leader in pair for name in pair if name != leader and name in arms]
    best = min([arms[leader], *tied], key=lambda arm: (_memory(arm), arm.name != leader, arm.name))
    others = [arm for arm in arms.values() if arm.name != best.name and arm.throughput_per_second]
    runner_up = max(others, key=_speed, default=None)
    advice = AdvisedArm(
        arm=best.name,
        settings=best.settings,
        because=_because(result, best, leader),
        command=best.command,
        runner_up=runner_up.name if runner_up else None,
    )
    return msgspec.structs.replace(result, advice=advice)


def _for_rate(result: Result, arms: list[ArmResult]) -> Result:
    """The cheapest of the arms that keep the objective at the user's own rate; no advice where none was seen to."""
    able = sorted((arm for arm in arms if arm.at_rate is not None and arm.at_rate.holds), key=_cost)
    if not able:
        return result
    best, rate = able[0], result.question.rate_per_second or 0.0
    headroom = best.at_rate.headroom if best.at_rate else None
    room = f"; its capacity is {headroom:.1f} times that" if headroom else ""
    others = f" of {len(able)} that were seen to" if len(able) > 1 else ", as the only one that was seen to"
    because = f"it keeps {result.question.slo} at {units.show_rate(rate)}/s with the least CPU for each request{others}{room}"
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


def _because(result: Result, best: ArmResult, leader: str) -> str:
    """One sentence that says no more than the claims do."""
    worse = [claim.worse for claim in result.claims if claim.better == best.name]
    unsure = [name for pair in result.undetermined if best.name in pair for name in pair if name != best.name]
    ranked = sum(arm.rank_low is not None for arm in result.arms)
    if best.name != leader:
        return f"it is tied with {leader}, the fastest seen, within {result.question.delta:.0%}, and needs the least memory of the tied"
    if ranked == 1:
        return "it is the only arm that could be measured"
    if len(worse) == ranked - 1:
        return f"it is faster than {'the other' if ranked == 2 else f'all {len(worse)} others'}"
    certain = f"; faster for certain than {len(worse)} of {ranked - 1} others" if worse else ""
    if unsure:
        rest = ", ".join(unsure[:3]) + (" and others" if len(unsure) > 3 else "")
        return f"it was the fastest seen{certain}; undetermined against {rest}"
    return f"it was the fastest seen{certain}; tied with the rest"


def _memory(arm: ArmResult) -> float:
    return float("inf") if arm.memory_bytes is None else arm.memory_bytes


def _speed(arm: ArmResult) -> float:
    return arm.throughput_per_second.value if arm.throughput_per_second else 0.0
