"""Requests from other people's logs, recordings and schemas: the cases of the table here."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tests.cases.command import WSGI, planned, requests, run, shown, written

PAGE, CART = "GET /articles/?page=2", "GET /cart"
FORM = "application/x-www-form-urlencoded"


def line(target: str, status: int = 200, method: str = "GET", *, version: str = "HTTP/1.1") -> str:
    """As nginx writes it."""
    head = f"{method} {target} {version}".rstrip()
    return f'192.0.2.10 - - [02/Nov/2026:10:00:00 +0000] "{head}" {status} 512 "-" "Mozilla/5.0"'


def of_log(folder: Path, *lines: str | dict[str, Any], name: str = "access.log") -> dict[str, Any]:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    written(folder, {name: "\n".join(texts) + "\n"})
    return shown(folder, "--from-log", name)


def test_case_25_log_docker_json(tmp_path: Path) -> None:
    prices = json.dumps({"method": "GET", "path": "/api/prices", "status": 200})
    inner = [*[line("/articles/?page=2")] * 3, line("/cart"), prices, prices]
    inner += ["[2026-11-02] [7] [INFO] Booting worker with pid: 7", line("/gone", 404)]
    told = of_log(tmp_path, *({"log": f"{one}\n", "stream": "stdout"} for one in inner))
    assert requests(told) == [(3, PAGE), (2, "GET /api/prices"), (1, CART)]
    assert told["left_out"] == "left out: 1 of lines without a request, 1 of status 404"


def test_case_25_messages_of_a_logger(tmp_path: Path) -> None:
    inner = [*[line("/articles/?page=2")] * 2, line("/cart", 201, "POST"), line("/gone", 404)]
    told = of_log(tmp_path, *({"levelname": "INFO", "message": one} for one in inner))
    assert requests(told) == [(2, PAGE)]
    assert "1 of POST" in told["left_out"]


UWSGI = (
    "[pid: 2|app: 0|req: 1/1] 192.0.2.10 () {{40 vars in 741 bytes}} [Mon Nov  2 10:00:01 2026] "
    "{0} => generated 256 bytes in 4 msecs (HTTP/1.1 {1}) 7 headers in 241 bytes (1 switches)"
)


@pytest.mark.parametrize(
    ("form", "page"),
    [
        ('\x1b[36mweb-1  | \x1b[0m192.0.2.10 - - [x] "{0} HTTP/1.1" {1} 512 "-" "M" 0.004', PAGE),
        ('192.0.2.10:51234 - - [02/Nov/2026:10:00:01] "{0}" {1} 120', "GET /articles/"),
        ('[2026-11-02 10:00:01 +0000] 192.0.2.10 - "{0} HTTP/1.1" {1} 1.234', "GET /articles/"),
        ('[2026-11-02] [21] [INFO] 192.0.2.10:5 - - [x] "{0} 1.1" {1} 120 "-"', "GET /articles/"),
        ('\x1b[32mINFO\x1b[0m: 192.0.2.10:5 - "\x1b[1m{0} HTTP/1.1\x1b[0m" \x1b[32m{1} OK', PAGE),
        (UWSGI, PAGE),
    ],
    ids=["compose", "daphne", "granian", "hypercorn", "uvicorn", "uwsgi"],
)
def test_case_27_log_python_servers(form: str, page: str, tmp_path: Path) -> None:
    lines = [form.format(page, 200)] * 2 + [form.format(CART, 200)]
    lines += [form.format("POST /cart", 302), form.format("GET /gone", 404)]
    lines += [form.format("WSCONNECTING /ws/chat/", "-"), "*** the server is running ***"]
    told = of_log(tmp_path, *lines)
    assert requests(told) == [(2, page), (1, CART)]
    assert "1 of POST" in told["left_out"] and "1 of status 404" in told["left_out"]


def named(names: str, *, query: str = "") -> list[dict[str, Any]]:
    """Lines of two pages, a cart and what is gone; `names` of method, target and status."""
    method, target, status = names.split()
    lines = []
    for path, asked, code in [("/articles/", "page=2", 200)] * 2 + [
        ("/cart", "", 200),
        ("/gone", "", 404),
    ]:
        whole = f"{path}?{asked}" if asked and not query else path
        lines.append(
            {method: "GET", target: whole, status: code} | ({query: asked} if query else {})
        )
    return lines


def nested(one: dict[str, Any]) -> dict[str, Any]:
    """A line whose names have dots, as objects within objects."""
    whole: dict[str, Any] = {}
    for name, value in one.items():
        *places, last = name.split(".")
        place = whole
        for part in places:
            place = place.setdefault(part, {})
        place[last] = value
    return whole


@pytest.mark.parametrize(
    ("names", "query"),
    [
        ("request.method request.uri status", ""),
        ("RequestMethod RequestPath DownstreamStatus", ""),
        ("ClientRequestMethod ClientRequestURI EdgeResponseStatus", ""),
        ("http.request.method url.path http.response.status_code", "url.query"),
        ("request_method uri status", "args"),
        ("request_method uri status", "query_string"),
    ],
    ids=["caddy", "traefik", "cloudflare", "ecs", "nginx-args", "nginx-query-string"],
)
def test_case_28_log_json_names(names: str, query: str, tmp_path: Path) -> None:
    told = of_log(tmp_path, *map(nested, named(names, query=query)))
    assert requests(told) == [(2, PAGE), (1, CART)]
    assert told["left_out"] == "left out: 1 of status 404"


def test_case_28_a_status_may_be_text(tmp_path: Path) -> None:
    lines = [{"method": "GET", "path": "/articles/", "status": one} for one in ("200 OK", 200.0)]
    told = of_log(tmp_path, *lines, {"method": "GET", "path": "/cart", "status": 200})
    assert requests(told) == [(2, "GET /articles/"), (1, CART)]


def test_case_28_unknown_names_are_told(tmp_path: Path) -> None:
    written(tmp_path, {"access.log": '{"how": "GET", "where": "/cart", "result": 200}\n'})
    done = run(tmp_path, "show", "requests", "--from-log", "access.log")
    assert done.returncode == 2
    assert "how, where, result" in done.stderr


def test_case_29_log_escapes(tmp_path: Path) -> None:
    lines = [line("/articles/")] * 3 + [line(r"/search?q=\x22red\x22", version="HTTP/2.0")] * 2
    lines += [line(r"/caf\xC3\xA9/", version="HTTP/3.0"), line("//articles//")]
    lines += [line("/a|b?x=<y>"), line("/slow", 499), line("*", method="OPTIONS")]
    lines += [r'::1 - - [x] "\x16\x03\x01" 400 150 "-" "-"', '::1 - - [x] "-" 408 0 "-" "-"']
    told = of_log(tmp_path, *lines)
    assert requests(told) == [
        (3, "GET /articles/"),
        (2, "GET /search?q=%22red%22"),
        (1, "GET /caf%C3%A9/"),
        (1, "GET //articles//"),
        (1, "GET /a%7Cb?x=%3Cy%3E"),
    ]
    assert told["left_out"] == "left out: 3 of lines without a request, 1 of status 499"


def test_case_29_apache_with_the_virtual_host(tmp_path: Path) -> None:
    lines = [f"shop.test:443 {line(target)}" for target in (r"/search?q=\"red\"", "/articles/")]
    told = of_log(tmp_path, *lines, lines[0])
    assert requests(told) == [(2, "GET /search?q=%22red%22"), (1, "GET /articles/")]


def test_case_29_a_rotated_log(tmp_path: Path) -> None:
    lines = "\n".join([line("/articles/")] * 3 + [line("/cart")])
    (tmp_path / "access.log.1.gz").write_bytes(gzip.compress(lines.encode()))
    told = shown(tmp_path, "--from-log", "access.log.1.gz")
    assert requests(told) == [(3, "GET /articles/"), (1, CART)]


def entry(url: str, kind: str, *headers: str, status: int = 200, **more: Any) -> dict[str, Any]:
    """An entry of a recording; `headers` are their names and values."""
    told = [
        {"name": name, "value": value} for name, value in (one.split("=", 1) for one in headers)
    ]
    asked = {"method": "POST" if more else "GET", "url": url, "headers": told, **more}
    return {"request": asked, "response": {"status": status}, "_resourceType": kind}


def recorded(folder: Path, *entries: dict[str, Any]) -> str:
    written(folder, {"a.har": json.dumps({"log": {"entries": entries}})})
    return "a.har"


SITE = "http://localhost:8000"
VISIT = entry(
    f"{SITE}/articles/",
    "document",
    ":authority=localhost:8000",
    "accept=text/html",
    "accept-encoding=gzip",
    "accept-language=en-GB",
    "cookie=sessionid=5ecret",
)


def test_case_30_har_data_uris(tmp_path: Path) -> None:
    name = recorded(
        written(tmp_path, {"wsgi.py": WSGI}),
        VISIT,
        *[entry("data:image/gif;base64,R0lGOD", "image")] * 4,
        entry("data:font/woff2;base64,d09G", "font"),
        entry(f"blob:{SITE}/0f1e", "image"),
        entry("chrome-extension://abc/inject.js", "script"),
        entry(f"{SITE}/api/prices?ids=1,2", "fetch", "accept=application/json"),
        entry("ws://localhost:8000/ws/", "websocket", status=101),
    )
    told = shown(tmp_path, "--from-har", name)
    assert requests(told) == [(1, "GET /articles/"), (1, "GET /api/prices?ids=1,2")]
    assert told["requests"][0]["headers"] == [["accept", "text/html"], ["accept-language", "en-GB"]]
    left = "5 of data: URLs, 1 of blob: URLs, 1 of chrome-extension: URLs, 1 of WebSockets"
    assert told["left_out"] == f"left out: {left}"
    plan = " ".join(planned(tmp_path, "wsgi:application", "--from-har", name).split())
    assert left in plan
    assert "5ecret" not in plan + json.dumps(told)


def test_case_33_har_form_params(tmp_path: Path) -> None:
    fields = [{"name": "article", "value": "17"}, {"name": "note", "value": "a red & a lock"}]
    text = "article=17&note=a+red+%26+a+lock"
    coded = base64.b64encode(b'{"article": 17}').decode()
    json_in_base64 = {"mimeType": "application/json", "text": coded, "encoding": "base64"}
    files = {
        "mimeType": "multipart/form-data; boundary=x",
        "params": [{"name": "picture", "fileName": "a.png"}],
    }
    name = recorded(
        tmp_path,
        entry(f"{SITE}/cart", "document", postData={"mimeType": FORM, "params": fields}),
        entry(f"{SITE}/cart", "document", postData={"mimeType": FORM, "text": text}),
        entry(f"{SITE}/api/cart", "fetch", postData=json_in_base64),
        entry(f"{SITE}/picture", "document", postData=files),
        VISIT,
    )
    told = shown(tmp_path, "--from-har", name, "--allow-writes")
    assert [(weight, asked) for weight, asked in requests(told)] == [
        (2, "POST /cart"),
        (1, "POST /api/cart"),
        (1, "GET /articles/"),
    ]
    assert [one["body"] for one in told["requests"]] == [text, '{"article": 17}', ""]
    assert told["left_out"] == "left out: 1 of forms whose files are not recorded"
    reading = shown(tmp_path, "--from-har", name)
    assert requests(reading) == [(1, "GET /articles/")]
    assert "left out: 3 of POST" in reading["left_out"]


def of_schema(folder: Path, schema: dict[str, Any]) -> dict[str, Any]:
    written(folder, {"schema.json": json.dumps(schema)})
    return shown(folder, "--from-openapi", "schema.json")


VARIABLES = {"scheme": "https", "host": "api.shop.test", "port": "443", "base": "v2"}


@pytest.mark.parametrize(
    ("servers", "path", "below"),
    [
        ([], "/items", ""),
        ([{"url": "./"}], "/items", ""),
        ([{"url": "api/v1"}], "/api/v1/items", "/api/v1"),
        (
            [{"url": "https://a.test{base}", "variables": {"base": {"default": "/sell/v1"}}}],
            "/sell/v1/items",
            "/sell/v1",
        ),
        (
            [
                {
                    "url": "{scheme}://{host}:{port}/{base}",
                    "variables": {name: {"default": one} for name, one in VARIABLES.items()},
                }
            ],
            "/v2/items",
            "/v2",
        ),
        (
            [{"url": "https://mock.test/mock"}, {"url": "http://localhost:8000/api"}],
            "/api/items",
            "/api",
        ),
    ],
    ids=["none", "relative-dot", "relative", "base-only", "variables", "two"],
)
def test_case_34_openapi_server_variables(
    servers: list[dict[str, Any]], path: str, below: str, tmp_path: Path
) -> None:
    told = of_schema(
        tmp_path, {"openapi": "3.1.0", "servers": servers, "paths": {"/items": {"get": {}}}}
    )
    assert requests(told) == [(1, f"GET {path}")]
    origin = told["requests"][0]["origin"]
    assert origin.partition("schema.json")[2] == (f", below {below}" if below else "")


def test_case_36_openapi_swagger_2(tmp_path: Path) -> None:
    number = {"name": "id", "in": "path", "required": True, "type": "integer", "default": 7}
    size = {"name": "size", "in": "path", "required": True, "enum": ["small", "large"]}
    page = {"name": "page", "in": "query", "required": True, "type": "integer", "default": 1}
    schema = {
        "swagger": "2.0",
        "host": "api.shop.test",
        "basePath": "/api/v2",
        "parameters": {"Page": page},
        "paths": {
            "/items": {"get": {}},
            "/items/{id}": {"get": {"parameters": [number]}},
            "/pages": {"get": {"parameters": [{"$ref": "#/parameters/Page"}]}},
            "/sizes/{size}": {"get": {"parameters": [size]}},
        },
    }
    asked = requests(of_schema(tmp_path, schema))
    below = ("/items", "/items/7", "/pages?page=1", "/sizes/small")
    assert asked == [(1, f"GET /api/v2{path}") for path in below]
