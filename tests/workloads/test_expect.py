"""Expectations and captures, as people write them."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker.errors import UsageError
from whichworker.load.framing import Response
from whichworker.load.http1 import judge_answer
from whichworker.model import Answer, Capture
from whichworker.workloads.expect import READERS, parse_capture, parse_expect

DIGEST = hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    ("texts", "answer"),
    [
        ([], Answer()),
        (["status=404"], Answer(status=404)),
        (["status=any"], Answer(status=None)),
        (["header:X-A=b=c"], Answer(headers=(("X-A", "b=c"),))),
        (["header:X-A="], Answer(headers=(("X-A", ""),))),
        (["header:A=1", "header:B=2"], Answer(headers=(("A", "1"), ("B", "2")))),
        (["body=a=b"], Answer(body=b"a=b")),
        (["body="], Answer(body=b"")),
        (["contains=é", "contains=b"], Answer(contains=("é".encode(), b"b"))),
        (["json:a.0.b=3"], Answer(json=(("a.0.b", "3"),))),
        (["json:a=true", "json:b=null"], Answer(json=(("a", "true"), ("b", "null")))),
        (["json:a=[1, 2]"], Answer(json=(("a", "[1, 2]"),))),
        (['json:a="3"'], Answer(json=(("a", '"3"'),))),
        (["json:a=apple"], Answer(json=(("a", '"apple"'),))),
        (["json:a=x=y"], Answer(json=(("a", '"x=y"'),))),
        (["json:a="], Answer(json=(("a", '""'),))),
        (["json:a=NaN"], Answer(json=(("a", '"NaN"'),))),
        ([f"sha256={DIGEST.upper()}"], Answer(sha256=DIGEST)),
        (
            ["status=201", "contains=x", "json:a=1"],
            Answer(status=201, contains=(b"x",), json=(("a", "1"),)),
        ),
    ],
)
def test_expectations(texts: list[str], answer: Answer) -> None:
    assert parse_expect(texts) == answer


@pytest.mark.parametrize(
    ("texts", "status"), [([], None), (["contains=x"], None), (["status=302"], 302)]
)
def test_the_status_where_none_is_named(texts: list[str], status: int | None) -> None:
    assert parse_expect(texts, None).status == status


@pytest.mark.parametrize(
    ("texts", "fact", "hint"),
    [
        (["200"], "not an expectation: '200'", "status=200 (or any), header:NAME=VALUE"),
        (["statu=200"], "not an expectation", "sha256=HEX"),
        (["status:x=200"], "not an expectation", "write status=200"),
        (["header=1"], "not an expectation", "header:NAME=VALUE"),
        (["=200"], "not an expectation", "write status"),
        ([""], "not an expectation", "write status"),
        (["status=2000"], "not a status: '2000'", "from 200 to 599"),
        (["status=100"], "not a status", "status=any"),
        (["status=²00"], "not a status", "status=any"),
        (["header:A B=1"], "not the name of a header: 'A B'", "Content-Type"),
        (["header:=1"], "not the name of a header", "header:NAME=VALUE"),
        (["contains="], "every body contains an empty text", "body="),
        (["json:=1"], "no path", "items.0.name"),
        (["sha256=abc"], "not a SHA-256: 'abc'", "64 hexadecimal digits"),
        (
            ["status=200", "status=201"],
            "two expectations of the status: 'status=201' is the second",
            "only one",
        ),
        (["body=a", "body=a"], "two expectations of the body", "only one"),
        (["body=\udcff"], "not UTF-8", "sha256"),
    ],
)
def test_what_is_none(texts: list[str], fact: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_expect(texts)
    assert fact in caught.value.fact
    assert hint in caught.value.hint


@given(
    st.sampled_from([*READERS, ""]),
    st.sampled_from(["", ":"]),
    st.text(st.characters()),
    st.text(st.characters()),
)
def test_reading_raises_usage_errors_only(kind: str, colon: str, argument: str, value: str) -> None:
    try:
        answer = parse_expect([f"{kind}{colon}{argument}={value}"])
    except UsageError as error:
        assert error.hint
    else:
        assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


def seen(body: bytes) -> Response:
    return Response(status=200, headers=(), body=body, framing="length", keep_alive=True)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_json_value_is_found_again(value: object) -> None:
    text = msgspec.json.encode(value).decode()
    answer = parse_expect([f"json:a.0={text}"])
    assert judge_answer(answer, seen(msgspec.json.encode({"a": [value]}))) is None
    assert judge_answer(answer, seen(msgspec.json.encode({"a": [[value]]}))) is not None


@pytest.mark.parametrize(
    ("text", "capture"),
    [
        ("cookie:csrftoken", Capture(name="t", source="cookie", key="csrftoken")),
        ("header:X-A", Capture(name="t", source="header", key="X-A")),
        ("json:a.0", Capture(name="t", source="json", key="a.0")),
        ('regex:a:"([^"]+)"', Capture(name="t", source="regex", key='a:"([^"]+)"')),
        ("regex:(?:a|b)(c)", Capture(name="t", source="regex", key="(?:a|b)(c)")),
    ],
)
def test_captures(text: str, capture: Capture) -> None:
    assert parse_capture("t", text) == capture


@pytest.mark.parametrize(
    ("name", "text", "fact", "hint"),
    [
        ("a b", "cookie:x", "not a name to capture a value by: 'a b'", "letters, digits and _"),
        ("", "cookie:x", "not a name", "letters"),
        ("t", "cookie", "not a capture: 'cookie'", "cookie:NAME"),
        ("t", "cookie:", "not a capture", "json:PATH"),
        ("t", "xpath:/a", "not a capture", "regex:PATTERN"),
        ("t", "regex:(", "not a regular expression", "re module"),
        ("t", "regex:[[](a)", "not a regular expression", "re module"),
        ("t", "regex:abc", "t has 0 groups in 'abc'", "(?: )"),
        ("t", "regex:(a)(b)", "t has 2 groups", "around the value"),
    ],
)
def test_what_is_no_capture(name: str, text: str, fact: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_capture(name, text)
    assert fact in caught.value.fact
    assert hint in caught.value.hint


@given(st.text(), st.sampled_from(["cookie:", "regex:", "json:", ""]), st.text())
def test_reading_captures_raises_usage_errors_only(name: str, source: str, key: str) -> None:
    try:
        parse_capture(name, source + key)
    except UsageError as error:
        assert error.hint
