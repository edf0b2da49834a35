"""The studies as a literal table, and the form of a published table."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct, field

from whichworker.errors import UsageError
from whichworker.result.study import StudyResult
from whichworker.studies.options import StudyRun
from whichworker.studies.watch import StudyWatch

STUDIES: dict[str, tuple[str, str]] = {
    "better-django-worker": (
        "23 workloads on gevent, uvicorn and hypercorn workers",
        "whichworker.studies.better_django_worker:run",
    ),
    "http-clients": (
        "requests, httpx and aiohttp against one site and twenty",
        "whichworker.studies.http_clients:run",
    ),
    "sync-or-async": (
        "three parallel upstream calls and a page, 100 users, six services",
        "whichworker.studies.sync_or_async:run",
    ),
    "asgi-benchmarks": (
        "a session behind a login, by server, interpreter and ORM",
        "whichworker.studies.asgi_benchmarks:run",
    ),
}


class PublishedRow(Struct, frozen=True, kw_only=True):
    """A row of a published table: our workload for it, its service time, and its values by arm.

    `really_seconds` is the time that the published code took, if its name says another.
    """

    title: str
    variant: str
    workload: str
    values: Mapping[str, float] = field(default_factory=dict)
    service_seconds: float = 0.0
    really_seconds: float | None = None
    upstream: bool = False
    remark: str = ""


class Study(Protocol):
    """A study: measures what is missing, and makes its tables; its module has the time bounds."""

    def __call__(self, run: StudyRun, watch: StudyWatch) -> StudyResult:
        """Raises UsageError for a study that cannot be measured here at all."""
        ...


def bound_seconds(name: str, *, quick: bool) -> float:
    """Longest measuring time of a study, without builds; raises UsageError for unknown names."""
    module = importlib.import_module(load(name).__module__)
    seconds: float = module.QUICK_SECONDS if quick else module.FULL_SECONDS
    return seconds


def load(name: str) -> Study:
    """The study of this name; raises UsageError with a list of the names."""
    if name not in STUDIES:
        close = difflib.get_close_matches(name, STUDIES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(STUDIES)}"
        raise UsageError(f"unknown study: {name!r}", hint=hint)
    module, _, attribute = STUDIES[name][1].partition(":")
    study: Study = getattr(importlib.import_module(module), attribute)
    return study
