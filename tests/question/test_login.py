"""Requests of an earlier run, sent again by somebody who proves anew who he is."""

from __future__ import annotations

import pytest

from whichworker import redaction
from whichworker.errors import UsageError
from whichworker.load.http1 import Response
from whichworker.model import Request
from whichworker.question.login import Proof, Visit, relearnt, renewed
from whichworker.question.own import proof_of


@pytest.fixture
def taken_out() -> str:
    """What a secret has become where it was kept."""
    redaction.remember("header Cookie", "t0ps3cret-cookie")
    return redaction.clean("t0ps3cret-cookie")


def test_what_was_taken_out_is_put_in_again(taken_out: str) -> None:
    plain = Request(path="/", headers=(("Accept", "text/html"),))
    logged_in = Request(
        path="/me", headers=(("Cookie", f"session={taken_out}"), ("Accept", "text/html"))
    )
    by_header = Request(path="/api", headers=(("Authorization", taken_out),))
    assert renewed((plain, logged_in, by_header), ()) == (plain,)
    found = renewed(
        (plain, logged_in, by_header),
        (("authorization", "Bearer new"), ("Cookie", "session=new")),
    )
    assert [dict(request.headers) for request in found] == [
        {"Accept": "text/html"},
        {"Cookie": "session=new", "Accept": "text/html"},
        {"authorization": "Bearer new"},
    ]


def test_a_proof_is_made_of_options_and_a_login_needs_leave() -> None:
    assert proof_of("", (), writes=False) == Proof()
    assert proof_of("/login a=b", ("X-Api-Key: an0ther-s3cret",), writes=True).headers == (
        ("X-Api-Key", "an0ther-s3cret"),
    )
    assert "an0ther-s3cret" not in redaction.clean("it was an0ther-s3cret")
    with pytest.raises(UsageError, match="a login writes"):
        proof_of("/login a=b", (), writes=False)


PAGE = "<title>The shop, for members only</title><form><input value={}></form><p>Buy now</p>"


def visits_of(*tokens: str) -> list[Visit]:
    """Visits of one page, half a second apart, with these tokens in it."""
    return [
        (
            1e9 + at / 2,
            [
                Response(
                    status=200,
                    headers=(("content-type", "text/html"),),
                    body=PAGE.format(token).encode(),
                    framing="length",
                    keep_alive=True,
                )
            ],
        )
        for at, token in enumerate(tokens)
    ]


def test_a_page_with_a_token_of_each_second_is_learnt_without_it() -> None:
    request = Request(path="/me")
    found = relearnt([request], visits_of("u1.aaa1.x", "u1.aaa1.x", "u1.aaa3.y", "u1.aaa4.z"))
    answer = found[request].answer
    assert answer.body is None
    assert any(b"for members only" in part for part in answer.contains)
    assert not any(b"aaa1" in part for part in answer.contains)


def test_a_page_that_stays_is_learnt_as_a_whole() -> None:
    request = Request(path="/me")
    found = relearnt([request], visits_of("u1", "u1", "u1", "u1"))
    assert found[request].answer.body == PAGE.format("u1").encode()
