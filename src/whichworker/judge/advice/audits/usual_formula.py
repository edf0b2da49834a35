"""The usual number of workers, two for each core and one, beside the measured best."""

from __future__ import annotations

from functools import partial

from whichworker.result import ArmResult, Audit, Estimate, Result

NAME = "usual-formula"
Outcome = partial(Audit, name=NAME, title="2 x cores + 1 workers would not be faster")


def audit(result: Result, best: ArmResult) -> Audit:
    """By the claims between the advised arm and the same server with that number of workers."""
    usual = 2 * len(result.question.server_cores) + 1
    if best.settings.get("workers") == usual:
        return Outcome(state="passed", evidence=f"the advice has {usual} workers")
    same = {
        arm.name: arm
        for arm in result.arms
        if (arm.server, arm.kind) == (best.server, best.kind)
        and arm.settings.get("workers") == usual
    }
    if not same:
        evidence = f"{best.server} with {usual} workers was not measured"
        return Outcome(state="not applicable", evidence=evidence)
    for claim in result.claims:
        if claim.better in same and claim.worse == best.name:
            return Outcome(
                state="failed",
                problem="2 x cores + 1 workers are faster",
                evidence=f"{claim.better} is {claim.ratio:.2f} times as fast",
                gain=Estimate(value=claim.ratio, low=claim.low, high=claim.high),
                diff=f"+workers = {usual}\n",
            )
        if claim.worse in same and claim.better == best.name:
            evidence = f"{claim.worse} has {1 / claim.ratio:.0%} of its throughput"
            return Outcome(state="passed", evidence=evidence)
    other = next(iter(same.values()))
    more = ""
    if other.memory_bytes and best.memory_bytes:
        more = f" and needs {other.memory_bytes / best.memory_bytes:.1f} times the memory"
    return Outcome(state="passed", evidence=f"{other.name} was not faster{more}")
