"""Workers that grow are ended after some requests, before they fill the memory: a stopgap until the leak is found."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Result

NAME, TITLE = "recycle-workers", "workers that grow are recycled"

CODE = "memory-grows"
DIFF = """# gunicorn: recycle workers at different times, before they fill the memory
+max_requests = 5000
+max_requests_jitter = 500
"""


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed where the finding is there; the finding comes from the launches of the second stage."""
    if best.capacity_per_second is None:
        return Audit(
            name=NAME,
            title=TITLE,
            state="not applicable",
            evidence="memory is watched over the launches of the second stage, which was not run",
        )
    seen = next(
        (
            finding
            for finding in result.findings
            if finding.code == CODE and finding.arm == best.name
        ),
        None,
    )
    if seen is None:
        return Audit(name=NAME, title=TITLE, state="passed")
    return Audit(name=NAME, title=TITLE, state="failed", evidence=seen.text, diff=DIFF)
