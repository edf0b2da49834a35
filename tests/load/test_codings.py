"""Bodies that come compressed are compared as the app wrote them."""

from __future__ import annotations

import gzip
import hashlib
import sys
import time
import zlib
from types import ModuleType

import pytest

from whichworker.load import codings
from whichworker.load.framing import ResponseParser
from whichworker.load.http1 import Response, judge_answer
from whichworker.load.session import Jar, find_capture
from whichworker.model import Answer, Capture

PAGE = b'{"shop": "open", "articles": [1, 2, 3]}'


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def response(body: bytes, *values: str) -> Response:
    head = "".join(f"Content-Encoding: {value}\r\n" for value in values)
    wire = f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    found = ResponseParser("GET").feed(wire)
    assert found is not None
    return found


ENCODED = [
    response(PAGE),
    response(PAGE, "identity"),
    response(gzip.compress(PAGE), "gzip"),
    response(gzip.compress(PAGE), "X-GZIP"),
    response(gzip.compress(PAGE[:9]) + gzip.compress(PAGE[9:]), "gzip"),
    response(zlib.compress(PAGE), "deflate"),
    response(raw_deflate(PAGE), "deflate"),
    response(gzip.compress(zlib.compress(PAGE)), "deflate, gzip"),
    response(gzip.compress(zlib.compress(PAGE)), "deflate", "gzip"),
]


@pytest.mark.parametrize("got", ENCODED)
def test_every_condition_is_compared_with_the_decoded_body(got: Response) -> None:
    for right in (
        Answer(contains=(b"open",)),
        Answer(json=(("articles.1", "2"),)),
        Answer(body=PAGE),
        Answer(body=PAGE).digested,
        Answer(body=got.body).digested,  # the bytes on the wire can be expected, too
        Answer(sha256=hashlib.sha256(got.body).hexdigest(), contains=(b"open",)),
    ):
        assert judge_answer(right, got) is None
    for wrong in (Answer(contains=(b"shut",)), Answer(body=PAGE[1:]), Answer(length=7)):
        assert judge_answer(wrong, got) is not None
    jar = Jar(secure=True, clock=time.time)
    assert find_capture(Capture(name="a", source="json", key="shop"), got, jar) == "open"


@pytest.mark.parametrize(
    ("got", "fact"),
    [
        (response(gzip.compress(PAGE)[:-9], "gzip"), "its end is missing"),
        (response(b"plain", "gzip"), "no valid gzip"),
        (response(b"plain", "deflate"), "no valid deflate"),
        (response(b"plain", "lzma-of-mine"), "no decoder for lzma-of-mine"),
    ],
)
def test_what_cannot_be_decoded_is_named(got: Response, fact: str) -> None:
    found = judge_answer(Answer(contains=(b"open",)), got)
    assert found is not None
    assert "Content-Encoding" in found[1]
    assert fact in found[1]
    assert judge_answer(Answer(contains=(got.body[:3],)), got) is None


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codings, "BODY_LIMIT_BYTES", 1000)
    with pytest.raises(codings.CodingError, match="more than 1000 bytes"):
        codings.decoded(response(gzip.compress(bytes(1001)), "gzip"))
    assert len(codings.decoded(response(gzip.compress(bytes(1000)), "gzip"))) == 1000


def test_a_decoder_that_is_installed_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("brotlicffi")
    module.decompress = lambda body: body[::-1]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "brotli", None)
    monkeypatch.setitem(sys.modules, "brotlicffi", module)
    assert codings.decoded(response(b"olleh", "br")) == b"hello"


def test_a_response_without_a_body_needs_no_decoder() -> None:
    assert codings.decoded(response(b"", "gzip")) == b""
