"""What a callable is: an app of WSGI or ASGI, or a factory; it runs in the app's interpreter."""

import inspect
from typing import Any

WITHIN = ("app", "_app", "application", "_application", "inner", "wrapped", "asgi_app")
"""Where middleware keeps the app that it calls."""
DEPTH = 4


def is_asgi(found: Any, depth: Any = DEPTH) -> Any:
    """By its signature; middleware that takes any arguments is what the app within it is."""
    call = (
        found
        if inspect.isfunction(found) or inspect.isclass(found)
        else getattr(type(found), "__call__", found)
    )
    if inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(call):
        return True
    try:
        every = list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        return False
    needed = [one.name for one in every if one.kind in (0, 1) and one.default is one.empty]
    if not needed and any(one.kind == 2 for one in every) and depth:
        return any(is_asgi(inner, depth - 1) for inner in inner_of(found))
    if [one.name for one in every][:3] == ["scope", "receive", "send"]:
        return True
    return len(needed) == 3 and not inspect.isfunction(found) and not inspect.isclass(found)


def inner_of(found: Any) -> Any:
    """The callables within a callable."""
    known = [getattr(found, name, None) for name in WITHIN]
    return [one for one in known if callable(one) and one is not found]


def protocols_of(found: Any, depth: Any = DEPTH) -> Any:
    """The protocols of Channels' ProtocolTypeRouter, which may be within other callables."""
    known = getattr(found, "application_mapping", None)
    if isinstance(known, dict):
        return [str(name) for name in known]
    for inner in inner_of(found) if depth else ():
        if protocols := protocols_of(inner, depth - 1):
            return protocols
    return []


def is_factory(found: Any) -> Any:
    """Whether it must be called to get the app: a plain function without required arguments."""
    if not inspect.isfunction(found) or inspect.iscoroutinefunction(found):
        return False
    needed = [
        one
        for one in inspect.signature(found).parameters.values()
        if one.default is one.empty and one.kind != 4
    ]
    return not needed


def needs_of(found: Any) -> Any:
    """The required arguments of a function that is no WSGI or ASGI callable."""
    if not inspect.isfunction(found) or is_asgi(found):
        return []
    needed = [
        one.name
        for one in inspect.signature(found).parameters.values()
        if one.default is one.empty and one.kind in (0, 1, 3)
    ]
    makes = found.__name__.startswith(("create", "make", "build", "get"))
    plain = len(needed) == 2 and ("start" in needed[1] or not makes)
    return [] if plain else needed


def facts_of(found: Any) -> Any:
    return {
        "asgi": is_asgi(found),
        "callable": callable(found),
        "factory": is_factory(found),
        "needs": needs_of(found),
        "protocols": protocols_of(found),
    }
