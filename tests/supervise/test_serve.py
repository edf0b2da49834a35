"""Where a served arm listens, on which cores, and how its log is told as it is written."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from whichworker.errors import UsageError
from whichworker.model import Address
from whichworker.supervise.serve import (
    ANCHOR_BYTES,
    Follower,
    choose_addresses,
    is_free,
    parse_bind,
    parse_cores,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8000", Address("127.0.0.1", 8000)),
        (":9000", Address("127.0.0.1", 9000)),
        ("9000", Address("127.0.0.1", 9000)),
        ("localhost:80", Address("127.0.0.1", 80)),
        ("127.8.0.1:1", Address("127.8.0.1", 1)),
        ("[::1]:8000", Address("::1", 8000)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
    ],
)
def test_an_address_on_loopback(text: str, address: Address) -> None:
    assert parse_bind(text) == address


@pytest.mark.parametrize(
    ("text", "fact", "hint"),
    [
        ("0.0.0.0:8000", "loopback only", "proxy"),
        ("192.0.2.1:8000", "loopback only", "proxy"),
        ("[::]:8000", "loopback only", "proxy"),
        ("example:8000", "not a numeric address", "127.0.0.1:8000"),
        ("127.0.0.1", "not an address", "HOST:PORT"),
        ("127.0.0.1:http", "not an address", "HOST:PORT"),
        ("127.0.0.1:70000", "not an address", "HOST:PORT"),
        ("127.0.0.1:٣", "not an address", "HOST:PORT"),
    ],
)
def test_any_other_address_is_refused_with_a_hint(text: str, fact: str, hint: str) -> None:
    with pytest.raises(UsageError, match=fact) as caught:
        parse_bind(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "cores"), [("0", (0,)), ("2,0", (0, 2)), ("0-2", (0, 1, 2)), ("0,1-2,2", (0, 1, 2))]
)
def test_a_list_of_cores(text: str, cores: tuple[int, ...]) -> None:
    assert parse_cores(text, {0, 1, 2}) == cores


@pytest.mark.parametrize(
    ("text", "fact"),
    [("4", "core 4 cannot"), ("two", "not a list"), ("2-0", "not a list"), ("0,", "not a list")],
)
def test_other_cores_are_refused(text: str, fact: str) -> None:
    with pytest.raises(UsageError, match=fact) as caught:
        parse_cores(text, {0, 1, 2})
    assert "usable here: 0,1,2" in caught.value.hint


def free_but(*taken: int) -> Callable[[Address], bool]:
    return lambda address: address.port not in taken


@pytest.mark.parametrize(
    ("count", "bound", "taken", "ports"),
    [
        (1, None, (), [8000]),
        (1, None, (8000,), [8001]),
        (3, None, (8001,), [8000, 8002, 8003]),
        (2, Address("127.0.0.1", 9000), (8000,), [9000, 9001]),
    ],
)
def test_the_ports_that_are_chosen(
    count: int, bound: Address | None, taken: tuple[int, ...], ports: list[int]
) -> None:
    assert [address.port for address in choose_addresses(count, bound, free_but(*taken))] == ports


def test_a_port_that_was_asked_for_and_is_taken_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:9001 is in use"):
        choose_addresses(2, Address("127.0.0.1", 9000), free_but(9001))


def test_there_are_only_so_many_ports() -> None:
    with pytest.raises(UsageError, match="there are no 2 ports from 65535 on"):
        choose_addresses(2, Address("127.0.0.1", 65535), free_but())


def test_port_0_is_any_free_port() -> None:
    (first, second) = choose_addresses(2, Address("127.0.0.1", 0), free_but())
    assert first.port
    assert second.port


def test_a_port_somebody_listens_at_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not is_free(Address("127.0.0.1", taken.getsockname()[1]))


def test_a_log_is_told_as_it_grows(tmp_path: Path) -> None:
    told: list[bytes] = []
    log = tmp_path / "log"
    with Follower(log, told.append):
        for piece in (b"one\n", b"two\n"):
            with log.open("ab") as file:
                file.write(piece)
    assert b"".join(told) == b"one\ntwo\n"


def lines_between(first: int, last: int) -> bytes:
    return b"".join(b"line %06d of this log\n" % number for number in range(first, last))


def test_a_log_that_is_cut_in_its_middle_is_told_once(tmp_path: Path) -> None:
    told: list[bytes] = []
    log = tmp_path / "log"
    follower = Follower(log, told.append)
    log.write_bytes(lines_between(0, 5000))
    follower.look()
    log.write_bytes(lines_between(0, 100))
    follower.look()
    log.write_bytes(lines_between(0, 100) + b"\n[... cut ...]\n" + lines_between(4000, 5010))
    follower.look()
    assert b"".join(told) == lines_between(0, 5010)


def test_of_a_log_that_was_cut_beyond_what_was_told_the_end_is_told(tmp_path: Path) -> None:
    told: list[bytes] = []
    log = tmp_path / "log"
    follower = Follower(log, told.append)
    log.write_bytes(lines_between(0, 5000))
    follower.look()
    told.clear()
    log.write_bytes(lines_between(0, 10) + lines_between(8000, 9000))
    follower.look()
    assert not told
    follower.look()
    assert b"".join(told).endswith(b"line 008999 of this log\n")
    assert len(b"".join(told)) > ANCHOR_BYTES
