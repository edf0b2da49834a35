"""The proof of a login in a response: a token in its JSON, or cookies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whichworker import foreign, redaction
from whichworker.errors import UsageError
from whichworker.load.framing import Headers
from whichworker.load.http1 import Response, can_be_value, find_json
from whichworker.model import Login
from whichworker.workloads import forms

REDIRECTS = (301, 302, 303, 307, 308)
SHOWN_BYTES = 160  # of a refusal: its first sentence
MOST_NAMES, MOST_LEVELS = 12, 3
"""Of the names in a response, for a message."""


def proof_in(response: Response, login: Login, title: str, cookies: Headers) -> Headers:
    """The headers that later requests send; `title` is the request in words.

    Raises UsageError for a response that refuses the login, and for one without the token. Its
    message has the names in the JSON and never the values, which are secrets.
    """
    status = response.status
    if status in REDIRECTS and (login.token or not cookies):
        raise UsageError(
            f"{title} redirects to {header(response, 'location')} (status {status})",
            hint="write the path of the login as it is there, with or without / at the end",
        )
    if status >= 400:
        start = " ".join(response.body[:SHOWN_BYTES].decode(errors="replace").split())
        raise UsageError(
            f"the app refused the login by {title}: status {status}, {start or 'an empty body'}",
            hint=forms.TOKEN if login.json else f"{forms.TOKEN}, or json before the fields",
        )
    if login.token:
        return _token_in(response, login, title)
    if not cookies:
        raise UsageError(
            f"{title} returned no cookie (status {status}), but {_content(response)}",
            hint=f"name the token, if there is one: {forms.TOKEN}",
        )
    return cookies


def _token_in(response: Response, login: Login, title: str) -> Headers:
    try:
        token = find_json(response.body, login.token)
    except LookupError:  # its text would show values
        token = None
    if not isinstance(token, str) or not token or not can_be_value(token):
        raise UsageError(
            f"{title} returned no token {login.token} (status {response.status}), but"
            f" {_content(response)}",
            hint="name its place after ->, such as -> bearer data.token",
        )
    redaction.remember(f"header {login.header}", token)
    return ((login.header, f"{login.scheme} {token}".strip()),)


def _content(response: Response) -> str:
    """The names in the JSON of a response, or the type of another one."""
    try:
        told = foreign.json_in(response.body, dict[str, Any])
    except foreign.Unreadable:
        kind = header(response, "content-type") or "no type"
        return f"{len(response.body)} bytes ({kind})"
    names = list(_names(told, "", 1))
    more = ", …" if len(names) > MOST_NAMES else ""
    return f"JSON with {', '.join(names[:MOST_NAMES])}{more}" if names else "an empty object"


def _names(told: dict[str, Any], before: str, level: int) -> Iterator[str]:
    for name, value in told.items():
        yield before + name
        if isinstance(value, dict) and level < MOST_LEVELS:
            yield from _names(value, f"{before}{name}.", level + 1)


def header(response: Response, name: str) -> str:
    """The value of a header, or an empty string."""
    return next((value for key, value in response.headers if key == name), "")
