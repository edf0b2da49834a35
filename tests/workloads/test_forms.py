"""A login form, as a browser fills it in."""

from __future__ import annotations

from typing import Any

import pytest

from whichworker.errors import UsageError
from whichworker.model import Login
from whichworker.workloads.forms import filled, find_form, parse_login

LOGIN = Login(path="/login/?next=/", fields={"username": "ann", "password": "s3cret&"})
PAGE = """<form action="/search"><input name="q"></form>
<form method="post" action="{action}"><input type="hidden" name="csrf" value="a&amp;b">
<input name="username" value="old"><input type="password" name="password">
<input type="checkbox" name="remember" checked value="on"><input type="checkbox" name="other">
<button type="submit" name="go" value="x">Log in</button></form>"""


@pytest.mark.parametrize(
    ("action", "path"),
    [
        ("", "/login/?next=/"),
        ("/auth", "/auth"),
        ("?next=/x", "/login/?next=/x"),
        ("do", "/login/do"),
    ],
)
def test_the_form_with_these_fields_is_sent_where_it_says(action: str, path: str) -> None:
    form = find_form(PAGE.replace("{action}", action), LOGIN.path, LOGIN)
    assert form is not None
    assert form.action == path
    assert filled(form, LOGIN) == b"csrf=a%26b&remember=on&go=x&username=ann&password=s3cret%26"


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<p>no form</p>",
        "<form method=post><input name=email></form>",
        PAGE.replace('method="post"', ""),
    ],
)
def test_a_page_without_such_a_form(page: str) -> None:
    assert find_form(page, LOGIN.path, LOGIN) is None


def test_a_value_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_WORD", "from the environment")
    found = parse_login("/login/ username=ann password=$SHOP_WORD 'note=two words'")
    assert found == Login(
        path="/login/",
        fields={"username": "ann", "password": "from the environment", "note": "two words"},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("POST /a u=x", {"method": "POST"}),
        ("/a json u=x", {"method": "POST", "json": True}),
        (
            "PUT /a json u=x -> bearer data.jwt",
            {"method": "PUT", "json": True, "token": "data.jwt"},
        ),
        ("/a json u=x -> Bearer", {"method": "POST", "json": True, "token": "access_token"}),
        (
            "/a json u=x -> Authorization: Token key",
            {"method": "POST", "json": True, "scheme": "Token", "token": "key"},
        ),
        (
            "/a json u=x -> X-Auth-Token: id",
            {"method": "POST", "json": True, "header": "X-Auth-Token", "scheme": "", "token": "id"},
        ),
    ],
)
def test_a_login_by_a_request(text: str, expected: dict[str, Any]) -> None:
    assert parse_login(text) == Login(path="/a", fields={"u": "x"}, **expected)


def test_a_form_for_a_token_has_the_grant_type_of_oauth() -> None:
    assert parse_login("/a u=x -> bearer").fields == {"grant_type": "password", "u": "x"}
    assert parse_login("/a grant_type=y -> bearer").fields == {"grant_type": "y"}


@pytest.mark.parametrize(
    "text",
    [
        "POST /a -> bearer",
        "POST /a json -> bearer",
        "/a u=x ->",
        "/a u=x -> token",
        "/a u=x -> bearer a b",
        "/a u=x -> X-A:",
        "/a u=x -> X-A: a b c",
        "POST a u=x",
        "DELETE /a u=x",
    ],
)
def test_what_is_no_login_by_a_request(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_login(text)
    assert "--login" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["", "login a=b", "/login/", "/login/ a", "/login/ a='b", "/login/ a=$NOBODY_HAS_SET_THIS"],
)
def test_what_is_no_login(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_login(text)
    assert caught.value.hint
