"""What could be better about an app or its deployment: audits with evidence and the change."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from whichworker.judge.advice.audits import behind_proxy, blocked_loop, preload_app, usual_formula
from whichworker.judge.advice.audits.rows import ROWS
from whichworker.result import ArmResult, Audit, Result

Check = Callable[[Result, ArmResult], Audit]
TABLE: dict[str, Check] = {
    usual_formula.NAME: usual_formula.audit,
    preload_app.NAME: preload_app.audit,
    **{row.name: row.audit for row in ROWS},
    blocked_loop.NAME: blocked_loop.audit,
    behind_proxy.NAME: behind_proxy.audit,
}


def audits(result: Result, best: ArmResult) -> Iterator[Audit]:
    """Every audit of the table on the arm to deploy."""
    return (check(result, best) for check in TABLE.values())
