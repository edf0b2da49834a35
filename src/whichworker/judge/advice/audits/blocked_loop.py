"""A call that blocks in an async view stops every other request of its process."""

from __future__ import annotations

from functools import partial

from whichworker.result import ArmResult, Audit, Result

NAME = "blocked-loop"
Outcome = partial(Audit, name=NAME, title="no view blocks its event loop")
DIFF = """-    data = blocking_call()
+    data = await asyncio.to_thread(blocking_call)  # or an async client
"""


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed if an async arm did one thing at a time without being short of CPU."""
    causes = {
        arm.name: arm.attribution
        for arm in result.arms
        if arm.interface == "asgi" and arm.attribution is not None
    }
    if not causes:
        return Outcome(state="not applicable", evidence="no async server was measured")
    for name, cause in causes.items():
        if cause.cause == "blocked event loop":
            return Outcome(
                state="failed",
                problem="A view blocks its event loop",
                evidence=f"{name}: {'; '.join(cause.evidence)}",
                diff=DIFF,
            )
    return Outcome(state="passed")
