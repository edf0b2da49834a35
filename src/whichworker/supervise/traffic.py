"""The traffic of listening ports, from the kernel's TCP counters, without a proxy.

By netlink (NETLINK_SOCK_DIAG, sock_diag(7)) the kernel reports the bytes of each open socket, and
to listeners also the last counters of each socket that it destroys, a moment later: the numbers of
`ss -i` and `ss -E`. Together they miss no connection, and need no privilege. Layouts:
include/uapi/linux/inet_diag.h and tcp.h.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import threading
from collections.abc import Collection, Iterator
from typing import NamedTuple, Self

from whichworker.report.status import Traffic

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST, NLM_F_DUMP, NLMSG_ERROR, NLMSG_DONE = 0x1, 0x300, 2, 3
DESTROYED_TCP_GROUPS = 0b101  # SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY
INET_DIAG_INFO = 2
TCP_LISTEN, TCP_TIME_WAIT = 10, 6
CONNECTED = 0xFFF & ~(1 << TCP_LISTEN | 1 << TCP_TIME_WAIT)
HEADER = struct.Struct("=LHHLL")
REQUEST = struct.Struct("=BBBxL48x")
PORTS = struct.Struct("!4xHH")
MESSAGE_SIZE = 72
COOKIE = struct.Struct("=44x8s")
COUNTERS = struct.Struct("=120xQQ16xL")  # tcpi_bytes_acked, tcpi_bytes_received, tcpi_data_segs_in
BUFFER_BYTES = 4 * 2**20
"""Room for the reports of many connections that close at the same time."""
READ_BYTES = 2**16
"""More than any netlink datagram of a dump (32 KiB)."""
REPLY_SECONDS = 2.0
"""For the kernel's reply, which takes milliseconds even on a busy machine."""
SO_RCVBUFFORCE = 33


class TcpConnection(NamedTuple):
    """One socket as the kernel describes it: its port, its identity, and its traffic."""

    port: int
    cookie: bytes
    bytes_sent: int
    bytes_received: int
    segments_received: int


class Sums(NamedTuple):
    """Totals of connections that have ended."""

    connections: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    segments_received: int = 0

    def add(self, connection: TcpConnection) -> Sums:
        """The totals with one more connection."""
        return Sums(
            self.connections + 1,
            self.bytes_sent + connection.bytes_sent,
            self.bytes_received + connection.bytes_received,
            self.segments_received + connection.segments_received,
        )


def messages(received: bytes) -> Iterator[tuple[int, bytes]]:
    """The type and the content of each netlink message of one datagram."""
    at = 0
    while at + HEADER.size <= len(received):
        length, kind, *_ = HEADER.unpack_from(received, at)
        if length < HEADER.size:
            return
        yield kind, received[at + HEADER.size : at + length]
        at += (length + 3) & ~3


def connection_of(content: bytes) -> TcpConnection | None:
    """The connection of a message; None for a listening socket or a kernel without counters."""
    if len(content) < MESSAGE_SIZE:
        return None
    port, peer = PORTS.unpack_from(content)
    (cookie,) = COOKIE.unpack_from(content)
    at = MESSAGE_SIZE
    while peer and at + 4 <= len(content):
        length, kind = struct.unpack_from("=HH", content, at)
        if kind == INET_DIAG_INFO and length >= 4 + COUNTERS.size:
            sent, got, segments = COUNTERS.unpack_from(content, at + 4)
            return TcpConnection(port, cookie, sent, got, segments)
        at += max(4, (length + 3) & ~3)
    return None


class Counter:
    """A context manager that counts for some ports; raises OSError if the kernel cannot report."""

    def __init__(self, ports: Collection[int]) -> None:
        self.ports = frozenset(ports)
        self.complete = True
        self._ended = {port: Sums() for port in self.ports}
        self._gone: set[bytes] = set()
        self._most: dict[int, Traffic] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._news: socket.socket | None = None
        self._thread = threading.Thread(target=self._listen, name="traffic", daemon=True)

    def __enter__(self) -> Self:
        self._news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        try:
            _enlarge(self._news)
            self._news.bind((0, DESTROYED_TCP_GROUPS))
            self.read()
        except BaseException:
            self._news.close()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        assert self._news is not None
        self._news.close()

    def read(self) -> dict[int, Traffic]:
        """The traffic of each port so far; raises OSError if the kernel does not reply.

        A connection that just ended may be in neither list, so this never lets a sum shrink.
        """
        with self._lock:
            self._gone.clear()
        found: dict[int, dict[bytes, TcpConnection]] = {port: {} for port in self.ports}
        for family in (socket.AF_INET, socket.AF_INET6):
            for connection in dump(family):
                if connection.port in self.ports:
                    found[connection.port][connection.cookie] = connection
        with self._lock:
            for port, open_now in found.items():
                for cookie in self._gone & open_now.keys():
                    del open_now[cookie]
                self._most[port] = self._sum(port, open_now.values())
            return dict(self._most)

    def _sum(self, port: int, open_now: Collection[TcpConnection]) -> Traffic:
        sums, former = self._ended[port], self._most.get(port)
        for connection in open_now:
            sums = sums.add(connection)
        most = {
            name: max(value, getattr(former, name, 0)) for name, value in sums._asdict().items()
        }
        return Traffic(connections_open=len(open_now), complete=self.complete, **most)

    def _listen(self) -> None:
        """Read reports of ended connections at once: the kernel drops them for slow readers."""
        assert self._news is not None
        while not self._closing.is_set():
            if not select.select([self._news], [], [], 0.1)[0]:
                continue
            try:
                received = self._news.recv(READ_BYTES)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.complete = False
                continue
            with self._lock:
                for _, content in messages(received):
                    connection = connection_of(content)
                    if connection is not None and connection.port in self.ports:
                        self._ended[connection.port] = self._ended[connection.port].add(connection)
                        self._gone.add(connection.cookie)


def dump(family: socket.AddressFamily) -> Iterator[TcpConnection]:
    """Every TCP connection of this network namespace now, except listening and TIME_WAIT."""
    content = REQUEST.pack(family, socket.IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), CONNECTED)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as sock:
        sock.settimeout(REPLY_SECONDS)
        sock.send(
            HEADER.pack(
                HEADER.size + len(content), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0
            )
            + content
        )
        while True:
            for kind, answer in messages(sock.recv(READ_BYTES)):
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    raise OSError(
                        -struct.unpack_from("=i", answer)[0],
                        "the kernel lists no TCP sockets (inet_diag)",
                    )
                if (connection := connection_of(answer)) is not None:
                    yield connection


def _enlarge(sock: socket.socket) -> None:
    """Enlarge the receive buffer; root may exceed the limit of other users."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
