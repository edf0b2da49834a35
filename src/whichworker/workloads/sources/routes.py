"""Requests from the app's own routes: those that need no parameter and change nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from whichworker.model import Request

MOST = 12  # routes: each gets enough requests in a slice
SHOWN = 6  # paths of those that are left out
LEFT_OUT = re.compile(
    r"(^|[/_-])(admin|django-admin|__debug__|static|media|logout|log-out|signout|sign-out|delete|"
    r"remove|unsubscribe|password|reset|callback|docs|redoc|openapi\.json|schema|jsi18n|metrics|"
    r"health|healthz|ping|favicon\.ico|robots\.txt|i18n|silk)([/_.-]|$)|^/(error/)?[45]\d\d/?$",
    re.IGNORECASE,
)
"""Routes that change something by GET, belong to the framework, serve only machines, or show an
error page: templates of projects have /404/ and /500/ in development."""


def requests_of(routes: Iterable[str]) -> tuple[Request, ...]:
    """The root, which many apps match by a pattern, and the shortest of the routes: at most 12."""
    return tuple(Request(path=path) for path in _usable(routes)[:MOST])


def left_out(routes: Iterable[str]) -> str:
    """The routes that are not requested, in words with their paths; empty for none."""
    paths = set(_paths(routes))
    usable = _usable(routes)
    reasons = (
        (
            "may change something, show errors, or are for admins or machines",
            sorted(paths - set(usable)),
        ),
        ("are beyond the first twelve", usable[MOST:]),
    )
    told = [
        f"{len(some)} that {reason} ({', '.join(some[:SHOWN])}{', …' if len(some) > SHOWN else ''})"
        for reason, some in reasons
        if some
    ]
    return f"left out: {'; '.join(told)}" if told else ""


def _paths(routes: Iterable[str]) -> list[str]:
    paths = ["/", *(route if route.startswith("/") else f"/{route}" for route in routes)]
    return list(dict.fromkeys(paths))


def _usable(routes: Iterable[str]) -> list[str]:
    """Those that change nothing and can be sent, the shortest first."""
    kept = [
        path
        for path in _paths(routes)
        if not LEFT_OUT.search(path) and path.isascii() and " " not in path
    ]
    return sorted(kept, key=lambda path: (path.count("/") - path.endswith("/"), len(path), path))
