"""Connections that are made before anything is sent on them."""

from __future__ import annotations

import os
import select
import socket
from errno import EAGAIN, EINPROGRESS
from time import monotonic

from whichworker.load.exhaustion import kind_of
from whichworker.load.http1 import family_of
from whichworker.model import Address

_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
# A Unix socket whose listen queue is full refuses at once, and no event reports when there is room.
FULL_QUEUE_SECONDS = 0.001

Trouble = tuple[str, str]
"""A word of `model.FAILURE_KINDS` and the reason."""


def dial(address: Address, count: int, seconds: float) -> tuple[list[socket.socket], list[Trouble]]:
    """Open `count` connections at once, within `seconds`; return them, and why others fail."""
    ends = monotonic() + seconds
    dialling = _Dialling(address)
    try:
        for _ in range(count):
            dialling.begin()
        while dialling.pending and monotonic() < ends:
            dialling.wait(ends - monotonic())
    except BaseException:
        dialling.close()
        raise
    dialling.give_up(f"no connection within {seconds:g} s")
    return dialling.connected, dialling.troubles


class _Dialling:
    """Connections on their way. `queued` of them found a full listen queue."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._family = family_of(address)
        self._peer = address.path or (address.host, address.port)
        self._open: dict[int, socket.socket] = {}
        self._poll = select.poll()
        self._queued = 0
        self.connected: list[socket.socket] = []
        self.troubles: list[Trouble] = []

    @property
    def pending(self) -> int:
        return len(self._open) + self._queued

    def begin(self) -> None:
        try:
            sock = socket.socket(self._family, _STREAM)
        except OSError as error:  # no file descriptor left
            self._refuse(error.errno or 0)
            return
        if self._family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(self._peer)
        if code == EINPROGRESS:
            self._open[sock.fileno()] = sock
            self._poll.register(sock, select.POLLOUT)
        elif code == 0:
            self.connected.append(sock)
        else:
            sock.close()
            if code == EAGAIN and self._family == socket.AF_UNIX:
                self._queued += 1
            else:
                self._refuse(code)

    def wait(self, seconds: float) -> None:
        """Wait for news of a connection, at most this many seconds."""
        again, self._queued = self._queued, 0
        for fd, _ in self._poll.poll(1000 * min(seconds, FULL_QUEUE_SECONDS if again else seconds)):
            sock = self._open.pop(fd)
            self._poll.unregister(fd)
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                sock.close()
                self._refuse(code)
            else:
                self.connected.append(sock)
        for _ in range(again):
            self.begin()

    def give_up(self, text: str) -> None:
        """Close what is not connected by now."""
        self.troubles += [("timeout", text)] * self.pending
        for sock in self._open.values():
            sock.close()
        self._open.clear()

    def close(self) -> None:
        """Close everything."""
        for sock in (*self._open.values(), *self.connected):
            sock.close()

    def _refuse(self, code: int) -> None:
        self.troubles.append((kind_of(code), f"{os.strerror(code)} by {self._address}"))
