"""Lines of access logs as web servers, Python servers, containers and collectors write them."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.sources import access_log, mixture

ASKED = "GET /shop/?page=3"
PLAIN = "GET /shop/"
UWSGI = "=> generated 25 bytes in 4 msecs"
BALANCER = "https 2026-11-02T10:00:01Z app/lb/5 203.0.113.9:5 10.0.0.1:80 0 0.1 0 200 200 34 366"
PROXY = "Nov  2 10:00:01 a haproxy[9]: 203.0.113.9:5 [x.655] http-in app/web 10/0/30/69/109"
SANIC = "GET http://shop.test/shop/?page=3"
BEFORE = "203.0.113.9 - - [02/Nov/2026:10:00:01 +0000]"


def asked(line: str) -> str:
    """The method and path of a line, or the reason why it is left out."""
    one = access_log.parse_line(line)
    return one.title if isinstance(one, Request) else one.reason


@pytest.mark.parametrize(
    "line",
    [
        f'{BEFORE} "{ASKED} HTTP/1.1" 200 5',
        f'{BEFORE} "{ASKED} HTTP/1.0" 304 - "-" "curl/8"',
        f'shop.test:443 {BEFORE} "{ASKED} HTTP/1.1" 200 5 "https://shop.test/" "a \\"b\\" c"',
        f'2001:db8::9 - ann [x] "{ASKED} HTTP/2.0" 200 5 "-" "M" rt=0.1 "POST /no HTTP/1.1"',
        f'[::1]:5 - - [x] "{ASKED} HTTP/3" 206 5',
        f'INFO:     203.0.113.9:5 - "{ASKED} HTTP/1.1" 200 OK',
        f'\x1b[32mINFO\x1b[0m:  [::1]:5 - "\x1b[1m{ASKED} HTTP/1.1\x1b[0m" \x1b[32m200 OK\x1b[0m',
        f'#033[36m203.0.113.9 - - [x] "#033[1m{ASKED} HTTP/1.1#033[0m" 200 -',
        f'[2026-11-02 10:00:01 +0000] [7] [INFO] 203.0.113.9:5 - - [x] "{ASKED} 2" 200 5 "-" "M"',
        f'[2026-11-02 10:00:01 +0000] 203.0.113.9 - "{ASKED} HTTP/1.1" 200 1.234',
        f'203.0.113.9:5 - - [02/Nov/2026:10:00:01] "{ASKED}" 200 120',
        f"[pid: 1|app: 0|req: 1/1] ::1 () {{40 vars}} [x] {ASKED} {UWSGI} (HTTP/2.0 200) 7 headers",
        f"[pid: 1|app: -1] ::1 () {{2 vars}} [x] {ASKED} {UWSGI} via sendfile() (HTTP/1.1 302) 1",
        f'[02/Nov/2026 10:00:01] "{ASKED} HTTP/1.1" 200 12',
        f'{BALANCER} "{ASKED.replace("/", "https://shop.test:443/", 1)} HTTP/1.1" "curl/8" - -',
        f'{PROXY} 200 2750 - - ---- 1/1/1/1/0 0/0 {{shop.test}} {{}} "{ASKED} HTTP/1.1"',
        f'{PROXY} 200 +99 - - LR-- 0/0/0/0/0 0/0 "{ASKED} HTTP/2.0"',
        f"[2026-11-02 10:00:01 +0000] - (sanic.access)[INFO][203.0.113.9:5]: {SANIC}  200 25",
        'x heroku[router]: at=info method=GET path="/shop/?page=3" fwd="b" status=200 bytes=5',
        "time=2026-11-02T10:00:01Z level=info method=GET path=/shop/ query=page=3 status=200",
        f'ts=1 request="{ASKED} HTTP/1.1" code=200 msg="a \\"b\\" status=500"',
        f'web-1  | 203.0.113.9 - - [x] "{ASKED} HTTP/1.1" 200 5',
        f'2026-11-02T10:00:01.1Z stdout F {BEFORE} "{ASKED} HTTP/1.1" 200 5',
    ],
)
def test_a_line_of_text(line: str) -> None:
    assert asked(line) == ASKED
    assert not asked(line.replace("GET", "WSCONNECTING").replace(" 200 ", " - ")).startswith("GET")


REQUEST: dict[str, Any] = {"method": "GET", "path": "/shop/?page=3", "status": 200}
LINE = f'{BEFORE} "{ASKED} HTTP/1.1" 200 5'


@pytest.mark.parametrize(
    "told",
    [
        {"verb": "get", "url": "https://shop.test/shop/?page=3#top", "statusCode": "200"},
        {"request_method": "GET", "uri": "/shop/", "request_uri": "/shop/?page=3", "status": "304"},
        {"method": "GET", "uri": "/shop/", "args": "page=3", "status": "200"},
        {"method": "GET", "path": "/shop/", "query": {"page": ["3"]}, "status": 200},
        {"method": "GET", "path": "/shop/", "query_string": "?page=3", "status": 200.0},
        {"path": "/shop/", "url": "/shop/?page=3", "method": "GET", "status": "200 OK"},
        {"cs-method": "GET", "cs-uri-stem": "/shop/", "cs-uri-query": "page=3", "sc-status": "200"},
        {"method": "GET", "full_path": "/shop/?page=3", "http_version": "1.1", "status": 200},
        {"verb": "GET", "uri_path": "/shop/", "uri_query": "page=3", "http_code": "200"},
        {"req": {"method": "GET", "url": "/shop/?page=3"}, "res": {"statusCode": 200}},
        {
            "httpRequest": {
                "requestMethod": "GET",
                "requestUrl": "http://a/shop/?page=3",
                "status": 200,
            }
        },
        {"http.request.method": "GET", "url.path": "/shop/", "url.query": "page=3"},
        {"attributes": {"http.method": "GET", "http.target": "/shop/?page=3"}, "status": "info"},
        {"method": "GET", "path": "/shop/?page=3", "response_code": 200, "authority": "shop.test"},
        {"event": "request_finished", "request": ASKED, "code": 200},
        {"request": f"{ASKED} HTTP/2.0", "status": "200"},
        {"log": f"{LINE}\n", "stream": "stdout", "time": "2026-11-02T10:00:01Z"},
        {"log": json.dumps(REQUEST, separators=(",", ":")) + "\n", "stream": "stdout"},
        {"log": {"file": {"path": "/var/log/nginx/access.log"}}, "message": LINE},
        {"log": LINE, "path": "/var/log/containers/web.log", "kubernetes": {"host": "a"}},
        {"message": json.dumps({"log": json.dumps(REQUEST)})},
        {"textPayload": LINE, "labels": {"method": "none"}},
    ],
)
def test_a_line_of_json(told: dict[str, Any]) -> None:
    assert asked(json.dumps(told)) == ASKED
    assert asked(f"web-1  | {json.dumps(told)},") == ASKED


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"path": "/a", "status": 200}', "lines without a request"),
        ('{"method": "GET", "pathname": "/a", "status": 200}', "lines without a request"),
        ('{"method": "GET", "path": "*", "status": 200}', "lines without a request"),
        ('{"method": "GET", "path": "/a", "status": 503}', "status 503"),
        ('{"method": "GET", "path": "/a", "status": "000"}', "status 000"),
        (
            '{"log": "{\\"method\\": \\"GET\\", \\"path\\": \\"/a\\", \\"status\\": 404}"}',
            "status 404",
        ),
        (f'{BEFORE} "GET /ws HTTP/1.1" 101 5', "status 101"),
        (f'{BEFORE} "GET /a HTTP/1.1" - "ref" "GET /b 200"', "lines without a request"),
        (f'{BEFORE} "-" 408 0 "-" "-"', "lines without a request"),
        (f'{BEFORE} "CONNECT a.test:443 HTTP/1.1" 200 0', "lines without a request"),
        (f'{PROXY} 404 212 - - ---- 1/1/1/1/0 0/0 "GET /a HTTP/1.1"', "status 404"),
        (
            f'{PROXY.replace("109", "-1")} 400 0 - - CR-- 1/1/0/0/0 0/0 "<BADREQ>"',
            "lines without a request",
        ),
        ("at=error code=H12 method=GET path=/a status=503", "status 503"),
        ("level=info path=/a status=200 method=", "lines without a request"),
        ("Watching for file changes with StatReloader", "lines without a request"),
    ],
)
def test_what_is_no_request_to_repeat(line: str, expected: str) -> None:
    assert asked(line) == expected


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (r"/a?q=\x22x\x22", "/a?q=%22x%22"),
        (r"/a?q=\"x\"", "/a?q=%22x%22"),
        (r"/caf\xC3\xa9", "/caf%C3%A9"),
        ("/café?n=é", "/caf%C3%A9?n=%C3%A9"),
        (r"/a\\b", "/a%5Cb"),
        (r"/a\tb", "/a%09b"),
        ("/a b/c", "/a%20b/c"),
        ("/a|b^c`d{e}?x=<y>", "/a%7Cb%5Ec%60d%7Be%7D?x=%3Cy%3E"),
        ("/100%25/a%2Fb", "/100%25/a%2Fb"),
        ("//a//b", "//a//b"),
        ("/a[]=1&b='(c)!*;d", "/a[]=1&b='(c)!*;d"),
        ("http://shop.test", "/"),
    ],
)
def test_a_target_is_what_was_sent_and_every_server_accepts_it(written: str, path: str) -> None:
    assert asked(f'{BEFORE} "GET {written} HTTP/1.1" 200 5 "-" "-"') == f"GET {path}"


def test_nginx_without_escape_json_writes_what_is_no_json() -> None:
    line = r'{"method": "GET", "path": "/a?q=\x22x\x22&r=\xC3\xA9", "status": "200"}'
    assert asked(line) == "GET /a?q=%22x%22&r=%C3%A9"


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(BEFORE.encode() + b' "GET /\xe9\xff HTTP/1.1" 200 5\n')
    assert list(access_log.read(log)) == [Request(path="/%E9%FF")]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_rotated_log_is_read(compress: Any, tmp_path: Path) -> None:
    log = tmp_path / "access.log.1"
    log.write_bytes(compress(f"{LINE}\n".encode() * 3))
    requests, _ = mixture.mixture(access_log.read(log), "access.log.1")
    assert [(one.title, one.weight) for one in requests] == [(ASKED, 3)]
    log.write_bytes(compress(f"{LINE}\n".encode() * 3)[:-9])
    with pytest.raises(UsageError, match="cannot be read"):
        list(access_log.read(log))


@pytest.mark.parametrize(
    ("text", "seen", "hint"),
    [
        ('{"when": 1, "way": "/a"}\n', "left out: 1 of lines without a request", "when, way"),
        (f"{LINE}\n".replace(" 200 ", " 502 "), "left out: 1 of status 502", "common, combined"),
        ("\nstarted\n", "started", "JSON lines"),
    ],
)
def test_an_unknown_log_is_shown_as_it_is(text: str, seen: str, hint: str, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(text)
    with pytest.raises(UsageError, match="none of the") as caught:
        list(access_log.read(log))
    assert seen in caught.value.seen
    assert hint in caught.value.hint


def test_lines_without_a_request_are_counted(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(
        "booting\n\n" + f"{LINE}\n" * 2 + "shutting down\n" + LINE.replace(" 200", " 500")
    )
    _, left_out = mixture.mixture(access_log.read(log), "access.log")
    assert left_out == "left out: 2 of lines without a request, 1 of status 500"


def test_names_that_repeat_end_soon() -> None:
    told = {"accesslog" * 20 + "x" + last: "/a" for last in ("path", "method", "status")}
    assert asked(json.dumps(told)) == "lines without a request"
    for text in ('"GET a', "] GET a", ' 200 - 1 1 "GET a'):
        assert asked(text * 10_000) == "lines without a request"
