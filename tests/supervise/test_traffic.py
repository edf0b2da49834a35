"""The kernel's counts of what passes through a port, against what is known to have passed."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from whichworker.report.status import Traffic
from whichworker.supervise.traffic import HEADER, Counter, connection_of, messages

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def exchange(
    server: socket.socket, requests: int, *, close: bool
) -> tuple[socket.socket, socket.socket]:
    """One connection with some requests, each answered before the next."""
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    for _ in range(requests):
        client.sendall(REQUEST)
        assert accepted.recv(len(REQUEST), socket.MSG_WAITALL) == REQUEST
        accepted.sendall(ANSWER)
        assert client.recv(len(ANSWER), socket.MSG_WAITALL) == ANSWER
    if close:
        client.close()
        accepted.close()
    return client, accepted


def settled(counter: Counter, port: int, wanted: int) -> Traffic:
    """The counts once they include this many connections: sockets are destroyed with a delay."""
    deadline = time.monotonic() + 5
    while (found := counter.read()[port]).connections < wanted or found.connections_open > 1:
        assert time.monotonic() < deadline, found
    return found


def test_open_and_ended_connections_are_both_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with Counter([port]) as counter:
            assert counter.read()[port].connections == 0
            for _ in range(5):
                exchange(server, 3, close=True)
            client, accepted = exchange(server, 4, close=False)
            with client, accepted:
                found = settled(counter, port, 6)
                assert found.connections_open == 1
                assert found.connections == 6
                assert found.segments_received == 5 * 3 + 4
                received, sent = (5 * 3 + 4) * len(REQUEST), (5 * 3 + 4) * len(ANSWER)
                assert received <= found.bytes_received <= received + 6, (
                    "the end of a connection is a byte to TCP"
                )
                assert sent - len(ANSWER) <= found.bytes_sent <= sent + 6, (
                    "the last answer may not be acknowledged yet"
                )
                assert found.complete


def test_counts_never_shrink() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with Counter([port]) as counter:
            former = 0
            for _ in range(20):
                client, accepted = exchange(server, 1, close=False)
                with client, accepted:
                    counter.read()
                now = counter.read()[port].segments_received
                assert now >= former
                former = now


def test_other_ports_do_not_count() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        port = server.getsockname()[1]
        with Counter([port]) as counter:
            exchange(other, 1, close=True)
            assert counter.read()[port] == Traffic(
                connections_open=0,
                connections=0,
                segments_received=0,
                bytes_received=0,
                bytes_sent=0,
            )


@pytest.mark.parametrize("content", [b"", b"\0" * 71, b"\0" * 72, b"\1" * 72, b"\1" * 74])
def test_a_message_without_counters_tells_of_no_connection(content: bytes) -> None:
    assert connection_of(content) is None


def test_messages_of_a_datagram_that_is_cut_short() -> None:
    whole = HEADER.pack(20, 20, 0, 1, 0) + b"abcd"
    assert list(messages(whole + whole[:10])) == [(20, b"abcd")]
    assert list(messages(struct.pack("=LHHLL", 0, 1, 0, 0, 0))) == []
