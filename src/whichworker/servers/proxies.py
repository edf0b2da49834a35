"""Headers that a proxy adds, and the option by which each server trusts a proxy that sends them."""

from __future__ import annotations

from collections.abc import Iterable

HEADERS = (
    "x-forwarded-proto",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-by",
    "forwarded",
)
"""The headers that waitress removes unless it trusts the proxy."""
FLAGS = {
    "waitress": "--trusted-proxy 127.0.0.1 --trusted-proxy-headers 'x-forwarded-proto'",
    "gunicorn": "--forwarded-allow-ips 127.0.0.1",
    "uvicorn": "--proxy-headers --forwarded-allow-ips 127.0.0.1",
    "daphne": "--proxy-headers",
    "hypercorn": "wrap the app in hypercorn.middleware.ProxyFixMiddleware, as no option does it",
    "granian": "wrap the app by granian.utils.proxies, as no option does it",
}
"""By family; the others pass all headers on and never change the scheme."""
NO_FLAG = "let a middleware of the app read the header, as this server has no option for it"


def trusted(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The names of a proxy's headers among these, in lower case.

    The server must trust them. `forwarded` counts only by itself: waitress takes no mixture.
    """
    found = [name.lower() for name, _ in headers if name.lower() in HEADERS]
    several = [name for name in found if name != "forwarded"]
    return tuple(dict.fromkeys(several or found))


def flag(family: str) -> str:
    """The option by which a server of this family trusts a proxy on this machine."""
    return FLAGS.get(family, NO_FLAG)
