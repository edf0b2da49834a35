"""Requests for a user's app, from every source."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.sources import access_log, har, mixture, openapi, routes, urls


def sent(seen: Iterable[mixture.Recorded]) -> list[Request]:
    """The requests among what a source gives."""
    return [one for one in seen if isinstance(one, Request)]


COMMON = '127.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 2326'
COMBINED = COMMON.replace("/a", "/b?c=1") + ' "https://example.com/" "Mozilla/5.0 (X11)"'


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (COMMON, ("GET", "/a")),
        (COMBINED, ("GET", "/b?c=1")),
        (COMMON.replace(" 200 ", " 404 "), None),
        (COMMON.replace("GET", "POST"), ("POST", "/a")),
        (COMMON.replace("/a", "http://shop.example/x?y=2"), ("GET", "/x?y=2")),
        ('{"method": "GET", "path": "/j", "status": 200}', ("GET", "/j")),
        ('{"request": "GET /k HTTP/1.1", "status": "200"}', ("GET", "/k")),
        ('{"request": {"method": "HEAD", "uri": "/l"}, "status": 204}', ("HEAD", "/l")),
        ('{"message": "started"}', None),
        ("{not json", None),
        ("nothing at all", None),
        ("", None),
    ],
)
def test_a_line_of_a_log(line: str, expected: tuple[str, str] | None) -> None:
    found = access_log.parse_line(line)
    asked = (found.method, found.path) if isinstance(found, Request) else None
    assert asked == expected


def test_a_log_becomes_weights(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(
        "\n".join([COMMON] * 30 + [COMBINED] * 10 + [COMMON.replace("GET /a", "POST /a")] * 5)
        + "\n"
    )
    requests, left_out = mixture.mixture(access_log.read(log), "access.log")
    assert [(one.path, one.weight) for one in requests] == [("/a", 30), ("/b?c=1", 10)]
    assert left_out == "left out: 5 of POST"
    requests, _ = mixture.mixture(access_log.read(log), "access.log", unsafe=True)
    assert "POST" in {one.method for one in requests}


def test_many_paths_are_cut_to_the_most_frequent() -> None:
    seen = [
        Request(path=f"/{number}") for number in range(50) for _ in range(500 if number == 0 else 2)
    ]
    requests, left_out = mixture.mixture(seen, "x")
    assert len(requests) == mixture.MOST
    assert (requests[0].weight, requests[1].weight) == (mixture.HEAVIEST, 1)
    assert "30 rarer paths" in left_out


@pytest.mark.parametrize("text", ["", "hello\nworld\n", "[]"])
def test_a_log_without_a_request_is_refused(text: str, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(text)
    with pytest.raises(UsageError, match="none of the"):
        list(access_log.read(log))


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        list(access_log.read(tmp_path / "nothing.log"))


def recording(*entries: tuple[str, str, int]) -> str:
    told = [
        {
            "request": {
                "method": method,
                "url": url,
                "headers": [
                    {"name": "Cookie", "value": "s=1"},
                    {"name": "Accept", "value": "text/html"},
                ],
            },
            "response": {"status": status},
        }
        for method, url, status in entries
    ]
    return json.dumps({"log": {"entries": told}})


def test_a_recording_without_its_secrets_and_other_hosts(tmp_path: Path) -> None:
    path = tmp_path / "a.har"
    path.write_text(
        recording(
            ("GET", "http://shop.test/a", 200),
            ("GET", "http://shop.test/b?c=1", 200),
            ("GET", "http://cdn.test/x.js", 200),
            ("GET", "http://shop.test/gone", 404),
        )
    )
    assert [(one.path, one.headers) for one in sent(har.read(path))] == [
        ("/a", (("Accept", "text/html"),)),
        ("/b?c=1", (("Accept", "text/html"),)),
    ]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"log": {"entries": [{}]}}', '{"log": {"entries": []}}']
)
def test_a_file_that_is_no_recording(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.har"
    path.write_text(text)
    with pytest.raises(UsageError):
        list(har.read(path))


SCHEMA = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://x.test/api"}],
    "components": {
        "parameters": {"Page": {"name": "page", "in": "query", "required": True, "example": 2}}
    },
    "paths": {
        "/plain": {"get": {}, "post": {}},
        "/one/{id}": {
            "get": {
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer", "example": 7},
                    }
                ]
            }
        },
        "/two/{id}": {
            "get": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
                ]
            }
        },
        "/pages": {"get": {"parameters": [{"$ref": "#/components/parameters/Page"}]}},
        "/needs": {"get": {"parameters": [{"name": "key", "in": "header", "required": True}]}},
        "/optional": {
            "get": {"parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}]}
        },
        "/write": {"post": {}},
    },
}


def test_a_schema_has_what_can_be_asked() -> None:
    assert [one.path for one in sent(openapi.requests_of(SCHEMA))] == [
        "/api/plain",
        "/api/one/7",
        "/api/pages?page=2",
        "/api/optional",
    ]


def test_a_schema_in_yaml_is_read_as_one_in_json(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text(yaml.safe_dump(SCHEMA, sort_keys=False))
    assert list(openapi.read(path)) == list(openapi.requests_of(SCHEMA))
    path.write_text(json.dumps(SCHEMA, indent="\t"))
    assert list(openapi.read(path)) == list(openapi.requests_of(SCHEMA))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"paths": []}',
        "openapi: 3",
        "{paths",
        "a: [",
        "!!python/object:x.Y {}",
        "!!int ''",
        "!!bool x",
        "!!timestamp x",
        "a: " + "[" * 5000,
        '{"a": ' + "[" * 100_000,
    ],
)
def test_a_file_that_is_no_schema(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UsageError):
        list(openapi.read(path))


def test_aliases_that_multiply_are_no_example(tmp_path: Path) -> None:
    """Written out, this one would have a thousand million texts."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 11)]
    lines += ["paths:", "  /a/{id}:", "    get:", "      parameters:"]
    lines += ["      - {in: path, name: id, example: *a10}", "  /b: {get: {}}"]
    path = tmp_path / "a.yaml"
    path.write_text("\n".join(lines))
    assert [one.path for one in sent(openapi.read(path))] == ["/b"]


@pytest.mark.parametrize(
    ("text", "path", "weight"), [("/", "/", 1), ("3:/a", "/a", 3), ("12x/b?c=1", "/b?c=1", 12)]
)
def test_a_path_with_its_weight(text: str, path: str, weight: int) -> None:
    (found,) = urls.parse([text])
    assert (found.path, found.weight) == (path, weight)


@pytest.mark.parametrize(
    ("texts", "hint"),
    [(["a"], "/path"), (["http://h/x"], "--url /x"), (["0:/a"], "/path"), (["/a", "2:/a"], "2:/a")],
)
def test_what_is_no_path(texts: list[str], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        urls.parse(texts)
    assert hint in caught.value.hint


def test_routes_that_change_something_are_left_out() -> None:
    found = routes.requests_of(
        [
            "/about/",
            "/",
            "/admin/",
            "/accounts/logout/",
            "/auth/callback",
            "/items/delete",
            "/static/x",
            "/blog/archive/",
            "api/list",
        ]
    )
    assert [one.path for one in found] == ["/", "/about/", "/api/list", "/blog/archive/"]


def test_pages_that_show_an_error_are_left_out_and_other_numbers_are_not() -> None:
    errors = ["/404/", "/500", "403/", "/error/410/"]
    pages = ["/2024/", "/404s/", "/rooms/404/", "/4040/", "/200/"]
    assert {one.path for one in routes.requests_of([*errors, *pages])} == {"/", *pages}


def test_the_root_is_always_asked() -> None:
    assert [one.path for one in routes.requests_of([])] == ["/"]
    assert [one.path for one in routes.requests_of(["/a/"])] == ["/", "/a/"]


def test_routes_that_are_not_requested_are_named() -> None:
    few = ["/a", "/logout/", "/admin/", "b c"]
    assert routes.left_out(few) == (
        "left out: 3 that may change something, show errors, or are for admins or machines"
        " (/admin/, /b c, /logout/)"
    )
    assert routes.left_out(["/a"]) == ""
    many = [f"/{number:02}" for number in range(20)]
    assert routes.left_out(many) == (
        "left out: 9 that are beyond the first twelve (/11, /12, /13, /14, /15, /16, …)"
    )
