"""A database that allows fewer connections than the workers open refuses some of them, under load only."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Result

NAME, TITLE = "connection-limit", "the database allows as many connections as are opened"
CODE = "connections-refused"


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed where an arm was refused connections; the evidence is the line of its log."""
    seen = [finding for finding in result.findings if finding.code == CODE]
    if not seen:
        return Audit(name=NAME, title=TITLE, state="passed")
    more = (
        f"; {best.name} was not among them"
        if all(finding.arm != best.name for finding in seen)
        else ""
    )
    return Audit(
        name=NAME,
        title=TITLE,
        state="failed",
        evidence=seen[0].text + more,
        diff=f"# {seen[0].hint}\n",
    )
