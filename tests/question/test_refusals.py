"""What a response says of itself, without any app running."""

from __future__ import annotations

import pytest

from whichworker.load.framing import ResponseParser
from whichworker.load.http1 import Response
from whichworker.model import Answer, Interface, Request
from whichworker.question.refusals import Refusal, refusal_of, refusal_of_many, with_log

OPEN = Request(answer=Answer(status=None))


def response(status: int, body: str = "", *headers: str) -> Response:
    head = "\r\n".join([f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(body)}", "", body])
    found = ResponseParser("GET").feed(head.encode())
    assert found is not None
    return found


def why(answer: Response, request: Request = OPEN, *, logged_in: bool = False) -> Refusal | None:
    return refusal_of(request, answer, "localhost", logged_in=logged_in)


@pytest.mark.parametrize(
    ("answer", "fact", "hint"),
    [
        (response(400, "Invalid host header"), "refuses the host 'localhost'", "--host NAME"),
        (response(400, "Host 'localhost' is not trusted."), "refuses the host", "--host NAME"),
        (response(403, "Blocked hosts: localhost"), "refuses the host", "--host NAME"),
        (response(421, "no such site"), "refuses the host", "--host NAME"),
        (response(400, "ghosts are not allowed"), "returns 400", "--url"),
        (
            response(429, "slow down", "Retry-After: 60"),
            "limits the rate (status 429, again after 60 s)",
            "rate limit off",
        ),
        (response(429), "limits the rate (status 429)", "rate limit off"),
        (response(401, "who?"), "wants a login", "--login '/accounts/login/"),
        (
            response(401, "{}", "Content-Type: application/problem+json"),
            "wants a login",
            "--login 'POST /token",
        ),
        (
            response(
                401, "{}", "Content-Type: application/json", "WWW-Authenticate: Basic realm=x"
            ),
            "wants a login",
            "--login '/accounts/login/",
        ),
        (response(403, "no"), "forbids it", "--login"),
        (
            response(302, "", "Location: /auth/signin?next=/login"),
            "redirects to a login",
            "--login '/auth/signin username=",
        ),
        (
            response(302, "", "Location: http://localhost/in/login/"),
            "redirects to a login",
            "--login '/in/login/ username=",
        ),
        (
            response(302, "", "Location: https://sso.example/login"),
            "redirects to a login",
            "--login '/accounts/login/ username=",
        ),
        (response(404, "gone"), "returns 404: gone", "--url"),
        (response(500, "oops"), "returns 500", "--url"),
    ],
)
def test_a_cause_and_a_cure(answer: Response, fact: str, hint: str) -> None:
    found = why(answer)
    assert found is not None
    assert fact in found.why
    assert hint in found.hint
    assert found.logged == (answer.status >= 500)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "returns 404"),
        ("  \n", "returns 404"),
        ("gone", "returns 404: gone"),
        (
            "<html><head>" + "<meta>" * 40 + "<title>\n Page not\nfound &amp; gone </title>",
            "returns 404: Page not found & gone",
        ),
        ("<title> </title><h1>Nothing</h1>", "returns 404: <title> </title><h1>Nothing</h1>"),
    ],
)
def test_an_error_page_is_shown_by_its_title_or_its_first_words(body: str, told: str) -> None:
    found = why(response(404, body))
    assert found is not None
    assert found.why.endswith(told)


def test_the_page_of_django_for_a_host_is_known_by_its_title() -> None:
    head = f"<html><head>{'<meta>' * 40}<title>DisallowedHost at /</title>"
    found = why(response(400, head))
    assert found is not None
    assert "refuses the host" in found.why
    about = why(response(404, head.replace("DisallowedHost at /", "The best hosts")))
    assert about is not None
    assert about.hint.startswith("name a path")


def test_what_was_expected_is_no_refusal() -> None:
    assert why(response(200, "ok")) is None
    assert why(response(302, "", "Location: /home")) is None
    assert why(response(429), Request(answer=Answer(status=429))) is None
    again = why(response(302, "", "Location: /login"), logged_in=True)
    assert again is not None
    assert "again after it" in again.why


def raised(text: str) -> str:
    return f'Traceback (most recent call last):\n  File "a.py", line 1, in b\n{text}\n'


@pytest.mark.parametrize(
    ("interface", "exception", "hint"),
    [
        ("wsgi", "TypeError: f() missing 1 required positional argument: 'send'", "is ASGI"),
        ("wsgi", "TypeError: 'coroutine' object is not iterable", "is ASGI"),
        ("asgi", "TypeError: app() takes 2 positional arguments but 3 were given", "is WSGI"),
        (
            "asgi",
            "TypeError: f() missing 2 required positional arguments: 'receive' and 'send'",
            "ASGI 2",
        ),
        ("asgi", "TypeError: f() missing 1 required positional argument: 'send'", "--url"),
        ("wsgi", "LookupError: no tenant", "--url"),
    ],
)
def test_an_error_has_its_exception_and_a_wrong_call_its_hint(
    interface: Interface, exception: str, hint: str
) -> None:
    found = with_log(Refusal("the app itself returns 500: oops"), raised(exception), interface)
    assert found.why == f"the app itself returns 500: oops ({exception})"
    assert hint in found.hint


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        (response(429, "slow down", "Retry-After: 9"), "after 80 requests in a row the app limits"),
        (response(403, "are you human?"), "takes them for a robot's (status 403): are you human?"),
        (response(401), "wants a new login (status 401)"),
        (response(303, "", "Location: /signin"), "wants a new login (status 303)"),
    ],
)
def test_a_refusal_of_many(answer: Response, fact: str) -> None:
    found = refusal_of_many(answer, "localhost", 80)
    assert found is not None
    assert fact in found.why
    assert found.hint


def test_an_error_after_many_requests_is_left_to_the_race() -> None:
    for answer in (response(500), response(404), response(302, "", "Location: /home")):
        assert refusal_of_many(answer, "localhost", 80) is None
