"""How the reference run proves who it is, once, before it asks: a form that is filled in, or a session that is carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

import msgspec
from msgspec import Struct

from whichworker import redaction
from whichworker.errors import UsageError
from whichworker.lab.running import Running
from whichworker.load.http1 import FramingError, Response, exchange, fetch, judge_answer
from whichworker.load.session import Iteration
from whichworker.model import App, Login, Request, Session
from whichworker.workloads import forms

ASK_SECONDS = 30.0
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 4


def dressed(request: Request, app: App, cookies: Mapping[str, str]) -> Request:
    """The request with what the app needs to be sent: its headers, and the cookies of a login."""
    cookie = (("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())),) if cookies else ()
    named = {name.lower() for name, _ in request.headers}
    more = tuple(pair for pair in (*app.headers, *cookie) if pair[0].lower() not in named)
    return msgspec.structs.replace(request, headers=(*request.headers, *more))


def log_in(run: Running, app: App, login: Login) -> dict[str, str]:
    """Fill in the form of a page and send it, as a browser does; the cookies afterwards. Raises UsageError where it is refused."""
    cookies: dict[str, str] = {}
    path = login.path
    page = _visit(run, app, Request(path=path), cookies)
    for _ in range(MOST_REDIRECTS):
        place = urlsplit(urljoin(path, header(page, "location")))
        if page.status not in REDIRECTS or place.hostname not in (None, app.host):
            break
        path = place.path + (f"?{place.query}" if place.query else "")
        page = _visit(run, app, Request(path=path), cookies)
    form = forms.find_form(page.body.decode(errors="replace"), path, login)
    if form is None:
        fields = ", ".join(login.fields)
        raise UsageError(f"{path} has no form with {fields} that is sent by POST (it answers {page.status})", hint=forms.FORM)
    scheme = "https" if app.headers else "http"
    headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Referer", f"{scheme}://{app.host}{path}"))
    before = dict(cookies)
    answer = _visit(run, app, Request(method="POST", path=form.action, headers=headers, body=forms.filled(form, login)), cookies)
    fresh = {name for name, value in cookies.items() if before.get(name) != value}
    if answer.status not in REDIRECTS and not (answer.status == 200 and fresh - {"csrftoken"}):
        raise UsageError(f"the login at {login.path} was refused: it answers {answer.status}, and no session begins", hint=forms.FORM)
    if answer.status in REDIRECTS and urlsplit(urljoin(path, header(answer, "location"))).path == urlsplit(path).path:
        raise UsageError(f"the login at {login.path} was refused: it leads back to itself", hint=forms.FORM)
    return _secret(cookies)


def _visit(run: Running, app: App, request: Request, cookies: dict[str, str]) -> Response:
    try:
        response = fetch(run.address, dressed(request, app, cookies), app.host, ASK_SECONDS)
    except (OSError, FramingError) as error:
        raise UsageError(f"{request.title} gave no answer: {error}", seen=run.launch.log_tail()) from error
    _keep(response, cookies)
    return response


def play(run: Running, app: App, session: Session) -> dict[str, str]:
    """Carry a session out once, as one user does; the cookies afterwards. Raises UsageError where a step is not answered as it says."""
    steps = tuple(msgspec.structs.replace(step, request=dressed(step.request, app, {})) for step in session.steps)
    user = Iteration(msgspec.structs.replace(session, steps=steps), app.host, secure=bool(app.headers))
    cookies: dict[str, str] = {}
    while not user.done:
        request = user.step.request
        try:
            response = exchange(run.address, user.wire(), request.method, ASK_SECONDS)
        except (OSError, FramingError) as error:
            raise UsageError(f"{request.title} gave no answer: {error}", seen=run.launch.log_tail()) from error
        wrong = judge_answer(request.answer, response) or user.take(response)
        if wrong is not None:
            raise UsageError(f"session {session.name!r} cannot be carried out: {request.title}: {wrong[1]}", hint="say what a step expects")
        _keep(response, cookies)
    return _secret(cookies)


class Proof(Struct, frozen=True):
    """What proves again who asks, where a run kept nothing of it: a form that is filled in, and headers."""

    login: Login | None = None
    headers: tuple[tuple[str, str], ...] = ()


def renewed(requests: Sequence[Request], cookies: Mapping[str, str], headers: Sequence[tuple[str, str]]) -> tuple[Request, ...]:
    """The requests of an earlier run, with these cookies and headers in place of what was taken out; left out where a secret is missing."""
    known = {name.lower(): (name, value) for name, value in headers}
    if cookies:
        known["cookie"] = ("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items()))

    def again(name: str, value: str) -> tuple[str, str]:
        return known.get(name.lower(), (name, value)) if redaction.MARK.search(value) else (name, value)

    sent = [msgspec.structs.replace(one, headers=tuple(again(*pair) for pair in one.headers)) for one in requests]
    return tuple(one for one in sent if not any(redaction.MARK.search(value) for _, value in one.headers))


def header(response: Response, name: str) -> str:
    """The value of a header, or an empty string."""
    return next((value for key, value in response.headers if key == name), "")


def _keep(response: Response, cookies: dict[str, str]) -> None:
    for value in (value for key, value in response.headers if key == "set-cookie"):
        cookies.update({name: morsel.coded_value for name, morsel in SimpleCookie(value).items()})


def _secret(cookies: dict[str, str]) -> dict[str, str]:
    for name, value in cookies.items():
        redaction.remember(f"cookie {name}", value)
    return cookies
