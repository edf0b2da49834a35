"""An app that answers wrongly only when several requests are worked on at once shares something between its threads."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Result

NAME, TITLE = "thread-safety", "answers are right when many are given at once"
CODE = "wrong-under-load"


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed where an arm that was right alone was wrong under load; passed where one of several slots was right throughout."""
    seen = [finding for finding in result.findings if finding.code == CODE]
    if seen:
        return Audit(
            name=NAME,
            title=TITLE,
            state="failed",
            evidence=seen[0].text,
            diff=f"# {seen[0].hint}\n",
        )
    if best.settings.get("threads") in (None, 1) and best.interface == "wsgi":
        return Audit(
            name=NAME,
            title=TITLE,
            state="not applicable",
            evidence="one request at a time in each process",
        )
    return Audit(
        name=NAME,
        title=TITLE,
        state="passed",
        evidence=f"{best.name} gave no wrong answer under load",
    )
