"""What a callable is, by its signature and by what is within it."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from whichworker.apps.within.whichworker_callables import facts_of


def plain(environ: Any, start_response: Any) -> None: ...


async def served(scope: Any, receive: Any, send: Any) -> None: ...


def make() -> Any: ...


def create_app(name: Any, size: Any, color: Any) -> Any: ...


class Hides:
    """Middleware that passes any arguments on."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self.app(*given, **named)


class Three:
    """ASGI with other names."""

    def __call__(self, scope: Any, inbox: Any, outbox: Any) -> Any: ...


class Two:
    """WSGI."""

    def __call__(self, environ: Any, start: Any) -> Any: ...


class Router:
    """As Channels has it."""

    def __init__(self, **known: Any) -> None:
        self.application_mapping = known

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    ("found", "asgi"),
    [
        (plain, False),
        (served, True),
        (Hides(served), True),
        (Hides(Hides(served)), True),
        (Hides(plain), False),
        (Hides(Two()), False),
        (Three(), True),
        (Hides(Three()), True),
        (functools.partial(served), True),
        (functools.partial(plain), False),
    ],
)
def test_the_interface_of_a_callable(found: Any, asgi: bool) -> None:
    assert facts_of(found)["asgi"] is asgi


def test_a_callable_within_itself_ends() -> None:
    found = Hides(None)
    found.app = Hides(found)
    assert facts_of(found)["asgi"] is False


@pytest.mark.parametrize(
    ("found", "factory", "needs"),
    [
        (make, True, []),
        (create_app, False, ["name", "size", "color"]),
        (plain, False, []),
        (served, False, []),
    ],
)
def test_a_factory_is_a_function_to_call(found: Any, factory: bool, needs: list[str]) -> None:
    facts = facts_of(found)
    assert (facts["factory"], facts["needs"]) == (factory, needs)


@pytest.mark.parametrize(
    ("found", "protocols"),
    [
        (Router(websocket=served), ["websocket"]),
        (Hides(Router(websocket=served, http=served)), ["websocket", "http"]),
        (served, []),
    ],
)
def test_the_protocols_of_a_router(found: Any, protocols: list[str]) -> None:
    assert facts_of(found)["protocols"] == protocols
