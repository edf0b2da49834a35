"""Requests from the app's own routes: those that need no parameter and change nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from whichworker.model import Request

MOST = 12  # routes: each gets enough requests in a slice
LEFT_OUT = re.compile(
    r"(^|[/_-])(admin|django-admin|__debug__|static|media|logout|log-out|signout|sign-out|delete|"
    r"remove|unsubscribe|password|reset|docs|redoc|openapi\.json|schema|jsi18n|metrics|health|"
    r"healthz|ping|favicon\.ico|robots\.txt|i18n|silk)([/_.-]|$)",
    re.IGNORECASE,
)
"""Routes that change something by GET, belong to the framework, or serve only machines."""


def requests_of(routes: Iterable[str]) -> tuple[Request, ...]:
    """The root, which many apps match by a pattern, and the shortest of the routes: at most 12."""
    paths = ["/", *(route if route.startswith("/") else f"/{route}" for route in routes)]
    kept = [
        path
        for path in dict.fromkeys(paths)
        if not LEFT_OUT.search(path) and path.isascii() and " " not in path
    ]
    ordered = sorted(kept, key=lambda path: (path.count("/") - path.endswith("/"), len(path), path))
    return tuple(Request(path=path) for path in ordered[:MOST])
