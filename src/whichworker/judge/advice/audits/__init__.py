"""What could be better about an app or how it is deployed: one audit a file, in a literal table, each with its evidence."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

from whichworker.result import ArmResult, Audit, Result

TABLE = (
    "whichworker.judge.advice.audits.usual_formula",
    "whichworker.judge.advice.audits.preload_app",
    "whichworker.judge.advice.audits.recycle_workers",
    "whichworker.judge.advice.audits.thread_safety",
    "whichworker.judge.advice.audits.connection_limit",
    "whichworker.judge.advice.audits.blocked_loop",
    "whichworker.judge.advice.audits.debug_off",
    "whichworker.judge.advice.audits.shared_cache",
    "whichworker.judge.advice.audits.async_middleware",
    "whichworker.judge.advice.audits.static_files",
    "whichworker.judge.advice.audits.behind_proxy",
)
Check = Callable[[Result, ArmResult], Audit]


def audits(result: Result, best: ArmResult) -> Iterator[Audit]:
    """Every audit of the table on the arm to deploy."""
    for module in TABLE:
        check: Check = importlib.import_module(module).audit
        yield check(result, best)
