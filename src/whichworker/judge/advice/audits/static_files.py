"""runserver serves static files, no server here does."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Result

NAME, TITLE = "static-files", "static files are served by something"

CODE = "static-unserved"
DIFF = """+    "whitenoise.middleware.WhiteNoiseMiddleware",  # MIDDLEWARE, after SecurityMiddleware; or: advise --emit nginx
"""


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed where the finding is there; it is asked of Django alone."""
    if "framework" in result.app and result.app["framework"].value != "django":
        return Audit(
            name=NAME, title=TITLE, state="not applicable", evidence="it is asked of Django alone"
        )
    seen = next((finding for finding in result.findings if finding.code == CODE), None)
    if seen is None:
        return Audit(name=NAME, title=TITLE, state="passed")
    return Audit(name=NAME, title=TITLE, state="failed", evidence=seen.text, diff=DIFF)
