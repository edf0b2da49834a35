"""The routes of a mix: the requests that a clause of an objective bounds, and those shown apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whichworker.errors import UsageError
from whichworker.model import Request, Slo

MOST_ROUTES = 8
"""Routes with a line of their own: with more, a table of response times says little."""


def titles_on(route: str, requests: Sequence[Request]) -> tuple[str, ...]:
    """The titles of the requests on a route; raises UsageError if it has none.

    `route` is a title, or a path as it is raced, with a method before it or not. A path may end
    with `*`; one without a query stands for any query. Raises UsageError, too, if requests of
    other routes have the same title, since requests are counted by their titles.
    """
    found = dict.fromkeys(one.title for one in requests if _is_on(route, one))
    if not found:
        raise UsageError(
            f"an objective is on {route}, and no request is", hint=f"use {_listed(requests)}"
        )
    for one in requests:
        if one.title in found and not _is_on(route, one):
            raise UsageError(
                f"an objective is on {route}, and requests called {one.title!r} have other paths",
                hint=f"bound all of them, on {one.title!r}",
            )
    return tuple(found)


def check(slo: Slo | None, requests: Sequence[Request]) -> None:
    """Raise UsageError if a clause is on a route without requests, or if two bound the same."""
    seen: dict[tuple[float | None, tuple[str, ...]], str] = {}
    for clause in slo.clauses if slo else ():
        if not clause.route:
            continue
        titles = titles_on(clause.route, requests)
        key = (None if clause.seconds is None else clause.share, titles)
        if key in seen:
            raise UsageError(
                f"{seen[key]} and {clause.text} bound the same requests", hint="keep one of them"
            )
        seen[key] = clause.text


def routes_of(requests: Sequence[Request], slo: Slo | None = None) -> dict[str, tuple[str, ...]]:
    """The titles of each route that is shown apart, by its name.

    They are the routes of the objective, and each request of a mix of two to eight.
    """
    titles = tuple(dict.fromkeys(one.title for one in requests if one.weight > 0))
    bounded = (
        [route_of(clause.route, requests) for clause in slo.clauses if clause.route] if slo else []
    )
    alone = [(title, (title,)) for title in titles if 1 < len(titles) <= MOST_ROUTES]
    return dict((*alone, *bounded))


def route_of(route: str, requests: Sequence[Request]) -> tuple[str, tuple[str, ...]]:
    """The name and the titles of a route: a single request's title, or as the user named it."""
    titles = titles_on(route, requests)
    return (titles[0] if len(titles) == 1 else route), titles


def labels_of(routes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """For each title on any of these routes, the numbers of its routes: `0`, or `0,2`."""
    found: dict[str, list[str]] = {}
    for number, titles in enumerate(routes.values()):
        for title in titles:
            found.setdefault(title, []).append(str(number))
    return {title: ",".join(numbers) for title, numbers in found.items()}


def names_of(label: str, routes: Mapping[str, Sequence[str]]) -> list[str]:
    """The names of the routes whose numbers are in a label."""
    return [list(routes)[int(number)] for number in label.split(",")]


def _is_on(route: str, request: Request) -> bool:
    if route == request.title:
        return True
    method, _, path = route.partition(" ")
    if not path.startswith(("/", "*")):
        method, path = request.method, route
    seen = request.path if "?" in path else request.path.partition("?")[0]
    same = seen.startswith(path[:-1]) if path.endswith("*") else seen == path
    return same and method.upper() == request.method and request.weight > 0


def _listed(requests: Sequence[Request]) -> str:
    titles = list(dict.fromkeys(one.title for one in requests if one.weight > 0))
    more = len(titles) - MOST_ROUTES
    shown = ", ".join(repr(title) for title in titles[:MOST_ROUTES])
    return f"{shown} or one of {more} more" if more > 0 else shown
