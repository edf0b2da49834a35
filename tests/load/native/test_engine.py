"""The native engine alone: threads, callbacks into Python, fed arrivals, signals, its parser."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path
from time import monotonic_ns
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.load.test_framing import GIVEN, OK, REFUSED

from whichworker.errors import UsageError
from whichworker.load import pacer
from whichworker.load.framing import FramingError, Response, ResponseParser, TruncatedError
from whichworker.load.native import engine as native
from whichworker.model import (
    Address,
    Answer,
    Check,
    Load,
    Pace,
    Request,
    Session,
    Stage,
    Tally,
    Tls,
)
from whichworker.model.histogram import SLOTS, Histogram

Start = Callable[[Callable[[socket.socket], None]], Address]

HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
NOWHERE = Address("127.0.0.1", 1)
RIGHT = Request(answer=Answer(headers=(("content-type", "text/plain"),), body=b"hello"))
CORPUS = sorted(Path(__file__).parents[2].glob("fuzz/corpus/*/*"))
built = pytest.mark.skipif(not native.available(), reason=native.missing_reason())


def replying(answer: bytes) -> Callable[[socket.socket], None]:
    def handler(sock: socket.socket) -> None:
        while data := sock.recv(65536):
            sock.sendall(answer * data.count(b"\r\n\r\n"))

    return handler


def numbered(answer: Callable[[int], bytes]) -> Callable[[socket.socket], None]:
    def handler(sock: socket.socket) -> None:
        for number in count():
            if not sock.recv(65536):
                return
            sock.sendall(answer(number))

    return handler


def ask(
    address: Address,
    *requests: Request,
    window: float = 0.2,
    announce: Callable[[int, int], None] | None = None,
    **more: Any,
) -> Tally:
    words: dict[str, Any] = {
        "connections": 4,
        "settle_seconds": 0.02,
        "deadline_seconds": 5.0,
    } | more
    load = Load(
        address=address,
        host="localhost",
        requests=requests or (RIGHT,),
        window_seconds=window,
        **words,
    )
    return native.run(load, announce or (lambda opens, closes: None))


def steady(rate: float, seconds: float = 1.0, **more: Any) -> Pace:
    return Pace(stages=(Stage(seconds, rate, rate),), **more)


def count_of(text: str | None) -> int:
    assert text is not None
    return Histogram.from_hdr(text).count


@built
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_the_work(start: Start, threads: int) -> None:
    tally = ask(start(replying(HELLO)), threads=threads, connections=5)
    assert (tally.engine, tally.failures) == ("native", ())
    assert (
        tally.requests
        == sum(tally.per_bucket)
        == count_of(tally.service)
        == sum(map(count_of, tally.slices))
        > 0
    )
    assert tally.per_request == {"GET /": tally.requests}
    assert tally.statuses == {"200": tally.requests}
    assert tally.total_requests >= tally.requests
    assert 0 < tally.mean_in_flight <= 5.001
    assert tally.memory_bytes > 0
    assert 0 < tally.cpu_seconds <= tally.total_cpu_seconds


@built
@pytest.mark.parametrize("threads", [1, 2])
def test_every_arrival_is_sent_once(start: Start, threads: int) -> None:
    tally = ask(start(replying(HELLO)), threads=threads, pace=steady(1000), settle_seconds=0.1)
    assert tally.failures == ()
    assert tally.requests == tally.attempts == tally.scheduled == count_of(tally.response) == 200
    assert tally.dropped == 0
    assert {"blocked", "connecting", "sending", "waiting", "receiving"} == set(tally.phases)
    assert count_of(tally.send_lag) == 200


@built
def test_arrivals_are_fed_as_they_are_needed(start: Start) -> None:
    pace = steady(30_000.0, 0.5, backlog=1_000_000)
    tally = ask(start(replying(HELLO)), pace=pace, settle_seconds=0.0, window=0.4, connections=2)
    assert tally.failures == ()
    assert tally.scheduled == tally.requests == 12_000


@built
def test_a_full_backlog_drops_and_counts(start: Start) -> None:
    release = 0.1

    def handler(sock: socket.socket) -> None:
        while sock.recv(65536):
            sock.settimeout(release)
            with pytest.raises(TimeoutError):
                sock.recv(1)
            sock.settimeout(None)
            sock.sendall(HELLO)

    tally = ask(
        start(handler), pace=steady(1000, backlog=5), settle_seconds=0.0, window=0.3, connections=1
    )
    assert tally.most_backlog == 5
    assert tally.scheduled == 300
    assert tally.dropped + tally.attempts == 300
    assert tally.requests == tally.attempts > 5


@built
def test_a_head_that_changes_is_judged_and_no_failure(start: Start) -> None:
    tally = ask(
        start(
            numbered(
                lambda number: HELLO.replace(b"\r\n\r\n", b"\r\nDate: %d\r\n\r\n" % (number // 3))
            )
        )
    )
    assert tally.failures == ()
    assert tally.requests > 0


@built
def test_what_was_right_once_does_not_excuse_what_is_wrong(start: Start) -> None:
    wrong = HELLO.replace(b"plain", b"plump")
    tally = ask(start(numbered(lambda number: wrong if number % 5 == 4 else HELLO)), flood=None)
    assert {failure.kind for failure in tally.failures} == {"header"}
    assert tally.requests > 0


@built
def test_checks_are_counted_by_name(start: Start) -> None:
    checks = (
        Check(name="greets", answer=Answer(contains=(b"hell",))),
        Check(name="low", answer=Answer(json=(("n", "1"),))),
    )
    odd = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n{"n": %d, "say": "hello"}'
    handler = numbered(lambda number: odd % (24, 1 + (number % 4 == 3)))
    tally = ask(start(handler), Request(answer=Answer(), checks=checks), flood=None)
    counts = {check.name: check for check in tally.checks}
    (failure,) = tally.failures
    assert failure.kind == "check"
    assert failure.sample.startswith("GET /: low: ")
    assert counts["low"].fails == failure.count
    assert counts["low"].passes == tally.total_requests
    assert counts["greets"].fails == 0
    assert counts["greets"].passes == tally.total_requests + failure.count


@built
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_what_was_due_while_nobody_looked_is_still_sent(
    start: Start, threads: int, arrivals: Literal["constant", "poisson"]
) -> None:
    pace = steady(200.0, 0.5, arrivals=arrivals)
    due = sum(chunk.size for chunk in pacer.arrivals(pace, 3))

    def stall(opens: int, closes: int) -> None:
        while monotonic_ns() < closes + 300_000_000:
            time.sleep(0.05)

    tally = ask(
        start(replying(HELLO)),
        pace=pace,
        window=0.5,
        settle_seconds=0.0,
        connections=4,
        threads=threads,
        seed=3,
        announce=stall,
    )
    assert (tally.scheduled, tally.attempts, tally.requests, tally.dropped) == (due, due, due, 0)
    response = Histogram.from_hdr(tally.response or "")
    assert response.min is not None
    assert response.min >= 290_000_000, "they waited since they were due"


@built
def test_a_stall_longer_than_what_was_fed_loses_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "AHEAD_NS", 1_000_000)
    tally = ask(
        start(replying(HELLO)),
        pace=steady(20_000.0, 0.5),
        window=0.5,
        settle_seconds=0.0,
        connections=4,
    )
    assert tally.scheduled == tally.attempts == 10_000


@built
def test_an_interrupt_ends_a_turn(start: Start) -> None:
    def answer(number: int) -> bytes:
        if number == 50:
            os.kill(os.getpid(), signal.SIGINT)
        return HELLO

    address = start(numbered(answer))
    before = len(list(Path("/proc/self/fd").iterdir()))
    tally = ask(address, window=60.0, connections=1)
    assert 40 <= tally.total_requests <= 10_000  # signals are looked at now and then
    assert tally.seconds < 30
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@built
@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_callback_ends_the_run(
    start: Start, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge_badly(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("whichworker.load.native.judge.judge_request", judge_badly)
    with pytest.raises(ZeroDivisionError):
        ask(start(replying(HELLO)), threads=threads, window=60.0)


@built
@pytest.mark.parametrize("threads", [1, 2])
def test_a_limit_ends_the_window(start: Start, threads: int) -> None:
    tally = ask(start(replying(HELLO)), limit=25, threads=threads, settle_seconds=0.0, window=60.0)
    assert tally.requests == tally.attempts == 25
    assert tally.seconds < 30


@pytest.mark.alone
@built
def test_progress_is_told(start: Start) -> None:
    told: list[tuple[float, int, int]] = []
    load = Load(
        address=start(replying(HELLO)),
        host="localhost",
        requests=(RIGHT,),
        connections=1,
        settle_seconds=0.0,
        window_seconds=1.3,
    )
    native.run(load, lambda opens, closes: None, lambda *words: told.append(words))
    ((seconds, right, failures),) = told
    assert 0.9 < seconds < 1.4
    assert right > 0
    assert failures == 0


@built
def test_the_fallback_for_kernels_without_fine_timeouts(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whichworker.load import _native as real

    odd = SimpleNamespace(Engine=lambda **words: real.Engine(**{**words, "timerfd": True}))
    monkeypatch.setattr(native, "_native", odd)
    tally = ask(start(replying(HELLO)), pace=steady(500), settle_seconds=0.0)
    assert tally.failures == ()
    assert tally.requests == tally.scheduled == 100


@built
def test_a_unix_socket_with_a_short_queue(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(0)
        tally = ask(Address("", 0, path), connections=5, window=0.4, deadline_seconds=0.15)
    # Nobody accepts: those in the queue get no answer, the others no connection.
    assert {failure.kind for failure in tally.failures} == {"timeout"}
    assert tally.requests == 0


@built
def test_the_delay_in_the_kernel_is_measured_when_asked_for(start: Start) -> None:
    address = start(replying(HELLO))
    assert ask(address).receive_delay is None
    tally = ask(address, receive_delay=True)
    assert 0 < count_of(tally.receive_delay) <= tally.requests


@built
def test_buckets_are_those_of_the_histogram() -> None:
    from whichworker.load import _native

    assert _native.SLOTS == SLOTS


@built
@pytest.mark.parametrize(
    "more",
    [{"tls": Tls(server_name="x")}, {"requests": (), "sessions": (Session(name="s", steps=()),)}],
)
def test_what_it_cannot_do_is_said(more: dict[str, Any]) -> None:
    words: dict[str, Any] = {
        "requests": (RIGHT,),
        "connections": 1,
        "settle_seconds": 0.0,
        "window_seconds": 1.0,
    } | more
    with pytest.raises(UsageError, match="the native engine cannot run"):
        native.run(Load(address=NOWHERE, host="x", **words), lambda opens, closes: None)


@built
@pytest.mark.parametrize("address", [Address("localhost", 80), Address("", 0, "/x" * 60)])
def test_an_address_that_cannot_be_used(address: Address) -> None:
    with pytest.raises(UsageError, match="not an address"):
        ask(address)


def test_a_missing_engine_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_native", None)
    assert not native.available()
    assert "not built" in native.missing_reason()
    with pytest.raises(UsageError, match="the native engine is not available") as caught:
        ask(NOWHERE)
    assert "install gcc" in caught.value.hint


# The parser against the one in Python.

Outcome = tuple[str, tuple[object, ...]]


def python_outcome(method: str, pieces: list[bytes]) -> Outcome:
    parser = ResponseParser(method)
    response: Response | None = None
    try:
        for piece in pieces:
            response = parser.feed(piece)
        state = "done" if response is not None else "more"
        left = len(parser.leftover)
        response = response or parser.finish()
    except TruncatedError:
        return "truncated", ()
    except FramingError:
        return "refused", ()
    return state, (response.status, response.body, response.framing, response.keep_alive, left)


def native_outcome(method: str, pieces: list[bytes]) -> Outcome:
    from whichworker.load import _native

    parser = _native.Parser(method == "HEAD")
    state = "more"
    for piece in pieces:
        state = parser.feed(piece)
    end = parser.finish()
    if end != "done":
        return end, ()
    status, _, body, framing, keep_alive, left = parser.response()
    return state, (status, body, framing, keep_alive, left)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({min(place, len(data)) for place in cuts} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(edges)]


@built
@pytest.mark.parametrize(
    ("method", "data"),
    [*((case[1], case[2]) for case in GIVEN), *(("GET", case[1]) for case in REFUSED)],
    ids=[*(case[0] for case in GIVEN), *(case[0] for case in REFUSED)],
)
def test_both_parsers_agree_on_every_case(method: str, data: bytes) -> None:
    steps = [[data], [data + b"more"], [data[at : at + 1] for at in range(min(len(data), 5000))]]
    places = 200 if len(data) < 10_000 else 60  # what is endless repeats itself after its head
    for pieces in [*steps, *([data[:at], data[at:]] for at in range(1, min(len(data), places)))]:
        assert native_outcome(method, pieces) == python_outcome(method, pieces)


MUTANTS = [
    b"",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b",",
    b" ",
    b"\t",
    b":",
    b";",
    b"0",
    b"5",
    b"a",
    b"\0",
    b"\x7f",
    b"\xe9",
    b"chunked",
    b"close",
]


@built
@given(
    base=st.sampled_from(
        [*(case[2] for case in GIVEN), *(case[1][:300] for case in REFUSED), OK + b"\r\nclosed"]
    ),
    edits=st.lists(
        st.tuples(
            st.integers(0, 300), st.integers(0, 4), st.sampled_from(MUTANTS) | st.binary(max_size=8)
        ),
        max_size=3,
    ),
    method=st.sampled_from(["GET", "HEAD"]),
    cuts=st.lists(st.integers(0, 300), max_size=5),
)
def test_both_parsers_agree_on_anything(
    base: bytes, edits: list[tuple[int, int, bytes]], method: str, cuts: list[int]
) -> None:
    for at, gone, fresh in edits:
        base = base[:at] + fresh + base[at + gone :]
    pieces = cut(base, cuts)
    assert native_outcome(method, pieces) == python_outcome(method, pieces)


@built
@given(
    codings=st.lists(
        st.sampled_from(["chunked", "Chunked", "gzip", "", "a, chunked", "chunked,"]), max_size=2
    ),
    lengths=st.lists(
        st.sampled_from(["5", "05", "5, 5", "5,6", "", "+5", "9" * 18, "9" * 19, " 5\t"]),
        max_size=3,
    ),
    links=st.lists(st.sampled_from(["close", "keep-alive", "x, Close", "closed"]), max_size=2),
    status=st.sampled_from(["200", "204", "304", "100", "101", "404", "099", "600"]),
    minor=st.sampled_from("01"),
    rest=st.sampled_from(
        [
            b"hello",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"",
            b"hel",
            b"5;x=\xe9\r\nhello\r\n0\r\nA: b\r\n\r\nmore",
        ]
    ),
    method=st.sampled_from(["GET", "HEAD"]),
    cuts=st.lists(st.integers(0, 200), max_size=3),
)
def test_both_parsers_agree_on_framing(
    codings: list[str],
    lengths: list[str],
    links: list[str],
    status: str,
    minor: str,
    rest: bytes,
    method: str,
    cuts: list[int],
) -> None:
    fields = [
        *(f"Transfer-Encoding: {x}" for x in codings),
        *(f"content-length:{x}" for x in lengths),
        *(f"Connection: {x}" for x in links),
    ]
    data = "\r\n".join([f"HTTP/1.{minor} {status} X", *fields, "", ""]).encode() + rest
    pieces = cut(data, cuts)
    assert native_outcome(method, pieces) == python_outcome(method, pieces)


@built
@pytest.mark.parametrize(
    "path",
    sorted(Path(__file__).parents[2].glob("fuzz/corpus/*/*")),
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_both_parsers_agree_on_what_fuzzing_found(path: Path) -> None:
    data = path.read_bytes()
    for body in (data, data[1:]):
        method = "HEAD" if data[:1] == b"\1" else "GET"
        assert native_outcome(method, [body]) == python_outcome(method, [body])
        assert native_outcome(method, [body[:7], body[7:]]) == python_outcome(
            method, [body[:7], body[7:]]
        )


def test_sources_keep_the_house_limits() -> None:
    sources = sorted((Path(__file__).parents[3] / "src/native").glob("*.[ch]"))
    assert len(sources) > 10
    for path in sources:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 800
        assert max(map(len, lines)) <= 140, path
        starts = [at for at, line in enumerate(lines) if re.match(r"^[a-zA-Z].*\) \{$", line)]
        ends = [at for at, line in enumerate(lines) if line == "}"]
        lengths = [next(end for end in ends if end > begin) - begin for begin in starts]
        assert not lengths or max(lengths) <= 60, path
