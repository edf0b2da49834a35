"""Facts about an app with their origins, and the options that follow from them."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from whichworker.apps import checkup, discover
from whichworker.apps.examine import Examiner
from whichworker.model import Finding
from whichworker.workloads.sources import routes

MOST_URLS = 6
"""Routes written into a new configuration: enough for a mixture, few enough to read."""


class Beginning(Struct, frozen=True):
    """Facts (name, value, origin), values of options, and findings."""

    facts: tuple[tuple[str, str, str], ...]
    values: dict[str, object]
    findings: tuple[Finding, ...]


def begin(
    named: str | None,
    python: str | None,
    here: Path,
    examiner: Examiner,
    *,
    allow_remote_database: bool = False,
) -> Beginning:
    """Discover the app and examine it from inside; raises UsageError if that is impossible.

    An app whose database is on another machine is not imported, unless that is allowed.
    """
    app, findings = discover.discover(
        named, python, here, examiner, allow_remote_database=allow_remote_database
    )
    app, seen, said = checkup.examine(app, examiner, allow_remote_database=allow_remote_database)
    facts = [
        ("app", app.wsgi or app.asgi or "", app.origin.get("app", "")),
        ("interpreter", app.python, app.origin.get("python", "")),
    ]
    if app.wsgi and app.asgi:
        facts.insert(1, ("asgi", app.asgi, app.origin.get("app", "")))
    if app.framework:
        facts.append(("framework", app.framework, "its class, imported"))
    facts += [("database", text, "settings") for text in app.databases]
    values: dict[str, object] = {}
    if not app.is_builtin and seen is not None:
        known = {route if route.startswith("/") else f"/{route}" for route in seen.routes}
        if paths := [
            request.path for request in routes.requests_of(seen.routes) if request.path in known
        ][:MOST_URLS]:
            values["url"] = paths
    return Beginning(tuple(facts), values, (*findings, *said))
