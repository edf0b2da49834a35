"""The studies there are, as a literal table, and how a published table is written down."""

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
    """A row of a published table: our workload for it, how long its work takes, and its values by the column's arm.

    `really_seconds` is what the published code took where that is not what its name says.
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
    """A study: measures what is not measured yet, and makes its tables. Its module says how long that takes at most."""

    def __call__(self, run: StudyRun, watch: StudyWatch) -> StudyResult:
        """Raises UsageError for what cannot be measured here at all."""
        ...


def bound_seconds(name: str, *, quick: bool) -> float:
    """How long a study measures at most, builds not counted; raises UsageError for an unknown name."""
    module = importlib.import_module(load(name).__module__)
    seconds: float = module.QUICK_SECONDS if quick else module.FULL_SECONDS
    return seconds


def load(name: str) -> Study:
    """The study of this name; raises UsageError with the names there are."""
    if name not in STUDIES:
        close = difflib.get_close_matches(name, STUDIES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(STUDIES)}"
        raise UsageError(f"no study is called {name!r}", hint=hint)
    module, _, attribute = STUDIES[name][1].partition(":")
    study: Study = getattr(importlib.import_module(module), attribute)
    return study
