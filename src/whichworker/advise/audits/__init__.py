"""What could be better about an app or how it is deployed: one audit a file, in a literal table, each with its evidence."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

from whichworker.result import ArmResult, Audit, Result

TABLE = (
    "whichworker.advise.audits.usual_formula",
    "whichworker.advise.audits.preload_app",
    "whichworker.advise.audits.recycle_workers",
    "whichworker.advise.audits.thread_safety",
    "whichworker.advise.audits.connection_limit",
    "whichworker.advise.audits.blocked_loop",
    "whichworker.advise.audits.debug_off",
    "whichworker.advise.audits.shared_cache",
    "whichworker.advise.audits.async_middleware",
    "whichworker.advise.audits.static_files",
    "whichworker.advise.audits.behind_proxy",
)
Check = Callable[[Result, ArmResult], Audit]


def audits(result: Result, best: ArmResult) -> Iterator[Audit]:
    """Every audit of the table on the arm to deploy."""
    for module in TABLE:
        check: Check = importlib.import_module(module).audit
        yield check(result, best)
