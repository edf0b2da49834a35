"""The proof of a login, as the responses of APIs hold it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from whichworker import redaction
from whichworker.errors import UsageError
from whichworker.load.http1 import Response
from whichworker.model import Login
from whichworker.question.tokens import proof_in

LOGIN = Login(path="/token", fields={"user": "ann"}, method="POST", token="data.0.token")
COOKIES = (("Cookie", "s=1"),)


def response(told: Any, status: int = 200, *headers: tuple[str, str]) -> Response:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return Response(status=status, headers=headers, body=body, framing="length", keep_alive=True)


def test_a_token_is_found_by_its_path_and_kept_secret() -> None:
    told = response({"data": [{"token": "a-t0ken-of-ann"}]}, 201)
    assert proof_in(told, LOGIN, "POST /token", COOKIES) == (
        ("Authorization", "Bearer a-t0ken-of-ann"),
    )
    assert redaction.clean("Bearer a-t0ken-of-ann") == "Bearer [header Authorization]"


def test_without_a_token_the_cookies_are_the_proof() -> None:
    login = Login(path="/login", fields={"user": "ann"}, method="POST")
    assert proof_in(response({}, 204), login, "POST /login", COOKIES) == COOKIES
    assert proof_in(response({}, 302), login, "POST /login", COOKIES) == COOKIES


@pytest.mark.parametrize(
    ("told", "fact"),
    [
        (response({"data": []}), "returned no token data.0.token .*JSON with data"),
        (response({"data": [{"token": None}]}), "returned no token"),
        (response({"data": [{"token": "line\nbreak"}]}), "returned no token"),
        (response({"a": {"b": {"c": {"d": "hidden-value"}}}}), "JSON with a, a.b, a.b.c\nhint"),
        (response({}), "an empty object"),
        (response(b"hidden-value", 200, ("content-type", "text/html")), "12 bytes .text/html"),
        (response({}, 307, ("location", "/token/")), "redirects to /token/ .status 307"),
        (response(b"wrong\n password", 400), "status 400, wrong password"),
        (response(b"", 403), "status 403, an empty body"),
    ],
)
def test_what_came_back_is_said_without_its_values(told: Response, fact: str) -> None:
    with pytest.raises(UsageError, match=fact) as caught:
        proof_in(told, LOGIN, "POST /token", COOKIES)
    assert "hidden-value" not in caught.value.fact
    assert caught.value.hint
