"""A middleware that cannot be awaited sends every request through a thread under ASGI."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Result

NAME, TITLE = "async-middleware", "no middleware leaves the event loop"

CODE = "sync-middleware"
DIFF = """# replace each middleware of the evidence by one that is async_capable, or serve by WSGI
"""


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed where the finding is there; WSGI has no event loop."""
    if best.interface != "asgi":
        return Audit(
            name=NAME, title=TITLE, state="not applicable", evidence="it is served by WSGI"
        )
    seen = next((finding for finding in result.findings if finding.code == CODE), None)
    if seen is None:
        return Audit(name=NAME, title=TITLE, state="passed")
    return Audit(name=NAME, title=TITLE, state="failed", evidence=seen.text, diff=DIFF)
