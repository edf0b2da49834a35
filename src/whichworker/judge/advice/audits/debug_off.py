"""DEBUG keeps every query in memory and shows the source of errors to anybody."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Result

NAME, TITLE = "debug-off", "debug is off"

CODE = "debug-on"
DIFF = """-DEBUG = True
+DEBUG = False
"""


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed where the finding is there; any framework has it."""
    seen = next((finding for finding in result.findings if finding.code == CODE), None)
    if seen is None:
        return Audit(name=NAME, title=TITLE, state="passed")
    return Audit(name=NAME, title=TITLE, state="failed", evidence=seen.text, diff=DIFF)
