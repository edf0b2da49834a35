"""A lack of this machine makes a load invalid, with the cure, and is nobody's failure but ours."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, cast

import pytest
from tests.load.test_slices import load_of, order_of

from whichworker.bench.running import Running
from whichworker.bench.window import ArmFailed, fail_for
from whichworker.design import load_validity
from whichworker.design.load_validity import LoadFacts
from whichworker.errors import GeneratorFailed
from whichworker.load import engines
from whichworker.load.exhaustion import CURES, EXHAUSTED, exhausted, kind_of
from whichworker.load.native import engine as native
from whichworker.model import Address, Failure
from whichworker.process.launch import Launch

built = pytest.mark.skipif(not native.available(), reason=native.missing_reason())
ENGINES = pytest.mark.parametrize("name", ["epoll", pytest.param("native", marks=built)])
FEW = 12


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
