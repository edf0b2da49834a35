"""Who gets the page: only its own address, only this machine, only the page itself."""

from __future__ import annotations

import pytest

from whichworker.live import guard
from whichworker.report.pages.skeleton import digest

OWN = {"host": "127.0.0.1:4000"}
PAGE = {**OWN, "origin": "http://127.0.0.1:4000", "sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", OWN),
        ("GET", {"host": "localhost:4000"}),
        ("GET", {**OWN, "sec-fetch-site": "none"}),
        ("GET", PAGE),
        ("POST", PAGE),
    ],
)
def test_the_page_itself_is_served(method: str, headers: dict[str, str]) -> None:
    assert guard.refusal(method, "token", "token", headers, 4000) is None


@pytest.mark.parametrize(
    ("method", "token", "headers", "why"),
    [
        ("GET", "tokem", OWN, "no valid token"),
        ("GET", "", OWN, "no valid token"),
        ("GET", "tökən", OWN, "no valid token"),
        ("GET", "token", {}, "only for this machine"),
        ("GET", "token", {"host": "127.0.0.1:4001"}, "only for this machine"),
        ("GET", "token", {"host": "rebound.example:4000"}, "only for this machine"),
        ("GET", "token", {"host": "127.0.0.1.rebound.example:4000"}, "only for this machine"),
        ("GET", "token", {**OWN, "origin": "http://evil.example"}, "another site"),
        ("GET", "token", {**OWN, "origin": "null"}, "another site"),
        ("GET", "token", {**OWN, "origin": "https://127.0.0.1:4000"}, "another site"),
        ("GET", "token", {**OWN, "sec-fetch-site": "cross-site"}, "another site"),
        ("GET", "token", {**OWN, "sec-fetch-site": "same-site"}, "another site"),
        ("POST", "token", OWN, "does not come from the page"),
        ("POST", "token", {**OWN, "origin": "http://127.0.0.1:4001"}, "another site"),
    ],
)
def test_anybody_else_is_refused(
    method: str, token: str, headers: dict[str, str], why: str
) -> None:
    refused = guard.refusal(method, token, "token", headers, 4000)
    assert refused is not None and why in refused


def test_tokens_are_long_and_new() -> None:
    tokens = {guard.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 32


def test_a_policy_allows_this_script_and_no_other() -> None:
    policy = guard.policy("let a = 1;", "p { color: red }")
    assert digest("let a = 1;") in policy
    assert digest("let a = 2;") not in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")


def test_the_usual_port_is_not_in_the_names() -> None:
    bare = {"host": "127.0.0.1", "origin": "http://127.0.0.1"}
    assert guard.refusal("POST", "token", "token", bare, 80) is None
    assert guard.refusal("POST", "token", "token", bare, 81) is not None
