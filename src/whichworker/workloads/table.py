"""The workloads of the built-in apps, as a literal table; each states its right answer independently of the app that gives it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from whichworker.errors import UsageError
from whichworker.model import Answer, Request, Workload

JSON = (("Content-Type", "application/json"),)


def constant_list() -> bytes:
    """Twenty small objects, as Django's JsonResponse writes them."""
    return _json([{"id": number, "name": f"item {number}", "even": number % 2 == 0} for number in range(20)])


def owls() -> bytes:
    """The rows of one family among the thirty seeded birds, in the order of their keys."""
    birds = json.loads((files("whichworker.apps.samples") / "django_project/aviary/birds.json").read_text(encoding="utf-8"))
    return _json([{"id": number, **bird} for number, bird in enumerate(birds, start=1) if bird["family"] == "owl"])


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


WORKLOADS: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "json": ("a constant list as JSON, from a sync view", "/json", constant_list),
    "json-async": ("a constant list as JSON, from an async view", "/json-async", constant_list),
    "query-json": ("a filtered query by the ORM as JSON, from a sync view", "/query-json?family=owl", owls),
    "query-json-async": ("a filtered query by the ORM as JSON, from an async view", "/query-json-async?family=owl", owls),
}


def workload(name: str) -> Workload:
    """The workload of this name, or for a name that starts with a slash: GET that path of the app, status 200.

    Raises UsageError for any other name.
    """
    if name.startswith("/"):
        return Workload(name=name, title=f"GET {name}", requests=(Request(path=name),))
    if name not in WORKLOADS:
        close = difflib.get_close_matches(name, WORKLOADS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(WORKLOADS)}, or a path such as /"
        raise UsageError(f"no workload is called {name!r}", hint=hint)
    title, path, body = WORKLOADS[name]
    request = Request(path=path, answer=Answer(status=200, headers=JSON, body=body()))
    return Workload(name=name, title=title, requests=(request,))
