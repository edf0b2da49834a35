"""Why a response of the app itself cannot be raced, in the words of the cause, and what to do."""

from __future__ import annotations

import re

from msgspec import Struct

from whichworker.load.http1 import Response, judge_answer
from whichworker.model import Request
from whichworker.question.tokens import REDIRECTS, header
from whichworker.workloads import forms

ANOTHER_PATH = "name a path that works: --url /path"
LOG_IN = f"log in first: {forms.FORM} --allow-writes, or --header 'Authorization: …'"
LOG_IN_BY_TOKEN = f"log in first: {forms.TOKEN} --allow-writes"
NO_LIMIT = (
    "turn the rate limit off while you measure, by a setting or a variable: under load every server"
    " would only show the limit"
)
SHOWN_BYTES = 160  # of an error page: its first sentence
HOST_STATUSES = (400, 403, 404, 421)
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
    if status in REDIRECTS and ("login" in place or "signin" in place):
        again = (
            "redirects to the login again after it: one process may keep the sessions to itself"
            if logged_in
            else "redirects to a login"
        )
        return Refusal(f"it {again}: {status} to {place}", LOG_IN)
    if complaint is not None:
        return Refusal(f"the app itself does not respond as expected: {complaint[1]}")
    return _of_error(response, host) if status >= 400 else None


def _of_error(response: Response, host: str) -> Refusal:
    status = response.status
    start = " ".join(response.body[:SHOWN_BYTES].decode(errors="replace").split())
    if status == 421 or (status in HOST_STATUSES and NAMES_THE_HOST.search(start)):
        return Refusal(
            f"the app refuses the host {host!r} (status {status}): {start}",
            "send a name that it accepts: --host NAME",
        )
    if status == 429:
        wait = header(response, "retry-after")
        after = f", again after {wait}{' s' if wait.isdigit() else ''}" if wait else ""
        return Refusal(f"the app limits the rate (status 429{after}): {start}", NO_LIMIT)
    if status == 401:
        bearer = header(response, "www-authenticate").lower().startswith("bearer")
        hint = LOG_IN_BY_TOKEN if bearer else LOG_IN
        return Refusal(f"the app wants a login (status 401): {start}", hint)
    if status == 403:
        return Refusal(
            f"the app forbids it, as without a login or for a robot (status 403): {start}", LOG_IN
        )
    return Refusal(f"the app itself returns {status}: {start}", logged=status >= 500)
