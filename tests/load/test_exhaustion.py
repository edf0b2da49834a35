"""A lack of this machine makes a load invalid, with the cure, and is nobody's failure but ours."""

from __future__ import annotations

import errno
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Literal, cast

import pytest
from tests.load.conftest import Handler, Start
from tests.load.test_slices import load_of, order_of

from whichworker.bench.running import Running
from whichworker.bench.window import ArmFailed, check_limits, fail_for
from whichworker.design import load_validity
from whichworker.design.load_validity import LoadFacts
from whichworker.errors import GeneratorFailed
from whichworker.load import engines
from whichworker.load.exhaustion import CURES, EXHAUSTED, NO_MEMORY, exhausted, kind_of
from whichworker.load.native import engine as native
from whichworker.model import Address, Answer, Failure, Request
from whichworker.process.launch import Launch

built = pytest.mark.skipif(not native.available(), reason=native.missing_reason())
ENGINES = pytest.mark.parametrize("name", ["epoll", pytest.param("native", marks=built)])
FEW = 12
LITTLE = 2 * 1024 * 1024
BODY = 300_000
"""Bytes: eight do not fit into the memory of a load, and more than one read brings."""


@pytest.fixture
def address() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield Address("127.0.0.1", listener.getsockname()[1])


@pytest.fixture
def few_files(address: Address) -> Iterator[None]:
    """This process may open only a few more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = {int(path.name) for path in Path("/proc/self/fd").iterdir()}
    free = (number for number in range(soft) if number not in taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(islice(free, FEW, None)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@ENGINES
def test_a_load_without_open_files_left(
    few_files: None, address: Address, name: Literal["epoll", "native"]
) -> None:
    load = load_of(
        address, connections=64, engine=name, window_seconds=0.3, deadline_seconds=0.2, flood=None
    )
    tally = engines.run(load, lambda opens, closes: None)
    (found,) = [failure for failure in tally.failures if failure.kind == EXHAUSTED]
    assert "Too many open files" in found.sample
    assert not [failure for failure in tally.failures if failure.kind == "connect"]
    assert "ulimit -n" in exhausted(tally.failures)[1]


@ENGINES
def test_a_slice_without_open_files_left(
    few_files: None, address: Address, name: Literal["epoll", "native"]
) -> None:
    seat = engines.take_seat(load_of(address, connections=64, engine=name, deadline_seconds=0.2))
    try:
        tally = seat.slice(order_of())
    finally:
        seat.close()
    assert EXHAUSTED in {failure.kind for failure in tally.failures}


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("epoll.connection", "native.engine"):
        monkeypatch.setattr(f"whichworker.load.{place}.RESPONSE_BYTES", LITTLE)


def sending(size: int, *, then: str) -> Handler:
    """Responds with `size` bytes of a body of BODY, and waits or ends, or begins the next one."""

    def handler(sock: socket.socket) -> None:
        while sock.recv(65536):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY)
            sock.sendall(b"x" * size)
            if then == "end":
                return

    return handler


UNKNOWN = Request(answer=Answer(contains=(b"xxx",)))


@ENGINES
@pytest.mark.parametrize("threads", [1, 2])
def test_responses_that_need_more_memory_than_there_is(
    little_memory: None, start: Start, name: Literal["epoll", "native"], threads: int
) -> None:
    tally = engines.run(
        load_of(
            start(sending(BODY - 1, then="wait")),
            UNKNOWN,
            connections=16,
            engine=name,
            threads=threads,
            window_seconds=0.5,
            deadline_seconds=1.0,
            flood=None,
        ),
        lambda opens, closes: None,
    )
    found = {failure.kind: failure for failure in tally.failures}
    assert EXHAUSTED in found
    assert found.keys() <= {EXHAUSTED, "timeout"}, "only the server that waits is late"
    fact, cure = exhausted(tally.failures)
    assert fact == f"the load generator could not keep a response: GET /: {NO_MEMORY}"
    assert "fewer connections" in cure and "512 MiB" in cure
    with pytest.raises(GeneratorFailed, match="could not keep a response"):
        check_limits(tally.failures)


@ENGINES
def test_a_slice_without_memory_left(
    little_memory: None, start: Start, name: Literal["epoll", "native"]
) -> None:
    address = start(sending(BODY - 1, then="wait"))
    seat = engines.take_seat(
        load_of(address, UNKNOWN, connections=16, engine=name, deadline_seconds=0.5)
    )
    try:
        tally = seat.slice(order_of())
    finally:
        seat.close()
    assert EXHAUSTED in {failure.kind for failure in tally.failures}


@ENGINES
@pytest.mark.parametrize(
    ("size", "then", "answer", "kinds"),
    [
        (BODY, "next", Answer(contains=(b"xxx",)), set()),
        (BODY, "next", Answer(contains=(b"y",)), {"body"}),
        (BODY, "next", Answer(body=b"y" + b"x" * BODY), {"body"}),
        (BODY + 1, "next", Answer(contains=(b"xxx",)), {"framing"}),
        (BODY - 1, "end", Answer(contains=(b"xxx",)), {"reset"}),
        (BODY - 1, "wait", Answer(contains=(b"xxx",)), {"timeout"}),
    ],
    ids=["right", "wrong", "another", "too long", "cut off", "late"],
)
def test_memory_is_given_back(
    little_memory: None,
    start: Start,
    name: Literal["epoll", "native"],
    size: int,
    then: str,
    answer: Answer,
    kinds: set[str],
) -> None:
    """Far more passes in turn than fits at once."""
    tally = engines.run(
        load_of(
            start(sending(size, then=then)),
            Request(answer=answer),
            connections=2,
            engine=name,
            window_seconds=30.0,
            limit=24,
            deadline_seconds=0.2 if then == "wait" else 5.0,
            flood=None,
        ),
        lambda opens, closes: None,
    )
    assert {failure.kind for failure in tally.failures} == kinds
    assert tally.requests + sum(failure.count for failure in tally.failures) == 24


@ENGINES
def test_responses_that_are_over_leave_room_for_a_large_one(
    little_memory: None, start: Start, name: Literal["epoll", "native"]
) -> None:
    together, numbers = threading.Barrier(3), count()

    def handler(sock: socket.socket) -> None:
        while sock.recv(65536):
            first = next(numbers) < together.parties
            size = BODY if first else 4 * BODY
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            sock.sendall(b"x" * (BODY - 1))
            if first:
                together.wait(5)  # all three are kept at once
            else:
                time.sleep(0.2)  # none of the three is kept any more
            sock.sendall(b"x" * (size - BODY + 1))

    tally = engines.run(
        load_of(start(handler), UNKNOWN, connections=3, engine=name, window_seconds=30.0, limit=4),
        lambda opens, closes: None,
    )
    assert (tally.failures, tally.requests) == ((), 4)


@pytest.mark.parametrize("code", [*CURES, errno.ECONNREFUSED, 0])
def test_each_lack_has_its_cure(code: int) -> None:
    failure = Failure(
        kind=kind_of(code), count=3, sample=f"GET /: {os.strerror(code)} by 1.2.3.4:5"
    )
    fact, cure = exhausted([failure])
    assert (bool(fact), cure) == (code in CURES, CURES.get(code, ""))


class Quiet:
    """A launch that has no worker and nothing in its log."""

    def workers(self) -> list[int]:
        """None."""
        return []


def test_a_server_is_not_blamed() -> None:
    lack = Failure(kind=EXHAUSTED, count=1, sample=f"GET /: {os.strerror(errno.EADDRNOTAVAIL)}")
    refused = Failure(kind="connect", count=1, sample="GET /: Connection refused")
    run = Running(cast(Launch, Quiet()), Address("127.0.0.1", 8000), 0.1, ())
    with pytest.raises(GeneratorFailed, match="could not open a connection") as caught:
        fail_for((refused, lack), run, 1.0)
    assert "ip_local_port_range" in caught.value.hint
    with pytest.raises(ArmFailed):
        fail_for((refused,), run, 1.0)
    fail_for((), run, 1.0)


def test_a_load_is_invalid_for_that_reason() -> None:
    seen = LoadFacts(
        seconds=1.0,
        threads=1,
        requests=100,
        failures=5,
        attempts=100,
        unconnected=5,
        exhausted="the load generator could not open a connection",
        scheduled=None,
        dropped=0,
        backlog=0,
        send_lag_seconds=None,
        send_lag_at=0.99,
        cpu_seconds=0.1,
        run_delay_seconds=0.0,
        spins=False,
        mean_in_flight=1.0,
        most_in_flight=4,
        mean_service_seconds=0.01,
        service_p99_seconds=0.02,
    )
    assert load_validity.reasons(seen) == ("the load generator could not open a connection",)
