"""The requests of a load by weight, prepared so that an expected response costs one look-up."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from whichworker.errors import UsageError
from whichworker.load.framing import BLANK_LINE, BODY_LIMIT_BYTES, Response
from whichworker.load.http1 import SAMPLE_CHARACTERS, encode_request
from whichworker.model import Load, Request

KNOWN_HEADS = 64  # a new Date every second must not make the cache grow without end
UNKNOWN = (-1, b"")
LEAST_DECK = 16_384  # requests before a deck repeats itself


class Weighted(Protocol):
    """A request or session that is drawn by weight."""

    @property
    def weight(self) -> int:
        """How often it is found in a deck."""
        ...


Drawn = TypeVar("Drawn", bound=Weighted)


class Ask:
    """A request as bytes, the heads of its correct responses so far, and their times.

    `last` is the last correct response as it came. `heads` maps the header blocks of others to the
    size and the end of the whole response. `latencies` and `sends` are parallel (ns, closed loop);
    `slow` has rows of responses that came in pieces, `rows` those of an open loop; see `record`.
    `kept` bytes of a body are needed: all if there is a condition on it, or if `captured` values
    come from it, else what a failure shows.
    """

    __slots__ = (
        "checks",
        "fixed",
        "heads",
        "kept",
        "last",
        "latencies",
        "name",
        "request",
        "right",
        "rows",
        "sends",
        "size",
        "slow",
        "statuses",
        "weight",
        "wire",
    )

    def __init__(self, request: Request, wire: bytes, *, captured: bool = False) -> None:
        self.request = request
        self.name = request.title
        self.weight = request.weight
        self.wire = wire
        self.size = len(wire)
        answer = request.answer
        bodies = [answer, *(check.answer for check in request.checks)]
        # Without a condition on the body, any of the known length will do.
        self.fixed = any(
            one.body is not None or one.contains or one.json or one.sha256 for one in bodies
        )
        self.kept = BODY_LIMIT_BYTES if self.fixed or captured else SAMPLE_CHARACTERS
        self.heads: dict[bytes, tuple[int, bytes]] = {}
        self.last: bytes | None = None
        self.latencies = array("q")
        self.sends = array("q")
        self.slow = array("q")
        self.rows = array("q")
        self.statuses: Counter[int] = Counter()
        self.right = 0
        self.checks: dict[str, tuple[int, int, str]] = {
            check.name: (0, 0, "") for check in request.checks
        }

    def note_checks(self, failed: Sequence[tuple[str, str]]) -> None:
        """Count the checks of a wrong response: `failed` are (name, text), the others passed."""
        texts = dict(failed)
        for name, (passes, fails, sample) in self.checks.items():
            if name in texts:
                self.checks[name] = (passes, fails + 1, sample or texts[name])
            else:
                self.checks[name] = (passes + 1, fails, sample)

    def recognise(self, data: bytes) -> bool:
        """True when this is, as a whole, like a correct response that was learnt before."""
        size, tail = self.heads.get(data[: data.find(BLANK_LINE)], UNKNOWN)
        if size != len(data) or not data.endswith(tail):
            return False
        self.last = data
        return True

    def learn(self, data: bytes, response: Response) -> None:
        """Remember a correct response whose bytes are `data`, so that its like need no parsing.

        The body of a response with a Content-Length is remembered only if it matters; otherwise all
        bytes after the head. The parser keeps handling a response after an interim one, one that
        ends with the connection, and all if any status is correct: those are counted by status.
        """
        end = data.find(BLANK_LINE)
        if not response.keep_alive or data[9:10] == b"1" or self.request.answer.status is None:
            return
        tail = data[end + len(BLANK_LINE) :]
        if response.framing == "length" and not self.fixed:
            tail = b""
        if len(self.heads) >= KNOWN_HEADS:
            self.heads.clear()
        self.heads[data[:end]] = (len(data), tail)
        self.last = data


def prepare_asks(load: Load) -> list[Ask]:
    """One Ask for each request of the load; raises UsageError if one cannot be sent."""
    check_load(load)
    return [Ask(request, encode_request(request, load.host)) for request in load.requests]


def labels_of(load: Load) -> tuple[str, ...]:
    """The labels under which the load's requests are counted apart, in the order of the requests.

    A closed loop counts none apart.
    """
    requests = [step.request for session in load.sessions for step in session.steps]
    labels = (load.routes.get(one.title) for one in (*load.requests, *requests))
    return tuple(dict.fromkeys(label for label in labels if label)) if load.pace else ()


def check_load(load: Load) -> None:
    """Raises UsageError for a load without requests, or with both requests and sessions."""
    asked: Sequence[Weighted] = load.sessions or load.requests
    if load.connections < 1 or load.window_seconds <= 0 or not any(one.weight > 0 for one in asked):
        raise UsageError(
            "a load needs a connection, a window and a request with a weight above zero"
        )
    if load.sessions and load.requests:
        raise UsageError("a load has requests or sessions, not both")
    for session in load.sessions:
        if not session.steps:
            raise UsageError(f"the session {session.name!r} has no step")


def draw(choices: Sequence[Drawn], seed: int) -> Iterator[Drawn]:
    """Draw without end, by weight, from shuffled decks with each item as often as its weight.

    Drawing without replacement keeps the mix of a short window close to the one that was declared.
    """
    deck = [one for one in choices for _ in range(one.weight)]
    rng = random.Random(seed)
    while True:
        rng.shuffle(deck)
        yield from deck


def deal(choices: Sequence[Weighted], seed: int) -> array[int]:
    """Whole decks of numbers of choices, too many for a server to predict their repetition."""
    numbers = {id(one): number for number, one in enumerate(choices)}
    size = sum(one.weight for one in choices)
    drawn = [one for one in choices if one.weight > 0]
    count = size * -(-LEAST_DECK // size) if len(drawn) > 1 else 1
    return array("I", (numbers[id(one)] for one in islice(draw(choices, seed), count)))
