"""Who may read the page: anyone who has its address, in a browser that no other site sent there.

The address has a random token. A page of another site cannot know it; should it ever leak, requests
for another host name (DNS rebinding) or from another origin are still refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from whichworker.report.pages.skeleton import digest

TOKEN_BYTES = 24
NAMES, HTTP_PORT = ("127.0.0.1", "localhost"), 80


def new_token() -> str:
    """A token for an address, of 192 random bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def refusal(
    method: str, token: str, wanted: str, headers: Mapping[str, str], port: int
) -> str | None:
    """Why a request is refused, or None; `headers` have names in lower case.

    A request that changes something must come from the page itself: it needs an Origin.
    """
    if not secrets.compare_digest(token.encode(), wanted.encode()):
        return "this address has no valid token"
    hosts = [f"{name}:{port}" for name in NAMES] + list(NAMES if port == HTTP_PORT else ())
    if headers.get("host", "").lower() not in hosts:
        return "this page is only for this machine"
    origin = headers.get("origin")
    if origin is None and method != "GET":
        return "this request does not come from the page"
    if origin is not None and origin not in [f"http://{host}" for host in hosts]:
        return "this request comes from another site"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "this request comes from another site"
    return None


def policy(script: str, style: str) -> str:
    """The Content-Security-Policy of a page with this script and this style, and nothing else."""
    return (
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none';"
        f" form-action 'none'; frame-ancestors 'none'; script-src '{digest(script)}';"
        f" style-src '{digest(style)}'"
    )
