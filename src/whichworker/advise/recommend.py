"""Which arm to deploy: the leader, or the cheapest of those it is tied with."""

from __future__ import annotations

import msgspec

from whichworker.result import AdvisedArm, ArmResult, Result


def recommend(result: Result) -> Result:
    """The result with its advice; without one where the run is invalid or has no leader that is ranked."""
    arms = {arm.name: arm for arm in result.arms if arm.state in ("ranked", "dropped")}
    leader = result.leader
    if result.validity.state == "invalid" or leader is None or leader not in arms:
        return result
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
