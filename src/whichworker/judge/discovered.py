"""The facts discovered about the app: each value with its origin, and no secret among them."""

from __future__ import annotations

from collections.abc import Iterator

from whichworker.model import App, Question
from whichworker.result import Found


def discovered(question: Question) -> dict[str, Found]:
    """The facts about a user's own app, by name; none about a built-in app, which is known."""
    if question.app.is_builtin:
        return {}
    requests = ", ".join(request.title for request in question.workload.every)
    asked = Found(value=requests, origin=question.workload.title)
    return {**facts_of(question.app), "requests": asked}


def facts_of(app: App) -> dict[str, Found]:
    """The facts about an app that was examined, by name."""
    return dict(_facts(app))


def _facts(app: App) -> Iterator[tuple[str, Found]]:
    found_at = app.origin.get("app", "")
    yield "directory", Found(value=app.directory, origin=found_at)
    for interface in ("wsgi", "asgi"):
        target = app.wsgi if interface == "wsgi" else app.asgi
        if target:
            yield (
                interface,
                Found(value=target, origin="made for the race" if app.shim else found_at),
            )
    yield "interpreter", Found(value=app.python, origin=app.origin.get("python", ""))
    if app.framework:
        yield "framework", Found(value=app.framework, origin="its class, imported")
    if settings := app.settings or app.environment.get("DJANGO_SETTINGS_MODULE", ""):
        yield "settings", Found(value=settings, origin=app.origin.get("settings", found_at))
    if app.environment_file:
        yield "environment file", Found(value=app.environment_file, origin="--env-file")
    yield "host", Found(value=app.host, origin=app.origin.get("host", "default"))
    for name, _ in app.headers:
        yield (
            f"header {name}",
            Found(value="sent with every request", origin=app.origin.get("headers", "")),
        )
    for title, values in (("databases", app.databases), ("caches", app.caches)):
        if values:
            origin = app.origin.get(title, "settings")
            yield title, Found(value=", ".join(values), origin=origin)
