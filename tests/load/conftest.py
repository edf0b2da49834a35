"""Servers that do exactly what a test says, one thread a connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from whichworker.model import Address

Handler = Callable[[socket.socket], None]
Start = Callable[[Handler], Address]


class Listener:
    """Accepts on loopback or a Unix socket; gives each connection to the handler until closed."""

    def __init__(self, handler: Handler, sock: socket.socket | None = None) -> None:
        self._handler = handler
        self._sock = sock or socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        name = self._sock.getsockname()
        self.address = (
            Address("", 0, name) if isinstance(name, str) else Address("127.0.0.1", name[1])
        )

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(sock)
                thread = threading.Thread(target=self._serve, args=(sock,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._handler(sock)
        with self._lock:
            self._open.discard(sock)
            sock.close()

    def refuse(self) -> None:
        """Accept no more connections."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.refuse()
        self._threads[0].join()
        self._sock.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server with a handler; all of them are closed at the end."""
    listeners: list[Listener] = []

    def begin(handler: Handler) -> Address:
        listeners.append(Listener(handler))
        return listeners[-1].address

    yield begin
    for listener in listeners:
        listener.close()
