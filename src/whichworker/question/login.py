"""How the reference run logs in, once, before its requests: by a form, a request or a session."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, parse_qsl, urlencode, urljoin, urlsplit

import msgspec
from msgspec import Struct

from whichworker import redaction
from whichworker.bench.running import Running
from whichworker.errors import UsageError
from whichworker.load.framing import Headers
from whichworker.load.http1 import FramingError, Response, exchange, fetch, judge_request
from whichworker.load.session import Iteration, Jar
from whichworker.model import Answer, App, Login, Request, Session
from whichworker.question import tokens
from whichworker.question.refusals import NO_LIMIT
from whichworker.question.tokens import REDIRECTS, header
from whichworker.workloads import forms, learning
from whichworker.workloads.sources.readers import waits_for_a_value

SECOND = 1.1
"""A little more than the precision of the times in signed tokens."""
ASK_SECONDS = 30.0
"""Seconds for one response; a first request may compile templates and open a database."""
MOST_REDIRECTS = 4
"""Redirects before a login form: scheme, language and login page take three."""
SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token")


def dressed(request: Request, app: App, proof: Headers) -> Request:
    """The request with the headers the app needs and those that prove a login."""
    named = {name.lower() for name, _ in request.headers}
    more = tuple(pair for pair in (*app.headers, *proof) if pair[0].lower() not in named)
    return msgspec.structs.replace(request, headers=(*request.headers, *more))


def log_in(run: Running, app: App, login: Login) -> Headers:
    """Carry out a login once; return the headers that prove it: cookies, or a token.

    Raises UsageError if the app refuses the login.
    """
    return _by_request(run, app, login) if login.method else _by_form(run, app, login)


def _by_request(run: Running, app: App, login: Login) -> Headers:
    """Send the fields, as a script does, and take the token or the cookies of the response."""
    jar = _jar()
    body = json.dumps(login.fields) if login.json else urlencode(login.fields)
    kind = "application/json" if login.json else "application/x-www-form-urlencoded"
    headers = (("Content-Type", kind), ("Accept", "application/json"))
    request = Request(method=login.method, path=login.path, headers=headers, body=body.encode())
    response = _visit(run, app, request, jar)
    return tokens.proof_in(response, login, request.title, _cookies(jar))


def _by_form(run: Running, app: App, login: Login) -> Headers:
    """Fill in the form of a page and send it, as a browser does; return the cookies."""
    jar = _jar()
    path = login.path
    page = _visit(run, app, Request(path=path), jar)
    for _ in range(MOST_REDIRECTS):
        place = urlsplit(urljoin(path, header(page, "location")))
        if page.status not in REDIRECTS or place.hostname not in (None, app.host):
            break
        path = _path_of(place)
        page = _visit(run, app, Request(path=path), jar)
    form = forms.find_form(page.body.decode(errors="replace"), path, login)
    if form is None:
        fields = ", ".join(login.fields)
        raise UsageError(
            f"{path} has no form with {fields} that is sent by POST (status {page.status})",
            hint=forms.FORM,
        )
    scheme = "https" if app.headers else "http"
    headers = (
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Referer", f"{scheme}://{app.host}{path}"),
    )
    before = jar.pairs()
    answer = _visit(
        run,
        app,
        Request(method="POST", path=form.action, headers=headers, body=forms.filled(form, login)),
        jar,
    )
    fresh = {name for name, value in jar.pairs().items() if before.get(name) != value}
    if answer.status not in REDIRECTS and not (answer.status == 200 and fresh - {"csrftoken"}):
        raise UsageError(
            f"the app refused the login at {login.path}: status {answer.status}, no session cookie",
            hint=forms.FORM,
        )
    if (
        answer.status in REDIRECTS
        and urlsplit(urljoin(path, header(answer, "location"))).path == urlsplit(path).path
    ):
        raise UsageError(
            f"the app refused the login at {login.path}: it redirects to the login page",
            hint=forms.FORM,
        )
    place = urlsplit(urljoin(form.action, header(answer, "location")))
    if answer.status in REDIRECTS and place.hostname in (
        None,
        app.host,
    ):  # the page after a login shows its messages once
        _visit(run, app, Request(path=_path_of(place)), jar)
    return _cookies(jar)


def _path_of(place: SplitResult) -> str:
    return place.path + (f"?{place.query}" if place.query else "")


def _visit(run: Running, app: App, request: Request, jar: Jar) -> Response:
    try:
        response = fetch(run.address, dressed(request, app, _cookies(jar)), app.host, ASK_SECONDS)
    except (OSError, FramingError) as error:
        raise UsageError(
            f"{request.title} got no response: {error}", seen=run.launch.log_tail()
        ) from error
    for name, value in response.headers:
        if name == "set-cookie":
            jar.keep(value, "/")
    return response


class Played(Struct, frozen=True):
    """A session that was carried out: the response to each step, and the cookies after the last."""

    responses: tuple[Response, ...]
    cookies: dict[str, str]
    longest_seconds: float


def play(run: Running, app: App, session: Session) -> Headers:
    """Carry out a session once, as one user does; return the header with its cookies.

    Raises UsageError if a response is not the one its step expects.
    """
    for step in session.steps:
        keep_secret(step.request.headers)
        keep_secret_fields(step.request)
    return _header_of(carry_out(run, app, session).cookies)


def carry_out(run: Running, app: App, session: Session) -> Played:
    """Carry out a session once, as one user does; the values it captures are secrets from then on.

    Raises UsageError if a response is not the one its step expects.
    """
    steps = tuple(
        msgspec.structs.replace(step, request=dressed(step.request, app, ()))
        for step in session.steps
    )
    user = Iteration(msgspec.structs.replace(session, steps=steps), app.host, secure=True)
    responses: list[Response] = []
    longest = 0.0
    while not user.done:
        request, began = user.step.request, time.monotonic()
        try:
            response = exchange(run.address, user.wire(), request.method, ASK_SECONDS)
        except (OSError, FramingError) as error:
            raise UsageError(
                f"{request.title} got no response: {error}", seen=run.launch.log_tail()
            ) from error
        longest = max(longest, time.monotonic() - began)
        wrong = judge_request(request, response)[0] or user.take(response)
        if wrong is not None:
            raise UsageError(
                f"session {session.name!r} failed at {request.title}: {wrong[1]}",
                seen=run.launch.log_tail() if response.status >= 500 else "",
                hint=NO_LIMIT if response.status == 429 else "correct what the step expects",
            )
        responses.append(response)
        for name, value in user.captured.items():
            redaction.remember(f"login {name}", value)
    return Played(tuple(responses), user.cookies, longest)


class Proof(Struct, frozen=True):
    """How to log in again, as a run keeps no secrets: the fields of a form, and headers."""

    login: Login | None = None
    headers: tuple[tuple[str, str], ...] = ()


def renewed(requests: Sequence[Request], headers: Sequence[tuple[str, str]]) -> tuple[Request, ...]:
    """The requests of an earlier run, with these headers in place of removed secrets.

    A request is left out if a secret of it is still missing.
    """
    known = {name.lower(): (name, value) for name, value in headers}

    def again(name: str, value: str) -> tuple[str, str]:
        return (
            known.get(name.lower(), (name, value))
            if redaction.MARK.search(value)
            else (name, value)
        )

    sent = [
        msgspec.structs.replace(one, headers=tuple(again(*pair) for pair in one.headers))
        for one in requests
    ]
    return tuple(one for one in sent if not _holes(one))


Visit = tuple[float, list[Response]]
"""The moment of a visit, seconds since the epoch, and the response to each request."""


def visited(run: Running, app: App, requests: Sequence[Request]) -> list[Visit]:
    """Two visits of the requests with more than a second between: tokens have its number.

    Raises UsageError if a request gets no response, or another status than the raced one.
    """
    visits: list[Visit] = []
    for pause in (0.0, SECOND):
        time.sleep(pause)
        visits.append((time.time(), [_fetched(run, app, one) for one in requests]))
    return visits


def _fetched(run: Running, app: App, request: Request) -> Response:
    try:
        found = fetch(run.address, request, app.host, ASK_SECONDS)
    except (OSError, FramingError) as error:
        fact = f"{request.title} got no response: {error}"
        raise UsageError(fact, seen=run.launch.log_tail()) from error
    if request.answer.status is not None and found.status != request.answer.status:
        raise UsageError(
            f"{request.title} returns status {found.status} with this login; the race had"
            f" {request.answer.status}"
        )
    return found


def relearnt(requests: Sequence[Request], visits: Sequence[Visit]) -> dict[Request, Request]:
    """Each request with the response that it gets with the present login."""
    minutes = learning.minutes_between(visits[0][0], visits[-1][0] + SECOND)
    known = {}
    for at, request in enumerate(requests):
        seen = [responses[at] for _, responses in visits]
        found = learning.learn(
            [learning.Seen(one.status, header(one, "content-type"), one.body) for one in seen],
            minutes,
        )
        answer = found.answer if found is not None else Answer(status=request.answer.status)
        known[request] = msgspec.structs.replace(request, answer=answer)
    return known


def _holes(request: Request) -> bool:
    """Whether a removed secret of the request is still missing."""
    texts = (
        request.path,
        request.body.decode(errors="replace"),
        *(value for _, value in request.headers),
    )
    return any(redaction.MARK.search(text) for text in texts)


def _jar() -> Jar:
    """Cookies for every path, as one login serves all pages, and as over HTTPS."""
    return Jar(secure=True, clock=time.time)


def keep_secret(headers: Sequence[tuple[str, str]]) -> None:
    """Remember the secrets in these headers, and every cookie, so that no output shows them."""
    for name, value in headers:
        if name.lower() not in SECRET_HEADERS and not redaction.NAMED.search(name):
            continue
        parts = (
            [part.partition("=")[2] for part in value.split(";")]
            if name.lower() == "cookie"
            else [value.partition(" ")[2]]
        )
        for secret in (value, *parts):
            if not waits_for_a_value(secret):
                redaction.remember(f"header {name}", secret.strip())


def keep_secret_fields(request: Request, *, named: bool = False) -> None:
    """Remember the values in the form or JSON of a step: those `named` like a secret, or all."""
    text = request.body.decode(errors="replace")
    fields = parse_qsl(text)
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        found = {}
    fields += (
        [(name, str(value)) for name, value in found.items()] if isinstance(found, dict) else []
    )
    for name, value in fields:
        if not waits_for_a_value(value) and (not named or redaction.NAMED.search(name)):
            redaction.remember(f"login {name}", value)


def _cookies(jar: Jar) -> Headers:
    return _header_of(jar.pairs())


def _header_of(cookies: Mapping[str, str]) -> Headers:
    """The header with these cookies, which are secrets from now on; nothing without any."""
    for name, value in cookies.items():
        redaction.remember(f"cookie {name}", value)
    text = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return (("Cookie", text),) if text else ()
