"""Schemas of OpenAPI 3 and Swagger 2: where their servers are, and the values of parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.sources import openapi
from whichworker.workloads.sources.readers import READERS


def asked(schema: dict[str, Any]) -> list[str]:
    """The paths that are requested, and the reasons why others are not."""
    return [
        one.path if isinstance(one, Request) else f"left out: {one.reason}"
        for one in openapi.requests_of({"openapi": "3.1.0", **schema})
    ]


@pytest.mark.parametrize(
    ("servers", "base"),
    [
        ([{"url": "https://shop.test/v1/"}], "/v1"),
        ([{"url": "/"}], ""),
        ([{"url": "../v1"}], "/v1"),
        ([{"url": "v1/?x=1"}], "/v1"),
        ([{"url": "//shop.test/v1"}], "/v1"),
        (
            [
                {
                    "url": "{where}/v{n}",
                    "variables": {"where": {"default": "https://a.test/x"}, "n": {"default": 2}},
                }
            ],
            "/x/v2",
        ),
        ([{"url": "/{stage}", "variables": {"stage": {"enum": ["live", "test"]}}}], "/live"),
        ([{"url": "/{stage}", "variables": {"stage": {"$ref": "#/components/x-stage"}}}], "/prod"),
        ([{"url": "https://a.test/live"}, {"url": "http://127.0.0.1:8000/dev"}], "/dev"),
        ([{"url": "https://a.test/live"}, {"url": "http://b.test/dev"}], "/live"),
        ([{"url": "http://[::1"}], ""),
        ([{"description": "no url"}], ""),
        ([None], ""),
        (None, ""),
        ("https://a.test/x", ""),
    ],
)
def test_the_path_of_a_server(servers: Any, base: str) -> None:
    stage = {"x-stage": {"default": "prod"}}
    schema = {"servers": servers, "paths": {"/a": {"get": {}}}, "components": stage}
    assert asked(schema) == [f"{base}/a"]


def test_a_server_that_is_not_known_is_said() -> None:
    schema = {"servers": [{"url": "/{stage}"}], "paths": {"/a": {"get": {}}}}
    assert asked(schema) == ["left out: paths of a server whose variables have no default"]


def test_servers_and_parameters_of_an_operation_replace_those_around_it() -> None:
    size = {"name": "size", "in": "query", "required": True}
    paths = {
        "/a": {
            "servers": [{"url": "/path"}],
            "parameters": [{**size, "example": 1}],
            "get": {"parameters": [{**size, "example": 2}]},
        },
        "/b": {"servers": [{"url": "/path"}], "get": {"servers": [{"url": "/own"}]}},
        "/c": {"parameters": [{**size, "example": 1}], "get": {"parameters": None}},
    }
    assert asked({"servers": [{"url": "/all"}], "paths": paths}) == [
        "/path/a?size=2",
        "/own/b",
        "/all/c?size=1",
    ]


NOTHING = "left out: paths whose parameters have no example"


@pytest.mark.parametrize(
    ("parameter", "path"),
    [
        ({"schema": {"type": "integer"}}, NOTHING),
        ({"schema": None, "example": None}, NOTHING),
        ({"example": 7, "schema": {"example": 8}}, "/a/7"),
        ({"examples": {"one": {"value": "x/y"}}}, "/a/x%2Fy"),
        ({"examples": {"one": {"$ref": "#/components/examples/one"}}}, "/a/9"),
        ({"schema": {"examples": [None, 3]}}, "/a/3"),
        ({"schema": {"default": "ä b"}}, "/a/%C3%A4%20b"),
        ({"schema": {"const": 4}}, "/a/4"),
        ({"schema": {"enum": [None, "small"]}}, "/a/small"),
        ({"schema": {"type": "boolean"}}, "/a/true"),
        ({"schema": {"type": ["boolean", "null"], "default": False}}, "/a/false"),
        ({"schema": {"$ref": "#/components/schemas/Size"}}, "/a/large"),
        ({"schema": {"$ref": "#/components/schemas/Size", "default": "small"}}, "/a/small"),
        ({"schema": {"allOf": [{"$ref": "#/components/schemas/Size"}]}}, "/a/large"),
        ({"schema": {"anyOf": [{"type": "null"}, {"type": "string", "example": "z"}]}}, "/a/z"),
        ({"schema": {"type": "array", "items": {"enum": ["p", "q"]}}}, "/a/p"),
        ({"schema": {"type": "array", "example": [1, 2]}}, "/a/1,2"),
        ({"schema": {"type": "array", "example": []}}, NOTHING),
        ({"schema": {"example": {"a": 1}}}, NOTHING),
        ({"schema": {"example": ""}}, NOTHING),
        ({"schema": {"$ref": "#/components/schemas/Circle"}}, NOTHING),
        ({"schema": {"$ref": "#/components/schemas/Tree"}}, NOTHING),
        ({"schema": {"$ref": "other.yaml#/Size"}}, NOTHING),
        ({"schema": {"$ref": "#/components/schemas/1/x"}}, NOTHING),
    ],
)
def test_the_value_of_a_parameter(parameter: dict[str, Any], path: str) -> None:
    parts = {
        "examples": {"one": {"value": 9}},
        "schemas": {
            "Size": {"enum": ["large", "small"]},
            "Circle": {"$ref": "#/components/schemas/Circle"},
            "Tree": {"anyOf": [{"$ref": "#/components/schemas/Tree"}] * 50},
        },
    }
    given = {"name": "id", "in": "path", "required": True, **parameter}
    schema = {"paths": {"/a/{id}": {"get": {"parameters": [given]}}}, "components": parts}
    assert asked(schema) == [path]


@pytest.mark.parametrize(
    ("how", "query"),
    [
        ({}, "ids=1&ids=2"),
        ({"explode": False}, "ids=1%2C2"),
        ({"style": "pipeDelimited"}, "ids=1%7C2"),
        ({"style": "spaceDelimited", "explode": False}, "ids=1+2"),
        ({"type": "array"}, "ids=1%2C2"),
        ({"type": "array", "collectionFormat": "multi"}, "ids=1&ids=2"),
        ({"type": "array", "collectionFormat": "ssv"}, "ids=1+2"),
    ],
)
def test_a_list_in_a_query(how: dict[str, Any], query: str) -> None:
    given = {"name": "ids", "in": "query", "required": True, "example": [1, 2], **how}
    assert asked({"paths": {"/a": {"get": {"parameters": [given]}}}}) == [f"/a?{query}"]


@pytest.mark.parametrize(
    ("how", "one", "many"),
    [
        ({}, "/a/7", "/a/1,2"),
        ({"style": "simple", "explode": True}, "/a/7", "/a/1,2"),
        ({"style": "label"}, "/a/.7", "/a/.1,2"),
        ({"style": "label", "explode": True}, "/a/.7", "/a/.1.2"),
        ({"style": "matrix"}, "/a/;id=7", "/a/;id=1,2"),
        ({"style": "matrix", "explode": True}, "/a/;id=7", "/a/;id=1;id=2"),
    ],
)
def test_a_path_has_the_style_of_its_parameter(how: dict[str, Any], one: str, many: str) -> None:
    for example, path in ((7, one), ([1, 2], many)):
        given = {"name": "id", "in": "path", "required": True, "example": example, **how}
        assert asked({"paths": {"/a/{id}": {"get": {"parameters": [given]}}}}) == [path]


@pytest.mark.parametrize(
    "where",
    [
        {"swagger": "2.0", "basePath": "/api/{version}"},
        {"servers": [{"url": "/api/{version"}]},
        {"servers": [{"url": "/{a}", "variables": {"a": {"default": "{b}"}}}]},
    ],
)
def test_a_place_without_a_value_is_never_sent(where: dict[str, Any]) -> None:
    (reason,) = asked({"paths": {"/a": {"get": {}}}, **where})
    assert reason.startswith("left out: paths of a server whose variables")


def test_references_in_paths_and_parameters_are_followed() -> None:
    schema = {
        "paths": {
            "/a": {"$ref": "#/components/pathItems/A"},
            "/b": {"get": {"parameters": [{"$ref": "#/paths/~1c/parameters/0"}]}},
            "/c": {"parameters": [{"name": "n", "in": "query", "required": True, "example": "ü"}]},
            "/d": {"$ref": "#/paths/~1d"},
            "/e": {"get": None},
            "/f": None,
            "x-note": {"get": {}},
        },
        "components": {"pathItems": {"A": {"get": {"parameters": [None, 3]}}}},
    }
    assert asked(schema) == ["/a", "/b?n=%C3%BC"]


def test_required_headers_are_sent_if_their_value_is_known() -> None:
    header = {"in": "header", "required": True}
    shop = {**header, "name": "X-Shop", "example": "blue"}
    accept = {**header, "name": "Accept"}
    cookie = {"in": "cookie", "required": True, "name": "s", "example": "1"}
    paths = {
        "/a": {"get": {"parameters": [shop, accept]}},
        "/b": {"get": {"parameters": [{**header, "name": "X-None"}]}},
        "/c": {"get": {"parameters": [cookie]}},
    }
    seen = list(openapi.requests_of({"paths": paths}))
    assert seen[0] == Request(path="/a", headers=(("X-Shop", "blue"),))
    assert seen[1:] == [openapi.NO_EXAMPLE] * 2


def test_swagger_2_has_places_of_its_own(tmp_path: Path) -> None:
    schema = {
        "swagger": "2.0",
        "host": "shop.test",
        "basePath": "v1/",
        "parameters": {"Page": {"name": "p", "in": "query", "required": True, "x-example": 2}},
        "paths": {
            "/a": {"get": {"parameters": [{"$ref": "#/parameters/Page"}]}},
            "/b/{day}": {
                "get": {"parameters": [{"name": "day", "in": "path", "default": "2026-11-02"}]}
            },
            "/c": {"get": {"parameters": [{"name": "x", "in": "body", "required": True}]}},
        },
    }
    path = tmp_path / "swagger.yaml"
    path.write_text(yaml.safe_dump(schema, sort_keys=False))
    given = READERS["from_openapi"](path, "swagger.yaml", False)
    assert [one.path for one in given.requests] == ["/v1/a?p=2", "/v1/b/2026-11-02"]
    assert given.source == "swagger.yaml, below /v1"
    assert given.left_out == "left out: 1 of paths whose parameters have no example"


@pytest.mark.parametrize("word", ["2026-11-02", "10:30", "010", "yes", "2026-11-02T10:30:00Z"])
def test_a_plain_word_of_yaml_is_its_text(word: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    lines = ["paths:", "  /a/{d}:", "    get:", "      parameters:"]
    path.write_text("\n".join([*lines, f"      - {{name: d, in: path, enum: [{word}]}}"]))
    assert list(openapi.read(path)) == [Request(path=f"/a/{word.replace(':', '%3A')}")]


@pytest.mark.parametrize(
    ("schema", "fact"),
    [
        ({"swaggerVersion": "1.2", "apis": []}, "is Swagger 1.2: only"),
        ({"openapi": "4.0.0", "paths": {}}, "is OpenAPI 4.0.0: only"),
        ({"info": {}, "item": []}, "it has no paths, but info, item"),
        ({"openapi": "3.1.0", "webhooks": {}}, "it has no paths, but openapi, webhooks"),
        ({}, "it has no paths, but nothing"),
        ([], "it has no keys"),
    ],
)
def test_what_is_read_and_what_was_seen_instead(schema: Any, fact: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(schema) if schema != [] else "[]")
    with pytest.raises(UsageError) as caught:
        openapi.schema_in(path)
    assert fact in caught.value.fact
    assert caught.value.hint


def test_a_schema_without_anything_to_request_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    needs = {"get": {"parameters": [{"name": "id", "in": "path"}]}}
    path.write_text(json.dumps({"paths": {"/a/{id}": needs, "/b": {"post": {}}}}))
    with pytest.raises(UsageError) as caught:
        READERS["from_openapi"](path, "a.json", False)
    assert "1 of paths whose parameters have no example" in caught.value.seen


def test_paths_beyond_the_first_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"paths": {f"/{number}": {"get": {}} for number in range(15)}}))
    given = READERS["from_openapi"](path, "a.json", False)
    assert (len(given.requests), given.left_out) == (
        12,
        "left out: 3 of paths beyond the first twelve",
    )
