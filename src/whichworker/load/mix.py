"""What is asked in turn: the requests of a load by weight, prepared so that an expected answer costs one look-up."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator

from whichworker.errors import UsageError
from whichworker.load.framing import BLANK_LINE, Response
from whichworker.load.http1 import encode_request
from whichworker.model import Load, Request

KNOWN_HEADS = 64  # a new Date every second must not grow the cache for ever
UNKNOWN = (-1, b"")


class Ask:
    """A request as bytes, the heads of right answers seen so far, and the nanoseconds its right answers took.

    `last` is the last right answer as it came. `heads` maps the header blocks of others to the bytes of the whole answer:
    how many there are, and how they end.
    """

    __slots__ = ("heads", "last", "latencies", "name", "request", "size", "wire")

    def __init__(self, request: Request, host: str) -> None:
        self.request = request
        self.name = f"{request.method} {request.path}"
        self.wire = encode_request(request, host)
        self.size = len(self.wire)
        self.heads: dict[bytes, tuple[int, bytes]] = {}
        self.last: bytes | None = None
        self.latencies = array("q")

    def recognise(self, data: bytes) -> bool:
        """True when this is a whole right answer of which the like was learnt before."""
        size, tail = self.heads.get(data[: data.find(BLANK_LINE)], UNKNOWN)
        if size != len(data) or not data.endswith(tail):
            return False
        self.last = data
        return True

    def learn(self, data: bytes, response: Response) -> None:
        """Remember one right answer that was `data` and nothing else, so that its like need not be parsed again.

        Of an answer of a known length the body is remembered only when it is known; of any other, all that followed
        the head. An answer after an interim one, or one that ends with the connection, is left to the parser.
        """
        end = data.find(BLANK_LINE)
        if not response.keep_alive or data[9:10] == b"1":
            return
        tail = data[end + len(BLANK_LINE) :]
        if response.framing == "length" and self.request.answer.body is None:
            tail = b""
        if len(self.heads) >= KNOWN_HEADS:
            self.heads.clear()
        self.heads[data[:end]] = (len(data), tail)
        self.last = data


def prepare_asks(load: Load) -> list[Ask]:
    """One Ask for each request of the load; raises UsageError for a load, or a request, that cannot be sent."""
    if load.connections < 1 or load.window_seconds <= 0 or not any(request.weight > 0 for request in load.requests):
        raise UsageError("a load needs a connection, a window and a request with a weight above zero")
    return [Ask(request, load.host) for request in load.requests]


def draw_asks(asks: list[Ask], seed: int) -> Iterator[Ask]:
    """Draw for ever, by weight: shuffled decks in which every request is found as often as its weight says.

    Drawing without replacement keeps the mix of a short window close to the one that was declared.
    """
    deck = [ask for ask in asks for _ in range(ask.request.weight)]
    rng = random.Random(seed)
    while True:
        rng.shuffle(deck)
        yield from deck
