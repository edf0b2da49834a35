"""Many requests at once, each on its own connection, from one thread."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from whichworker.load.framing import FramingError, Response, ResponseParser
from whichworker.load.http1 import READ_BYTES, encode_request
from whichworker.model import Address, Request

TICK_SECONDS = 0.02
"""Between two ticks: short beside any wait of a view."""
TOGETHER, TAKE_IN_SECONDS = 32, 0.01
"""Connections opened before a pause, and its seconds: accept queues are short."""


class Stay(Struct, frozen=True):
    """A view's data about one request: its process, thread, begin and end (seconds, one clock)."""

    process: int
    thread: int
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it was in the view."""
        return self.ended - self.began


class Volley(Struct, frozen=True, kw_only=True):
    """The stays of successful requests, the first complaint about others, and the seconds."""

    stays: tuple[Stay, ...]
    complaint: str
    seconds: float

    @property
    def processes(self) -> tuple[int, ...]:
        """The processes that responded, by their own numbers."""
        return tuple(sorted({stay.process for stay in self.stays}))


class _Client:
    """One connection and its result."""

    def __init__(self, address: Address, wire: bytes) -> None:
        self.wire, self.parser = wire, ResponseParser("GET")
        self.response: Response | None = None
        self.complaint = ""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.connect_ex((address.host, address.port))

    def send(self) -> bool:
        """Send once it is connected; False if that failed."""
        try:
            self.sock.sendall(self.wire)  # far less than a socket's buffer
        except OSError as error:
            self.complaint = f"{type(error).__name__}: {error}"
        return not self.complaint

    def receive(self) -> bool:
        """Receive the next part; True while more will come."""
        try:
            piece = self.sock.recv(READ_BYTES)
            self.response = self.parser.feed(piece) if piece else self.parser.finish()
        except (OSError, FramingError) as error:
            self.complaint = f"{type(error).__name__}: {error}"
        return not self.complaint and self.response is None


def fire(
    address: Address,
    request: Request,
    host: str,
    at_once: int,
    *,
    deadline_seconds: float,
    tick: Callable[[float], None] = lambda _: None,
) -> Volley:
    """Send `at_once` requests together and wait for all responses.

    `tick` is called about every 20 ms with the seconds since the beginning.
    """
    wire = encode_request(request, host)
    began = time.monotonic()
    clients: list[_Client] = []
    try:
        for number in range(1, at_once + 1):
            clients.append(_Client(address, wire))
            if number % TOGETHER == 0:  # accept queues are short: let the server take these in
                time.sleep(TAKE_IN_SECONDS)
        _converse(clients, began, deadline_seconds, tick)
    finally:
        for client in clients:
            client.sock.close()
    return _volley(clients, time.monotonic() - began)


def _converse(
    clients: Sequence[_Client], began: float, deadline_seconds: float, tick: Callable[[float], None]
) -> None:
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.sock, selectors.EVENT_WRITE, client)
        last = 0.0
        while selector.get_map() and (now := time.monotonic() - began) < deadline_seconds:
            if now - last >= TICK_SECONDS:
                tick(now)
                last = now
            for key, events in selector.select(TICK_SECONDS):
                one: _Client = key.data
                if events & selectors.EVENT_WRITE and one.send():
                    selector.modify(one.sock, selectors.EVENT_READ, one)
                elif one.complaint or not one.receive():
                    selector.unregister(one.sock)


def _volley(clients: Sequence[_Client], seconds: float) -> Volley:
    stays, complaint = [], ""
    for client in clients:
        if client.response is None:
            complaint = complaint or client.complaint or "no complete response in time"
        elif client.response.status != 200:
            complaint = (
                complaint or f"status {client.response.status}: {client.response.body[:200]!r}"
            )
        else:
            stays.append(msgspec.json.decode(client.response.body, type=Stay))
    return Volley(stays=tuple(stays), complaint=complaint, seconds=seconds)
