"""Audits that are a row: a finding of the run fails them, and they say how the app is changed."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from whichworker.model import Code, codes
from whichworker.result import ArmResult, Audit, Result


class Row(Struct, frozen=True, kw_only=True):
    """One audit: what it checks, the finding that fails it, and the diff that mends it.

    Without a `diff` the finding's own hint is shown. `unless` says why the audit does not apply, or
    nothing. Of a setup's own findings only those of the advised one count, if `own`.
    """

    name: str
    title: str
    code: Code
    diff: str = ""
    unless: Callable[[Result, ArmResult], str] = lambda _, __: ""
    own: bool = False

    def audit(self, result: Result, best: ArmResult) -> Audit:
        """Failed with the finding as its evidence; a finding counts even if the rest does not apply."""
        seen = next(
            (
                finding
                for finding in result.findings
                if finding.code == self.code.name and (not self.own or finding.arm == best.name)
            ),
            None,
        )
        if why := self.unless(result, best):
            return Audit(name=self.name, title=self.title, state="not applicable", evidence=why)
        if seen is None:
            return Audit(name=self.name, title=self.title, state="passed")
        return Audit(
            name=self.name,
            title=self.title,
            problem=self.code.title,
            state="failed",
            evidence=seen.detail,
            diff=self.diff or f"# {seen.hint or self.code.cure}\n",
        )


def _without_stage_two(_: Result, best: ArmResult) -> str:
    return "" if best.capacity_per_second else "memory is checked only if a capacity is measured"


def _one_at_a_time(result: Result, best: ArmResult) -> str:
    """Another setup of the run may have shown it all the same."""
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


ROWS = (
    Row(
        name="recycle-workers",
        title="the memory of the workers is steady",
        code=codes.MEMORY_GROWS,
        diff="""# gunicorn: recycle the workers at different times, before they fill the memory
+max_requests = 5000
+max_requests_jitter = 500
""",
        unless=_without_stage_two,
        own=True,
    ),
    Row(
        name="thread-safety",
        title="responses are correct for several requests at once",
        code=codes.WRONG_UNDER_LOAD,
        unless=_one_at_a_time,
    ),
    Row(
        name="connection-limit",
        title="the database allows all connections that the app opens",
        code=codes.CONNECTIONS_REFUSED,
    ),
    Row(
        name="debug-off",
        title="DEBUG is off",
        code=codes.DEBUG_ON,
        diff="-DEBUG = True\n+DEBUG = False\n",
    ),
    Row(
        name="shared-cache",
        title="workers share their cache",
        code=codes.CACHE_IN_PROCESS,
        diff="""+CACHES = {
+    "default": {
+        "BACKEND": "django.core.cache.backends.redis.RedisCache",
+        "LOCATION": "redis://127.0.0.1:6379",
+    }
+}
""",
        unless=_one_worker,
    ),
    Row(
        name="async-middleware",
        title="no middleware leaves the event loop",
        code=codes.SYNC_MIDDLEWARE,
        unless=_wsgi,
    ),
    Row(
        name="static-files",
        title="something serves the static files",
        code=codes.STATIC_UNSERVED,
        diff="""# MIDDLEWARE, after SecurityMiddleware; or: advise --emit nginx
+    "whitenoise.middleware.WhiteNoiseMiddleware",
""",
        unless=_not_django,
    ),
)
