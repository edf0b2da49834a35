"""A call that blocks in an async view stops every other request of its process."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Result

NAME, TITLE = "blocked-loop", "no view blocks its event loop"
DIFF = """-    data = blocking_call()
+    data = await asyncio.to_thread(blocking_call)  # or a client that can be awaited
"""


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed where an async arm did one thing at a time without being short of CPU."""
    loops = [arm for arm in result.arms if arm.interface == "asgi" and arm.attribution is not None]
    if not loops:
        return Audit(
            name=NAME, title=TITLE, state="not applicable", evidence="no async server was measured"
        )
    blocked = [
        arm for arm in loops if arm.attribution and arm.attribution.cause == "blocked event loop"
    ]
    if not blocked:
        return Audit(name=NAME, title=TITLE, state="passed")
    why = "; ".join(blocked[0].attribution.evidence) if blocked[0].attribution else ""
    return Audit(
        name=NAME, title=TITLE, state="failed", evidence=f"{blocked[0].name}: {why}", diff=DIFF
    )
