"""Why a response of the app itself cannot be raced, in the words of the cause, and what to do."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from whichworker.load.codings import shown
from whichworker.load.http1 import Response, judge_answer
from whichworker.model import Interface, Request, codes
from whichworker.process import tracebacks
from whichworker.question.tokens import REDIRECTS, header
from whichworker.workloads import forms

ANOTHER_PATH = "name a path that works: --url /path"
LOG_IN = f"log in first: {forms.FORM} --allow-writes, or --header 'Authorization: …'"
LOG_IN_BY_TOKEN = f"log in first: {forms.TOKEN} --allow-writes, or --header 'Authorization: …'"
NO_LIMIT = (
    "turn the rate limit off while you measure, by a setting or a variable: under load every server"
    " would only show the limit"
)
NO_WRAPPER = "name the app itself, not a wrapper that hides its arguments"
ASGI_2 = (
    "uvicorn takes it for an app of ASGI 2: give the outermost callable an"
    " `async def __call__(self, scope, receive, send)`"
)
MISCALLED: tuple[tuple[Interface, re.Pattern[str], str], ...] = (
    (
        "wsgi",
        re.compile(
            r"missing \d+ required positional arguments?: .*'send'|"
            r"'coroutine' object is not iterable|coroutine '[^']*' was never awaited"
        ),
        f"it was called as WSGI and is ASGI: {NO_WRAPPER}",
    ),
    (
        "asgi",
        re.compile(
            r"takes 2 positional arguments but 3 were given|"
            r"__call__\(\) takes 3 positional arguments but 4 were given"
        ),
        f"it was called as ASGI and is WSGI: {NO_WRAPPER}",
    ),
    (
        "asgi",
        re.compile(r"missing 2 required positional arguments: 'receive' and 'send'"),
        ASGI_2,
    ),
)
"""By interface, the words of Python for an app that gets other arguments than it wants."""
SHOWN_BYTES = 160  # of an error page: its first sentence
HOST_STATUSES = (400, 403, 404, 421)
TITLE = re.compile(rb"<title[^>]*>(.{1,300}?)</title>", re.IGNORECASE | re.DOTALL)
NAMES_THE_HOST = re.compile(r"\bhosts?\b|ALLOWED_HOSTS|DisallowedHost", re.IGNORECASE)


class Refusal(Struct, frozen=True):
    """A reason and the cure; `logged` if the server's log may say more."""

    why: str
    hint: str = ANOTHER_PATH
    logged: bool = False


def refusal_of(
    request: Request, response: Response, host: str, *, logged_in: bool
) -> Refusal | None:
    """Why this response cannot be raced, or None; `host` is the Host that was sent."""
    complaint = judge_answer(request.answer, response)
    if request.answer.status is not None:
        why = f"the app itself does not respond as expected: {complaint and complaint[1]}"
        return Refusal(why) if complaint else None
    place, status = header(response, "location"), response.status
    if status in REDIRECTS and _leads_to_login(response):
        again = (
            "redirects to the login again after it: one process may keep the sessions to itself"
            if logged_in
            else "redirects to a login"
        )
        return Refusal(f"it {again}: {status} to {place}", _log_in_at(place, host))
    if complaint is not None:
        return Refusal(f"the app itself does not respond as expected: {complaint[1]}")
    return _of_error(response, host) if status >= 400 else None


def with_log(refusal: Refusal, log: str, interface: Interface) -> Refusal:
    """The refusal of an error of the app, with the exception in the log of its server.

    A callable of the other interface fails for its arguments, whatever is requested.
    """
    exception = tracebacks.fact_of(log)
    why = f"{refusal.why} ({exception})" if exception else refusal.why
    hints = (hint for name, words, hint in MISCALLED if name == interface and words.search(log))
    return msgspec.structs.replace(refusal, why=why, hint=next(hints, refusal.hint))


def refusal_of_many(response: Response, host: str, count: int) -> Refusal | None:
    """Why the app refuses the last of `count` requests in a row, though it served the first."""
    after = f"after {count} requests in a row"
    start = _start(response)
    if response.status == 429:
        found = _of_error(response, host)
        return msgspec.structs.replace(found, why=f"{after} {found.why}")
    if response.status == 403:
        why = f"{after} the app takes them for a robot's (status 403){start}"
        return Refusal(why, codes.BOT_CHECK.cure)
    if response.status == 401 or (response.status in REDIRECTS and _leads_to_login(response)):
        why = f"{after} the app wants a new login (status {response.status}){start}"
        return Refusal(why, codes.LOGIN_EXPIRED.cure)
    return None


def _log_in_at(place: str, host: str) -> str:
    """The cure with the app's own login page; one on another host has no form here."""
    page = urlsplit(place)
    own = page.path.startswith("/") and page.hostname in (None, host)
    return LOG_IN.replace(forms.LOGIN_PAGE, page.path) if own else LOG_IN


def _leads_to_login(response: Response) -> bool:
    place = header(response, "location")
    return "login" in place or "signin" in place


def _start(response: Response) -> str:
    """A colon and the title of an error page, else its first words; nothing if it is empty."""
    title = TITLE.search(shown(response))
    words = _words(html.unescape(_text(title[1]))) if title else ""
    words = words or _words(_text(shown(response)[:SHOWN_BYTES]))
    return f": {words}" if words else ""


def _names_the_host(response: Response) -> bool:
    """Whether an error page says so in its first words, or has Django's title for it."""
    first = _text(shown(response)[:SHOWN_BYTES])
    return bool(NAMES_THE_HOST.search(first)) or "DisallowedHost" in _start(response)


def _text(body: bytes) -> str:
    return body.decode(errors="replace")


def _words(text: str) -> str:
    return " ".join(text.split())


def _of_error(response: Response, host: str) -> Refusal:
    status, start = response.status, _start(response)
    if status == 421 or (status in HOST_STATUSES and _names_the_host(response)):
        return Refusal(
            f"the app refuses the host {host!r} (status {status}){start}",
            "send a name that it accepts: --host NAME",
        )
    if status == 429:
        wait = header(response, "retry-after")
        after = f", again after {wait}{' s' if wait.isdigit() else ''}" if wait else ""
        return Refusal(f"the app limits the rate (status 429{after}){start}", NO_LIMIT)
    if status == 401:
        asked = header(response, "www-authenticate").lower().partition(" ")[0]
        is_api = "json" in header(response, "content-type") and asked != "basic"
        hint = LOG_IN_BY_TOKEN if asked == "bearer" or is_api else LOG_IN
        return Refusal(f"the app wants a login (status 401){start}", hint)
    if status == 403:
        return Refusal(
            f"the app forbids it, as without a login or for a robot (status 403){start}", LOG_IN
        )
    return Refusal(f"the app itself returns {status}{start}", logged=status >= 500)
