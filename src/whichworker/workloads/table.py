"""The workloads of the built-in apps as tables, with correct responses that no app computed."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial

from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.model import Answer, Request, Workload
from whichworker.workloads import answers
from whichworker.workloads.answers import HTML, JSON, Write, write_compact, write_spaced

Body = Callable[[Write], bytes]
DJANGO, FASTAPI, MIXED = "builtin:django", "builtin:fastapi", "builtin:fastapi-django"
ALL = (DJANGO, FASTAPI, MIXED)
FASTAPI_SIDE = ("json", "json-async")
"""The workloads that FastAPI itself serves when Django is mounted under it."""


class Row(Struct, frozen=True, kw_only=True):
    """A workload: its paths, requested equally often, their correct responses, and its apps."""

    title: str
    asks: tuple[tuple[str, Callable[[Write], Answer]], ...]
    seconds: float = 0.0
    extras: bool = False
    upstream: bool = False
    apps: tuple[str, ...] = ALL


def _json(path: str, body: Body) -> tuple[str, Callable[[Write], Answer]]:
    return path, lambda write: Answer(status=200, headers=JSON, body=body(write))


def _html(path: str, body: Callable[[], bytes]) -> tuple[str, Callable[[Write], Answer]]:
    return path, lambda write: Answer(status=200, headers=HTML, body=body())


def _row(title: str, *asks: tuple[str, Callable[[Write], Answer]], seconds: float = 0.0) -> Row:
    return Row(title=title, asks=asks, seconds=seconds)


CALL_SECONDS = 0.05  # the delay of a call in samples/calls
CALLED = (
    15,
    31,
    252,
)  # one of them has a letter beyond ASCII; several, so that mixed-up responses are noticed
FANOUT_SECONDS = 0.6  # the longest of the three calls
FANNED = ((57, 75, 115), (172, 252, 15))  # countries of the pages with three calls


def _called(path: str, title: str) -> Row:
    asks = tuple(_json(f"{path}?country={number}", answers.country(number)) for number in CALLED)
    return Row(
        title=f"one call to an upstream that takes 50 ms: {title}",
        asks=asks,
        seconds=CALL_SECONDS,
        extras=True,
        upstream=True,
    )


def _fanned(path: str, title: str) -> Row:
    asks = tuple(
        _html(
            f"{path}?countries={','.join(map(str, numbers))}",
            partial(answers.three_countries, *numbers),
        )
        for numbers in FANNED
    )
    return Row(
        title=f"three calls at once (300, 600, 150 ms) and a page: {title}",
        asks=asks,
        seconds=FANOUT_SECONDS,
        extras=True,
        upstream=True,
    )


def _brotli(path: str, title: str) -> Row:
    return Row(title=title, asks=((path, lambda write: answers.compressed_page()),), extras=True)


def _tortoise(path: str, title: str, body: Body) -> Row:
    return Row(title=title, asks=(_json(path, body),), extras=True, apps=(FASTAPI,))


WORKLOADS: dict[str, Row] = {
    "json": _row(
        "a constant list as JSON, from a sync view", _json("/json", answers.constant_list)
    ),
    "json-async": _row(
        "a constant list as JSON, from an async view", _json("/json-async", answers.constant_list)
    ),
    "query-json": _row(
        "a filtered query by the ORM as JSON, from a sync view",
        _json("/query-json?family=owl", answers.owls),
    ),
    "query-json-async": _row(
        "a filtered query by the ORM as JSON, from an async view",
        _json("/query-json-async?family=owl", answers.owls),
    ),
    "query-html": _row(
        "the same query as a table by a template, from a sync view",
        _html("/query-html?family=owl", answers.owl_table),
    ),
    "query-html-async": _row(
        "the same query as a table by a template, from an async view",
        _html("/query-html-async?family=owl", answers.owl_table),
    ),
}
"""The workloads of a plain race: small environment, no upstream, as fast as the server can."""

STUDIED: dict[str, Row] = {
    "gateway-1s": _row(
        "a view that sleeps 1 s", _json("/gateway/1", answers.slept(1.0)), seconds=1.0
    ),
    "gateway-1s-async": _row(
        "an async view that sleeps 1 s", _json("/gateway-async/1", answers.slept(1.0)), seconds=1.0
    ),
    "gateway-3s": _row(
        "a view that sleeps 3 s", _json("/gateway/3", answers.slept(3.0)), seconds=3.0
    ),
    "gateway-3s-async": _row(
        "an async view that sleeps 3 s", _json("/gateway-async/3", answers.slept(3.0)), seconds=3.0
    ),
    "gateway-10s": _row(
        "a view that sleeps 10 s", _json("/gateway/10", answers.slept(10.0)), seconds=10.0
    ),
    "gateway-10s-async": _row(
        "an async view that sleeps 10 s",
        _json("/gateway-async/10", answers.slept(10.0)),
        seconds=10.0,
    ),
    "cache-hit": _row(
        "20 ms of sleep in place of a cache",
        _json("/cache-hit", answers.cached("hit")),
        seconds=0.02,
    ),
    "cache-hit-async": _row(
        "20 ms of sleep in place of a cache, async",
        _json("/cache-hit-async", answers.cached("hit")),
        seconds=0.02,
    ),
    "cache-set": _row(
        "200 ms of sleep in place of a cache",
        _json("/cache-set", answers.cached("set")),
        seconds=0.2,
    ),
    "cache-set-async": _row(
        "200 ms of sleep in place of a cache, async",
        _json("/cache-set-async", answers.cached("set")),
        seconds=0.2,
    ),
    "real-cache-hit": _row(
        "a list from the cache", _json("/real-cache-hit", answers.constant_list)
    ),
    "real-cache-hit-async": _row(
        "a list from the cache, async", _json("/real-cache-hit-async", answers.constant_list)
    ),
    "real-cache-set": _row(
        "a list into the cache", _json("/real-cache-set", answers.cached("set"))
    ),
    "real-cache-set-async": _row(
        "a list into the cache, async", _json("/real-cache-set-async", answers.cached("set"))
    ),
    "clowncollege": _row("a list of eight rows", _json("/open/clowncollege", answers.colleges)),
    "clowncollege-async": _row(
        "a list of eight rows, async", _json("/open-async/clowncollege", answers.colleges)
    ),
    "clowncollege-tortoise-async": _tortoise(
        "/open-tortoise/clowncollege", "a list of eight rows by Tortoise ORM", answers.colleges
    ),
    "troupe": _row(
        "a list of twelve rows and their parents", _json("/open/troupe", answers.troupes)
    ),
    "troupe-async": _row(
        "a list of twelve rows and their parents, async",
        _json("/open-async/troupe", answers.troupes),
    ),
    "troupe-tortoise-async": _tortoise(
        "/open-tortoise/troupe",
        "a list of twelve rows and their parents by Tortoise ORM",
        answers.troupes,
    ),
    "brotli": _brotli("/brotli", "50 kB compressed by brotli for each request"),
    "brotli-async": _brotli(
        "/brotli-async", "50 kB compressed by brotli for each request, in an async view"
    ),
    "http-requests": _called("/http-requests", "requests, a session for each"),
    "http-requests-async": _called(
        "/http-requests-async", "requests in an async view, which stops its loop"
    ),
    "http-requests-reused": _called("/http-requests-reused", "requests, one session"),
    "http-requests-async-reused": _called(
        "/http-requests-async-reused", "requests in an async view, one session"
    ),
    "http-httpx": _called("/http-httpx", "httpx, a client for each"),
    "http-httpx-async": _called("/http-httpx-async", "httpx in an async view, a client for each"),
    "http-httpx-reused": _called("/http-httpx-reused", "httpx, one client"),
    "http-httpx-async-reused": _called(
        "/http-httpx-async-reused", "httpx in an async view, one client"
    ),
    "http-aiohttp-async": _called(
        "/http-aiohttp-async", "aiohttp in an async view, a session for each"
    ),
    "http-aiohttp-async-reused": _called(
        "/http-aiohttp-async-reused", "aiohttp in an async view, one session"
    ),
    "fanout": _fanned("/fanout", "a pool of threads for each request"),
    "fanout-async": _fanned("/fanout-async", "gathered, an httpx client for each request"),
    "fanout-reused": _fanned("/fanout-reused", "one pool of threads"),
    "fanout-async-reused": _fanned("/fanout-async-reused", "gathered, one httpx client"),
}
"""More for the studies: sleeps, caches, lists, and views with the larger environment, upstream."""


def workload(name: str, app: str | None = None) -> Workload:
    """The workload of this name, with the responses of the built-in `app` [default: Django].

    A name that starts with a slash is a GET of that path of any app, status 200. Raises UsageError
    for any other name, and for a workload that the app lacks.
    """
    if name.startswith("/"):
        return Workload(name=name, title=f"GET {name}", requests=(Request(path=name),))
    known = {**WORKLOADS, **STUDIED}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = (
            f"did you mean {close[0]}?"
            if close
            else f"one of {', '.join(known)}, or a path such as /"
        )
        raise UsageError(f"no workload is called {name!r}", hint=hint)
    row, app = known[name], app if app in ALL else DJANGO
    if app not in row.apps:
        raise UsageError(
            f"{app} has no workload {name!r}", hint=f"only {', '.join(row.apps)} has it"
        )
    compact = app == FASTAPI or (app == MIXED and name in FASTAPI_SIDE)
    return Workload(
        name=name,
        title=row.title,
        requests=tuple(
            Request(path=path, answer=answer(write_compact if compact else write_spaced))
            for path, answer in row.asks
        ),
        minimum_service_seconds=row.seconds,
        extras=row.extras,
        upstream=row.upstream,
        twin=twin_of(name),
    )


def twin_of(name: str) -> str:
    """The same workload in the other form, or an empty string."""
    words = name.split("-")
    if "async" in words:
        other = "-".join(word for word in words if word != "async")
    elif words[-1] == "reused":
        other = "-".join([*words[:-1], "async", "reused"])
    else:
        other = f"{name}-async"
    return other if other in WORKLOADS or other in STUDIED else ""
