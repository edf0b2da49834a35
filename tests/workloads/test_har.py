"""Recordings of browsers, with everything that is no request to the app."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from whichworker.model import Request
from whichworker.workloads.sources import har, mixture

FORM = "application/x-www-form-urlencoded"


def entry(url: str, status: int | None = 200, **more: Any) -> dict[str, Any]:
    """An entry; `post` is its postData, `kind` the type of its response."""
    asked = {"url": url, "method": more.pop("method", "GET"), "headers": []}
    if "post" in more:
        asked |= {"method": "POST", "postData": more.pop("post")}
    if "size" in more:
        asked["bodySize"] = more.pop("size")
    answered = {"status": status, "content": {"mimeType": more.pop("kind", "image/png")}}
    return {"request": asked, "response": answered, **more}


def read(tmp_path: Path, *entries: Any, mark: bytes = b"") -> list[mixture.Recorded]:
    path = tmp_path / "a.har"
    path.write_bytes(mark + json.dumps({"log": {"entries": entries}}).encode())
    return list(har.read(path))


def page(url: str, status: int = 200, **more: Any) -> dict[str, Any]:
    """An entry of a page."""
    return entry(url, status, kind="text/html; charset=utf-8", **more)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (entry("data:image/gif;base64,R0lGOD"), "data: URLs"),
        (entry("blob:http://shop.test/0f1e"), "blob: URLs"),
        (entry("chrome-extension://abc/inject.js"), "chrome-extension: URLs"),
        (entry("about:blank"), "about: URLs"),
        (entry("file:///home/ann/a.html"), "file: URLs"),
        (entry("wss://shop.test/ws/"), "WebSockets"),
        (entry("https://shop.test/ws/", 101), "WebSockets"),
        (entry("http://shop.test/ws/", _resourceType="websocket"), "WebSockets"),
        (entry("https://cdn.test/a.js"), "other hosts than shop.test"),
        (entry("https://shop.test:8443/a"), "other hosts than shop.test"),
        (entry("https://shop.test/a", 0), "requests without a response"),
        (entry("https://shop.test/a", None), "requests without a response"),
        (entry("https://shop.test/a", 503), "status 503"),
        (entry("http:///nothing"), "what cannot be read"),
        ({"request": {"url": "/relative"}}, "what cannot be read"),
        ("an entry", "what cannot be read"),
    ],
)
def test_what_is_no_request_to_the_app(other: Any, reason: str, tmp_path: Path) -> None:
    seen = read(tmp_path, page("https://shop.test/"), other)
    assert seen == [Request(path="/"), mixture.LeftOut(reason)]


def test_the_host_of_the_pages_is_the_app(tmp_path: Path) -> None:
    """Most requests may go elsewhere, and a frame or a login on another site is no page of it."""
    assets = [entry(f"https://cdn.test/{number}.js", pageref="a") for number in range(9)]
    pages = [
        page("https://login.test/", pageref="0"),
        page("http://ann@shop.test/", 301, pageref="a"),
        page("https://SHOP.test/", pageref="a"),
        *(page(f"https://ads.test/{number}", pageref="a") for number in range(5)),
        page("https://shop.test/b?c=1#d", pageref="b"),
    ]
    seen = read(tmp_path, *assets, *pages, mark=b"\xef\xbb\xbf")
    paths = [one.path for one in seen if isinstance(one, Request)]
    assert paths == ["/", "/", "/b?c=1"]
    assert seen.count(mixture.LeftOut("other hosts than shop.test")) == 15


@pytest.mark.parametrize(
    ("post", "body"),
    [
        ({"mimeType": FORM, "params": [{"name": "a", "value": "ü & 1"}]}, b"a=%C3%BC+%26+1"),
        (
            {
                "mimeType": f"{FORM}; charset=utf-8",
                "text": "",
                "params": [
                    {"name": "a", "value": "1"},
                    {"name": "a"},
                    {"name": "b", "value": None},
                ],
            },
            b"a=1&a=&b=",
        ),
        ({"mimeType": FORM, "text": "a=1", "params": [{"name": "a", "value": "2"}]}, b"a=1"),
        ({"mimeType": "application/json", "text": '{"a": "é"}'}, '{"a": "é"}'.encode()),
        (
            {"text": base64.b64encode(b"\x00\xff").decode(), "encoding": "base64"},
            b"\x00\xff",
        ),
        (
            {"mimeType": "multipart/form-data; boundary=x", "text": "--x\r\na\r\n--x--"},
            b"--x\r\na\r\n--x--",
        ),
        ({"mimeType": "", "text": None, "params": None}, b""),
    ],
)
def test_a_body_is_what_was_sent(post: dict[str, Any], body: bytes, tmp_path: Path) -> None:
    (found,) = read(tmp_path, entry("http://shop.test/a", post=post))
    assert isinstance(found, Request)
    assert (found.method, found.body) == ("POST", body)
    named = [("Content-Type", post["mimeType"])] if post.get("mimeType") else []
    assert list(found.headers) == named


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (
            {"post": {"mimeType": FORM, "params": [{"name": "a", "fileName": "a.png"}]}},
            "forms whose files are not recorded",
        ),
        (
            {"post": {"mimeType": "multipart/form-data", "params": [{"name": "a"}]}},
            "forms whose files are not recorded",
        ),
        (
            {"post": {"mimeType": "multipart/form-data", "text": 'name="a"; filename="b.png"'}},
            "forms whose files are not recorded",
        ),
        (
            {"post": {"mimeType": "text/plain", "params": [{"name": "a"}]}},
            "bodies that are not recorded",
        ),
        ({"method": "PUT", "size": 12}, "bodies that are not recorded"),
        ({"post": {"text": "no base64!", "encoding": "base64"}}, "what cannot be read"),
    ],
)
def test_a_body_that_cannot_be_rebuilt_is_not_sent_empty(
    more: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    seen = read(tmp_path, page("http://shop.test/"), entry("http://shop.test/a", **more))
    assert seen[1] == mixture.LeftOut(reason)


def test_headers_that_decide_the_response_are_sent_and_no_others(tmp_path: Path) -> None:
    one = entry("http://shop.test/a|b?q=<é>")
    one["request"]["headers"] = [
        {"name": ":authority", "value": "shop.test"},
        {"name": "ACCEPT", "value": "text/html"},
        {"name": "cookie", "value": "s=1"},
        {"name": None, "value": "x"},
        {"name": "Hx-Request", "value": None},
    ]
    expected = Request(
        path="/a%7Cb?q=%3C%C3%A9%3E", headers=(("ACCEPT", "text/html"), ("Hx-Request", ""))
    )
    assert read(tmp_path, one) == [expected]
