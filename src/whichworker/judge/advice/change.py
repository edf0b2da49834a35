"""The advised setup beside the one that the project's files start today."""

from __future__ import annotations

from whichworker.result import ArmResult, Result


def beside_today(result: Result, advised: str) -> str:
    """A sentence that claims no more than the claims do; empty without today's setup."""
    arm = next((arm for arm in result.arms if arm.today), None)
    if arm is None:
        return ""
    here = f"{arm.name} ({arm.today})"
    if not arm.is_measured:
        return f"{here} could not be measured"
    if arm.name == advised:
        return f"{here} is the advised setup: nothing changes"
    return f"{here}: {_compared(result, arm, advised)}"


def _compared(result: Result, arm: ArmResult, advised: str) -> str:
    for claim in result.claims:
        if (claim.better, claim.worse) == (advised, arm.name):
            return f"{advised} does {claim.ratio:.2g} times as many requests/s"
        if (claim.better, claim.worse) == (arm.name, advised):
            return f"it does {claim.ratio:.2g} times as many requests/s as {advised}"
    pair = {arm.name, advised}
    if any(set(names) == pair for names in result.ties):
        return f"tied with {advised}, so a change brings no speed"
    return f"not decided against {advised}"
