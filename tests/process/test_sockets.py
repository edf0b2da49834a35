"""Who listens where."""

from __future__ import annotations

import os
import socket

import pytest

from whichworker.process.sockets import free_port, is_listening, is_loopback, owned


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("0100007F", True),
        ("0200007F", True),
        ("00000000", False),
        ("0100000A", False),
        ("00000000000000000000000001000000", True),
        ("00000000000000000000000000000000", False),
        ("0000000000000000FFFF00000100007F", True),
        ("0000000000000000FFFF00000100000A", False),
    ],
)
def test_loopback(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


def test_own_listeners_are_found_and_no_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mine:
        port = mine.getsockname()[1]
        assert [
            (found.port, found.loopback) for found in owned([os.getpid()]) if found.port == port
        ] == [(port, True)]
        assert not owned([])


def test_a_free_port_can_be_bound() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_a_port_is_taken_as_long_as_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mine:
        port = mine.getsockname()[1]
        assert is_listening(port)
        with socket.create_connection(("127.0.0.1", port)):
            peer, _ = mine.accept()
            peer.close()
    assert not is_listening(port), "what lingers of a connection does not count"


def test_the_port_of_a_client_is_not_taken() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as mine,
        socket.create_connection(mine.getsockname()) as client,
    ):
        assert not is_listening(client.getsockname()[1])
