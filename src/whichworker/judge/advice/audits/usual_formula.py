"""The number of workers that everybody copies, two for each core and one, beside what was measured."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Estimate, Result

NAME, TITLE = "usual-formula", "2 x cores + 1 workers would not be better"


def audit(result: Result, best: ArmResult) -> Audit:
    """By the claims between the advised arm and the same server with the usual number; not applicable where that was not measured."""
    usual = 2 * len(result.question.server_cores) + 1
    same = [
        arm
        for arm in result.arms
        if (arm.server, arm.kind) == (best.server, best.kind)
        and arm.settings.get("workers") == usual
    ]
    if best.settings.get("workers") == usual:
        return Audit(
            name=NAME, title=TITLE, state="passed", evidence=f"{usual} workers are what is advised"
        )
    if not same:
        return Audit(
            name=NAME,
            title=TITLE,
            state="not applicable",
            evidence=f"{best.server} with {usual} workers was not measured",
        )
    for claim in result.claims:
        if claim.better in {arm.name for arm in same} and claim.worse == best.name:
            gain = Estimate(value=claim.ratio, low=claim.low, high=claim.high)
            evidence = f"{claim.better} is {claim.ratio:.2f} times as fast"
            return Audit(
                name=NAME,
                title=TITLE,
                state="failed",
                evidence=evidence,
                gain=gain,
                diff=f"+workers = {usual}\n",
            )
        if claim.worse in {arm.name for arm in same} and claim.better == best.name:
            return Audit(
                name=NAME,
                title=TITLE,
                state="passed",
                evidence=f"{claim.worse} has {1 / claim.ratio:.0%} of its throughput",
            )
    other = same[0]
    more = (
        f", and needs {other.memory_bytes / best.memory_bytes:.1f} times the memory"
        if other.memory_bytes and best.memory_bytes
        else ""
    )
    return Audit(
        name=NAME,
        title=TITLE,
        state="passed",
        evidence=f"{other.name} was not seen to be faster{more}",
    )
