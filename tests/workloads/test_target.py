"""URLs: their targets, and the messages for those without one."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker.errors import UsageError
from whichworker.load.http1 import encode_request
from whichworker.model import Address, Request, Tls
from whichworker.workloads.target import Target, is_own, parse_host, parse_target, resolve


def target(host: str, port: int, path: str = "/", header: str = "", unix: str = "") -> Target:
    return Target(
        scheme="http", host=host, port=port, path=path, host_header=header or host, unix=unix
    )


def secure(host: str, port: int, path: str, header: str) -> Target:
    return Target(
        scheme="https",
        host=host,
        port=port,
        path=path,
        host_header=header,
        tls=Tls(server_name=host),
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8000/x?y=1", target("localhost", 8000, "/x?y=1", "localhost:8000")),
        ("http://Example.COM/A", target("example.com", 80, "/A")),
        ("HTTP://h", target("h", 80)),
        ("http://h:/", target("h", 80)),
        ("http://h:80/", target("h", 80)),
        ("http://h:443/", target("h", 443, header="h:443")),
        ("http://h?a=b", target("h", 80, "/?a=b")),
        ("http://h/?", target("h", 80, "/?")),
        ("http://h/a#b?c", target("h", 80, "/a")),
        ("http://h#/b", target("h", 80)),
        ("http://h//a/../b;c", target("h", 80, "//a/../b;c")),
        ("http://h/%20", target("h", 80, "/%20")),
        ("http://under_score.h.:1/", target("under_score.h.", 1, header="under_score.h.:1")),
        ("http://bücher.example/", target("xn--bcher-kva.example", 80)),
        ("http://127.0.0.1:8000", target("127.0.0.1", 8000, header="127.0.0.1:8000")),
        ("http://[::1]:8000/x", target("::1", 8000, "/x", "[::1]:8000")),
        ("http://[0:0::01]/", target("::1", 80, header="[::1]")),
        ("http://[fe80::1%25eth0]:81/", target("fe80::1%eth0", 81, header="[fe80::1]:81")),
        ("https://h/", secure("h", 443, "/", "h")),
        ("https://h:443/", secure("h", 443, "/", "h")),
        ("https://h:8443/a", secure("h", 8443, "/a", "h:8443")),
        ("https://h:80/", secure("h", 80, "/", "h:80")),
        ("unix:/run/app.sock", target("localhost", 0, unix="/run/app.sock")),
        ("unix:/run/app.sock:/a?b=:/c", target("localhost", 0, "/a?b=:/c", unix="/run/app.sock")),
        ("unix:///run/app.sock:/", target("localhost", 0, unix="/run/app.sock")),
        ("unix:app.sock", target("localhost", 0, unix="app.sock")),
        ("http+unix://%2Frun%2FApp.sock/a?b", target("localhost", 0, "/a?b", unix="/run/App.sock")),
        ("http+unix://%2Frun%2Fapp.sock", target("localhost", 0, unix="/run/app.sock")),
    ],
)
def test_urls(url: str, expected: Target) -> None:
    assert parse_target(url) == expected


@pytest.mark.parametrize(
    ("url", "fact", "hint"),
    [
        (
            "localhost:8000/x",
            "not a URL that whichworker can use: 'localhost:8000/x'",
            "write http://localhost:8000/x",
        ),
        ("127.0.0.1:80", "not a URL", "write http://127.0.0.1:80"),
        ("example.com", "not a URL", "write http://example.com"),
        ("//h/x", "not a URL", "write http://h/x"),
        ("/x", "not a URL", "write http://127.0.0.1:8000/x"),
        ("ws://h/x", "not a URL", "write http://h/x"),
        ("", "not a URL", "http://HOST:PORT/PATH"),
        ("/", "not a URL", "http://127.0.0.1:8000/"),
        ("http:///x", "not a URL", "name a host"),
        ("http://:80/", "not a host", "HOST:PORT"),
        ("http://", "not a URL", "name a host"),
        ("http://u:p@h/", "a name and password", "Authorization"),
        ("http://h:0/", "port 0", "HOST:PORT"),
        ("http://h:65536/", "port out of range", "HOST:PORT"),
        ("http://h:x/", "not a URL", "HOST:PORT"),
        ("http://::1/", "not a URL", "HOST:PORT"),
        ("http://[::1/", "not a URL", "HOST:PORT"),
        ("http://[::g]/", "not a URL", "HOST:PORT"),
        ("http://[v1.a]/", "not an IPv6 address", "http://[::1]:8000/"),
        ("http://h/a b", "a space or line break", "%20"),
        ("http://h\n/", "a space or line break", "%20"),
        (" http://h/", "a space or line break", "%20"),
        ("http://h/é", "not a path: '/é'", "%C3%A9"),
        ("http://-h/", "not a host: '-h'", "HOST:PORT"),
        ("http://a\\b/", "not a host", "HOST:PORT"),
        (f"http://{'é' * 100}/", "not a host", "HOST:PORT"),
        ("unix:", "not the path of a Unix socket", "unix:/run/app.sock"),
        ("unix:/a:b", "not a path: 'b'", "begin with /"),
        (f"unix:/{'a' * 107}", "1 to 107 bytes", "unix:/run/app.sock"),
        ("http+unix://%00/", "not the path of a Unix socket", "unix:/run/app.sock"),
        ("http+unix:///x", "not the path of a Unix socket", "unix:/run/app.sock"),
    ],
)
def test_what_leads_nowhere(url: str, fact: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(url)
    assert fact in caught.value.fact
    assert hint in caught.value.hint


HARD = st.text(st.sampled_from("htps:/u.x[]@%?#&=0189fe \t\n\\é²-_") | st.characters())


@given(
    st.sampled_from(["", "http://", "https://h", "unix:", "http+unix://", "http://[", "http://h:"]),
    HARD,
)
def test_any_url_is_read_or_refused(start: str, rest: str) -> None:
    try:
        found = parse_target(start + rest)
    except UsageError as error:
        assert error.hint
    else:
        assert encode_request(Request(path=found.path), found.host_header)


def test_addresses_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    # The name `type` is the socket module's.
    def look_up(host: str, port: int, *, type: int) -> list[tuple[object, ...]]:  # noqa: A002
        asked.append((host, port, type))
        found = [("::1", port, 0, 0), ("127.0.0.1", port), ("::1", port, 0, 0)]
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", peer) for peer in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert resolve(parse_target("http://shop.example:81/")) == [
        Address("::1", 81),
        Address("127.0.0.1", 81),
    ]
    assert asked == [("shop.example", 81, socket.SOCK_STREAM)]


def test_a_numeric_address_is_its_own() -> None:
    assert resolve(parse_target("http://127.0.0.1:81/")) == [Address("127.0.0.1", 81)]
    assert resolve(parse_target("unix:/run/a.sock")) == [Address("", 0, "/run/a.sock")]


def test_a_name_without_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(
        UsageError, match=r"no address of nowhere\.invalid: Name or service not known"
    ):
        resolve(parse_target("http://nowhere.invalid/"))


@pytest.mark.parametrize(
    ("address", "own"),
    [
        (Address("127.0.0.1", 80), True),
        (Address("127.8.9.1", 80), True),
        (Address("::1", 80), True),
        (Address("::ffff:127.0.0.1", 80), True),
        (Address("", 0, "/run/a.sock"), True),
        (Address("128.0.0.1", 80), False),
        (Address("10.0.0.1", 80), False),
        (Address("0.0.0.0", 80), False),
        (Address("::", 80), False),
        (Address("::ffff:10.0.0.1", 80), False),
        (Address("fe80::1%eth0", 80), False),
        (Address("localhost", 80), False),
    ],
)
def test_what_is_this_machine(address: Address, own: bool) -> None:
    assert is_own(address) is own


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("shop.example", "shop.example"),
        ("Shop.Example:8443", "shop.example:8443"),
        ("shop.example:80", "shop.example"),
        ("[::1]:9000", "[::1]:9000"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_is_a_name_and_perhaps_a_port(text: str, header: str) -> None:
    assert parse_host(text) == header


@pytest.mark.parametrize(
    "text", ["", "/", "shop.example/", "shop.example/a", "http://shop.example", "a b", "x:y", "a@b"]
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_host(text)
    assert caught.value.hint
