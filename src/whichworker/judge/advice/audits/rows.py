"""Audits that are a row: a finding of the run fails them, and they name the change to the app."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec import Struct

from whichworker.model import Code, codes
from whichworker.result import ArmResult, Audit, Result


class AuditRow(Struct, frozen=True):
    """One audit: what it checks, the finding that fails it, and the diff that mends it.

    Without a `diff` the finding's hint is shown. `unless` says why the audit does not apply,
    or nothing. If `own`, only findings about the advised setup count.
    """

    name: str
    title: str
    code: Code
    unless: Callable[[Result, ArmResult], str] = lambda _, __: ""
    diff: str = ""
    own: bool = False

    def audit(self, result: Result, best: ArmResult) -> Audit:
        """Failed if it applies and the run has the finding, which is its evidence."""
        outcome = partial(Audit, name=self.name, title=self.title)
        if why := self.unless(result, best):
            return outcome(state="not applicable", evidence=why)
        for finding in result.findings:
            if finding.code == self.code.name and (not self.own or finding.arm == best.name):
                diff = self.diff or f"# {finding.hint or self.code.cure}\n"
                problem, evidence = self.code.title, finding.detail
                return outcome(state="failed", problem=problem, evidence=evidence, diff=diff)
        return outcome(state="passed")


def _without_stage_two(_: Result, best: ArmResult) -> str:
    return "" if best.capacity_per_second else "memory is checked only if a capacity is measured"


def _one_at_a_time(result: Result, best: ArmResult) -> str:
    """Not checked if each process works on one request at a time, unless a run showed it."""
    wrong = any(finding.code == codes.WRONG_UNDER_LOAD.name for finding in result.findings)
    alone = best.interface == "wsgi" and best.settings.get("threads") in (None, 1)
    return "each process works on one request at a time" if alone and not wrong else ""


def _one_worker(_: Result, best: ArmResult) -> str:
    several = best.settings.get("workers") not in (None, 1)
    return "" if several else "a single worker has nothing to share"


def _wsgi(_: Result, best: ArmResult) -> str:
    return "" if best.interface == "asgi" else "the app is served by WSGI"


def _not_django(result: Result, _: ArmResult) -> str:
    framework = result.app.get("framework")
    return "" if framework is None or framework.value == "django" else "the app is not Django"


RECYCLE = """# gunicorn: recycle the workers at different times, before they fill the memory
+max_requests = 5000
+max_requests_jitter = 500
"""
REDIS = """+CACHES = {
+    "default": {
+        "BACKEND": "django.core.cache.backends.redis.RedisCache",
+        "LOCATION": "redis://127.0.0.1:6379",
+    }
+}
"""
WHITENOISE = """# MIDDLEWARE, after SecurityMiddleware; or: advise --emit nginx
+    "whitenoise.middleware.WhiteNoiseMiddleware",
"""
DEBUG = "-DEBUG = True\n+DEBUG = False\n"

# fmt: off
ROWS = (
    AuditRow("recycle-workers", "the memory of the workers is steady",
        codes.MEMORY_GROWS, _without_stage_two, RECYCLE, own=True),
    AuditRow("thread-safety", "responses are correct for several requests at once",
        codes.WRONG_UNDER_LOAD, _one_at_a_time),
    AuditRow("connection-limit", "the database allows all connections that the app opens",
        codes.CONNECTIONS_REFUSED),
    AuditRow("debug-off", "DEBUG is off", codes.DEBUG_ON, diff=DEBUG),
    AuditRow(
        "shared-cache", "workers share their cache", codes.CACHE_IN_PROCESS, _one_worker, REDIS
    ),
    AuditRow(
        "async-middleware", "no middleware leaves the event loop", codes.SYNC_MIDDLEWARE, _wsgi
    ),
    AuditRow("static-files", "something serves the static files",
        codes.STATIC_UNSERVED, _not_django, WHITENOISE),
)
# fmt: on
