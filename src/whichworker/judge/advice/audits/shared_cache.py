"""A cache in each process is filled and forgotten by each worker alone."""

from __future__ import annotations

from whichworker.result import ArmResult, Audit, Result

NAME, TITLE = "shared-cache", "workers share their cache"

CODE = "cache-in-process"
DIFF = """+CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:6379"}}
"""


def audit(result: Result, best: ArmResult) -> Audit:
    """Failed where the finding is there; one worker shares with nobody."""
    if not isinstance(best.settings.get("workers"), int) or best.settings["workers"] == 1:
        return Audit(
            name=NAME,
            title=TITLE,
            state="not applicable",
            evidence="one worker has nobody to share with",
        )
    seen = next((finding for finding in result.findings if finding.code == CODE), None)
    if seen is None:
        return Audit(name=NAME, title=TITLE, state="passed")
    return Audit(name=NAME, title=TITLE, state="failed", evidence=seen.text, diff=DIFF)
