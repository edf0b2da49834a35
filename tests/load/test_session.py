"""Sessions: templates, cookies as a browser keeps them, captures."""

from __future__ import annotations

import http.cookies
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker.errors import UsageError
from whichworker.load.framing import Response
from whichworker.load.session import Iteration, Jar, Template
from whichworker.model import Capture, Request, Session, Step

NOW = 1_000_000_000.0  # 2001-09-09 01:46:40 UTC
BLANK_LINE = b"\r\n\r\n"
JSON = (("Content-Type", "application/json; charset=utf-8"),)
FORM = (("content-type", "Application/X-WWW-Form-URLencoded"),)


def answer(*headers: tuple[str, str], body: bytes = b"", status: int = 200) -> Response:
    return Response(status=status, headers=headers, body=body, framing="length", keep_alive=True)


def jar(*, secure: bool = False) -> Jar:
    return Jar(secure=secure, clock=lambda: NOW)


def iteration(*steps: Step, host: str = "h", secure: bool = False) -> Iteration:
    return Iteration(Session(name="s", steps=steps), host, secure=secure, clock=lambda: NOW)


def after(value: str, request: Request) -> Iteration:
    """An iteration that has captured ${v} and is about to send this request."""
    begun = iteration(
        Step(request=Request(), captures=(Capture(name="v", source="json", key="v"),)),
        Step(request=request),
    )
    assert begun.take(answer(body=msgspec.json.encode({"v": value}))) is None
    return begun


# Templates


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("plain", "plain"),
        ("${a}", "[1]"),
        ("x${a}y${b}z${a}", "x[1]y[2]z[1]"),
        ("${a}${b}", "[1][2]"),
        ("$$", "$"),
        ("$${a}", "${a}"),
        ("$$${a}", "$[1]"),
        ("$$$", "$$"),
        ("$5 $ a$", "$5 $ a$"),
        ("${", "${"),
        ("${a b}", "${a b}"),
        ("{a}", "{a}"),
    ],
)
def test_templates(text: str, filled: str) -> None:
    assert Template(text).fill({"a": "1", "b": "2"}, lambda value: f"[{value}]") == filled


@given(st.text())
def test_doubled_dollars_give_any_text(text: str) -> None:
    template = Template(text.replace("$", "$$"))
    assert not template.names
    assert template.fill({}, str) == text


@given(st.lists(st.text() | st.sampled_from([("a",), ("b",)])), st.text(), st.text())
def test_values_are_filled_in_once(parts: list[str | tuple[str]], a: str, b: str) -> None:
    values = {"a": a, "b": b}
    text = "".join(
        part.replace("$", "$$") if isinstance(part, str) else f"${{{part[0]}}}" for part in parts
    )
    expected = "".join(part if isinstance(part, str) else values[part[0]] for part in parts)
    assert Template(text).fill(values, str) == expected


# Cookies


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (["a=1"], "a=1"),
        (["a=1; Path=/; HttpOnly; SameSite=Lax"], "a=1"),
        (["a=1", "b=2"], "a=1; b=2"),
        (["a=1", "a=2"], "a=2"),
        ([" a = 1 ;path=/"], "a=1"),
        (["a="], "a="),
        (["a=b=c"], "a=b=c"),
        (['a="q, r"'], 'a="q, r"'),
        (["a"], ""),
        (["=1"], ""),
        ([""], ""),
        ([";a=1"], ""),
        (["a=1; Domain=example.com"], "a=1"),
        (["a=1; Max-Age=0"], ""),
        (["a=1", "a=; Max-Age=0"], ""),
        (["a=1", "a=; Max-Age=000"], ""),
        (["a=1", "a=; max-age=-5"], ""),
        (["a=1; Max-Age=60"], "a=1"),
        (["a=1; Max-Age=soon"], "a=1"),
        (["a=1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], ""),
        (["a=1", "a=; expires=Thu, 01-Jan-1970 00:00:00 GMT"], ""),
        (["a=1; Expires=Sun, 09 Sep 2001 01:46:40 GMT"], ""),
        (["a=1; Expires=Sun, 09 Sep 2001 01:46:41 GMT"], "a=1"),
        (["a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT"], "a=1"),
        (["a=1; Expires=whenever"], "a=1"),
        (["a=1; Expires="], "a=1"),
        (["a=1; Expires=Thu, 99 Foo 99999 00:00:00 GMT"], "a=1"),
        (["a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "a=1"),
        (["a=1; Max-Age=0; Expires=Fri, 31 Dec 9999 23:59:59 GMT"], ""),
        (["b=2; Path=/", "a=1; Path=/shop"], "a=1; b=2"),
        (["a=1; Path=/", "a=2; Path=/shop/"], "a=2; a=1"),
        (["a=1; Path=/", "a=2; Path=/shop", "a=; Path=/; Max-Age=0"], "a=2"),
        (["a=1; Path=/elsewhere"], ""),
        (["a=1; Path=/sho"], ""),
        (["a=1; Path=/shop/item"], "a=1"),
        (["a=1; Path=/shop/item/"], ""),
        (["a=1; Path=shop"], "a=1"),
        (["a=1; Path="], "a=1"),
        (["a=1; Secure"], ""),
        (["a=1; Secure", "b=2"], "b=2"),
    ],
)
def test_cookies(lines: list[str], sent: str) -> None:
    kept = jar()
    for line in lines:
        kept.keep(line, "/shop/list?x=/y/z")
    assert kept.header("/shop/item?page=/2") == sent


@pytest.mark.parametrize(
    ("given_at", "asked", "found"),
    [
        ("/", "/", True),
        ("/", "/a/b", True),
        ("/a", "/b", True),
        ("/a/b", "/a", True),
        ("/a/b", "/a/c/d", True),
        ("/a/b", "/ab", False),
        ("/a/b", "/", False),
        ("/a/b/", "/a/b", True),
        ("/a/b/", "/a/b?c", True),
        ("/a?b/c", "/", True),
    ],
)
def test_a_cookie_without_a_path_belongs_to_where_it_was_given(
    given_at: str, asked: str, *, found: bool
) -> None:
    kept = jar()
    kept.keep("a=1", given_at)
    assert (kept.header(asked) == "a=1") is found


def test_what_a_cookie_was_last_set_to() -> None:
    kept = jar()
    assert kept.value("a") is None
    kept.keep("a=1; Path=/x; Secure", "/")
    kept.keep("a=2", "/")
    assert kept.value("a") == "2"
    kept.keep("a=3; Path=/x; Secure", "/")
    assert kept.value("a") == "3"
    kept.keep("a=; Path=/x; Max-Age=0", "/")
    assert kept.value("a") == "2"


LINE = st.text(
    st.sampled_from("ab=; /,\"'-:09")
    | st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")
)
ATTRIBUTES = st.lists(
    st.sampled_from(["Path=/", "Path=", "Max-Age=", "Max-Age=9", "Expires=", "Secure", "Domain=x"])
    | LINE
).map(";".join)


@given(
    st.lists(st.tuples(LINE, ATTRIBUTES).map(";".join)),
    st.text(st.sampled_from("/ab?"), max_size=9),
)
def test_any_set_cookie_leaves_a_cookie_header_that_can_be_sent(
    lines: list[str], path: str
) -> None:
    begun = iteration(
        Step(request=Request(path=f"/{path}")), Step(request=Request(path=f"/{path}"))
    )
    assert begun.take(answer(*(("set-cookie", line) for line in lines))) is None
    wire = begun.wire()
    assert wire.count(b"\r\n") == 3 + wire.count(b"\r\nCookie: ")
    wire.decode("latin-1")


@given(
    st.text(max_size=60)
    | st.from_regex(
        r"[A-Z][a-z]{2}, [0-9]{1,3}[ -][A-Z][a-z]{2}[ -][0-9]{1,6} [0-9:]{0,9} [A-Z+0-9]{0,5}",
        fullmatch=True,
    )
)
def test_any_date_is_read_or_passed_over(date: str) -> None:
    kept = jar()
    kept.keep(f"a=1; Expires={date}", "/")
    assert kept.header("/") in ("", "a=1")


@given(
    st.dictionaries(
        st.text(st.sampled_from("XYZ09-_"), min_size=1),
        st.text(st.sampled_from("abc+/.09%"), min_size=1),
        max_size=5,
    )
)
def test_simple_cookies_come_back(cookies: dict[str, str]) -> None:
    """Against the standard library's reading of the header."""
    kept = jar()
    for name, value in cookies.items():
        kept.keep(f"{name}={value}; Path=/", "/")
    read = http.cookies.SimpleCookie(kept.header("/"))
    assert {name: morsel.value for name, morsel in read.items()} == cookies


@pytest.mark.parametrize(
    ("host", "secure", "sent"),
    [
        ("shop.example", False, False),
        ("shop.example", True, True),
        ("localhost.example", False, False),
        ("127.example.com", False, False),
        ("localhost", False, True),
        ("Localhost:8000", False, True),
        ("shop.localhost:8000", False, True),
        ("127.0.0.1:8000", False, True),
        ("[::1]:8000", False, True),
        ("[::2]:8000", False, False),
    ],
)
def test_secure_cookies(host: str, *, secure: bool, sent: bool) -> None:
    begun = iteration(Step(request=Request()), Step(request=Request()), host=host, secure=secure)
    begun.take(answer(("set-cookie", "a=1; Secure")))
    assert (b"Cookie: a=1" in begun.wire()) is sent


# Iterations


def test_an_iteration_from_begin_to_end() -> None:
    first = Step(
        request=Request(path="/a"),
        captures=(Capture(name="t", source="cookie", key="token"),),
        think_seconds=2.0,
    )
    second = Step(
        request=Request(method="POST", path="/b/${t}", headers=(("X-T", "<${t}>"),), body=b"t=${t}")
    )
    begun = iteration(first, second)
    assert (begun.position, begun.done, begun.step, begun.think_seconds) == (0, False, first, 0.0)
    assert begun.wire() == b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    assert begun.take(answer(("set-cookie", "token=a/b c"))) is None
    assert (begun.position, begun.done, begun.step, begun.think_seconds) == (1, False, second, 2.0)
    wire = (
        b"POST /b/a%2Fb%20c HTTP/1.1\r\nHost: h\r\nX-T: <a/b c>\r\nContent-Length: 7\r\n"
        b"Cookie: token=a/b c\r\n\r\nt=a/b c"
    )
    assert begun.wire() == wire
    assert begun.wire() == wire
    assert begun.take(answer(status=500)) is None
    assert (begun.position, begun.done, begun.think_seconds) == (2, True, 0.0)


def test_iterations_share_nothing() -> None:
    steps = Step(request=Request()), Step(request=Request())
    one = iteration(*steps)
    one.take(answer(("set-cookie", "a=1")))
    other = iteration(*steps)
    other.take(answer())
    assert b"Cookie: a=1" in one.wire()
    assert b"Cookie" not in other.wire()


def test_cookies_of_the_step_and_of_the_jar_are_one_header() -> None:
    plain, own = (
        Step(request=Request()),
        Step(request=Request(headers=(("Cookie", "own=1"), ("X", "y")))),
    )
    begun = iteration(own, own, plain)
    assert begun.wire() == b"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\nCookie: own=1\r\n\r\n"
    begun.take(answer(("set-cookie", "a=1"), ("set-cookie", "b=2")))
    assert b"\r\nCookie: own=1; a=1; b=2\r\n\r\n" in begun.wire()
    begun.take(answer())
    assert begun.wire() == b"GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1; b=2\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "template", "value", "body"),
    [
        (FORM, b"a=${v}&b=1", "x y&z=ü", b"a=x+y%26z%3D%C3%BC&b=1"),
        (JSON, b'{"a": "${v}"}', 'q"\\\n\u2028é', '{"a": "q\\"\\\\\\n\u2028é"}'.encode()),
        ((("Content-Type", "application/ld+json"),), b'"${v}"', '"', b'"\\""'),
        (JSON, b'{"n": ${v}}', "5", b'{"n": 5}'),
        ((("Content-Type", "text/plain"),), b"${v}", 'a "b"&é', 'a "b"&é'.encode()),
        ((), b"\xff\x00${v}$$\r\n\r\n", "é", b"\xff\x00\xc3\xa9$\r\n\r\n"),
        ((), b"$$", "unused", b"$"),
    ],
)
def test_values_are_quoted_as_the_body_demands(
    headers: tuple[tuple[str, str], ...], template: bytes, value: str, body: bytes
) -> None:
    wire = after(value, Request(method="POST", headers=headers, body=template)).wire()
    head, _, sent = wire.partition(BLANK_LINE)
    assert sent == body
    assert f"\r\nContent-Length: {len(body)}".encode() in head


@given(st.text())
def test_any_value_can_be_sent_in_a_path(value: str) -> None:
    line = after(value, Request(path="/x/${v}?q=${v}")).wire().split(b"\r\n")[0].decode("ascii")
    method, path, version = line.split(" ")
    assert (method, version) == ("GET", "HTTP/1.1")
    before, _, query = path.removeprefix("/x/").partition("?q=")
    assert unquote(before) == unquote(query) == value


@given(st.text())
def test_any_value_is_sent_in_a_header_or_refused(value: str) -> None:
    use = Step(request=Request(headers=(("X", "<${v}>"), ("Cookie", "c=${v}"))))
    begun = iteration(
        Step(request=Request(), captures=(Capture(name="v", source="json", key="v"),)), use
    )
    refused = begun.take(answer(body=msgspec.json.encode({"v": value})))
    if refused is None:
        assert f"\r\nX: <{value}>\r\n".encode("latin-1") in begun.wire()
        assert f"\r\nCookie: c={value}\r\n\r\n".encode("latin-1") in begun.wire()
    else:
        assert refused[0] == "capture"
        assert "cannot be sent" in refused[1]


PAGE = '<input name="t" value="a&amp;b"> é'.encode()
TREE = b'{"a": {"list": [{"n": 7}, "two"]}, "yes": true, "none": null, "text": "\\u00e9"}'


@pytest.mark.parametrize(
    ("source", "key", "seen", "value"),
    [
        ("cookie", "c", answer(("set-cookie", "c=1; Path=/elsewhere")), "1"),
        ("header", "X-T", answer(("x-t", "1"), ("x-t", "2")), "1"),
        ("header", "X-T", answer(("x-t", "")), ""),
        ("json", "a.list.0.n", answer(body=TREE), "7"),
        ("json", "a.list.1", answer(body=TREE), "two"),
        ("json", "a.list.0", answer(body=TREE), '{"n":7}'),
        ("json", "yes", answer(body=TREE), "true"),
        ("json", "text", answer(body=TREE), "é"),
        ("regex", 'value="([^"]+)"', answer(body=PAGE), "a&amp;b"),
        ("regex", "> (.)", answer(body=PAGE), "é"),
        ("regex", "> (.)", answer(body=b"> \xff"), "�"),
    ],
)
def test_captures(source: str, key: str, seen: Response, value: str) -> None:
    capture = msgspec.convert({"name": "v", "source": source, "key": key}, Capture)
    begun = iteration(
        Step(request=Request(), captures=(capture,)),
        Step(request=Request(method="POST", body=b"${v}")),
    )
    assert begun.take(seen) is None
    assert begun.wire().partition(BLANK_LINE)[2] == value.encode()


@pytest.mark.parametrize(
    ("source", "key", "seen", "text"),
    [
        ("cookie", "c", answer(("set-cookie", "d=1"), status=403), "v: no cookie 'c' (status 403)"),
        ("cookie", "c", answer(("set-cookie", "c=1; Max-Age=0")), "v: no cookie 'c' (status 200)"),
        ("header", "X-T", answer(("x-u", "1")), "v: no header 'X-T' (status 200)"),
        (
            "json",
            "a.b",
            answer(body=TREE),
            """v: no 'b' in {"list":[{"n":7},"two"]} (status 200)""",
        ),
        ("json", "a.list.2", answer(body=TREE), """v: no '2' in [{"n":7},"two"] (status 200)"""),
        ("json", "none", answer(body=TREE), "v: null at none (status 200)"),
        ("json", "a", answer(body=b"<p>"), "v: no JSON but 3 bytes that start '<p>' (status 200)"),
        ("json", "a", answer(), "v: no JSON but an empty body (status 200)"),
        ("regex", "(x)", answer(body=PAGE), "v: nothing that matches (x) (status 200)"),
        ("regex", "(x)?<", answer(body=PAGE), "v: nothing that matches (x)?< (status 200)"),
    ],
)
def test_missing_values(source: str, key: str, seen: Response, text: str) -> None:
    capture = msgspec.convert({"name": "v", "source": source, "key": key}, Capture)
    begun = iteration(Step(request=Request(), captures=(capture,)), Step(request=Request()))
    assert begun.take(seen) == ("capture", text)
    assert (begun.position, begun.done) == (0, False)


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.integers(1, 5000).map(lambda depth: b"[" * depth + b"]" * depth)
)
def test_any_answer_is_captured_from_or_refused(body: bytes) -> None:
    captures = (
        Capture(name="j", source="json", key="0"),
        Capture(name="r", source="regex", key="(.)"),
    )
    for capture in captures:
        begun = iteration(
            Step(request=Request(), captures=(capture,)),
            Step(request=Request(path=f"/${{{capture.name}}}")),
        )
        if begun.take(answer(body=body)) is None:
            assert begun.wire()


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ((Step(request=Request(path="/${v}")),), "step 1 of session 's' uses ${v}"),
        (
            (
                Step(
                    request=Request(body=b"${v}"),
                    captures=(Capture(name="v", source="cookie", key="c"),),
                ),
            ),
            "step 1",
        ),
        ((Step(request=Request()), Step(request=Request(headers=(("Cookie", "${v}"),)))), "step 2"),
        ((Step(request=Request(path="no")),), "not a path"),
        ((Step(request=Request(headers=(("Cookie", "a\nb"),))),), "not a value"),
        ((Step(request=Request(headers=(("Upgrade", "h"),))),), "not a header"),
    ],
)
def test_sessions_that_cannot_be_carried_out(steps: tuple[Step, ...], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        iteration(*steps)
    assert text in caught.value.fact
