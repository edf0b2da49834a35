"""The last word on responses that the native engine does not know, and its failures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from whichworker.load.framing import FramingError, Response, parse_head
from whichworker.load.http1 import judge_request
from whichworker.load.mix import Ask
from whichworker.model import Failure, Request

if TYPE_CHECKING:
    from whichworker.load._native import Engine

ANY_STATUS = NO_ROUTE = -1  # to the engine in C


class Judge:
    """Judges the responses of one engine's thread; its counts are merged with the others'."""

    def __init__(self, asks: list[Ask]) -> None:
        self._asks = asks
        self.counts: Counter[str] = Counter()
        self.samples: dict[str, str] = {}
        self.passes: Counter[str] = Counter()  # of checks, in wrong responses
        self.fails: Counter[str] = Counter()
        self.check_samples: dict[str, str] = {}

    @staticmethod
    def teach(engine: Engine, ask: Ask, route: int = NO_ROUTE) -> None:
        """Add a request to an engine, with all conditions of its response that C can compare.

        `route` is the number of the route that counts it apart.
        """
        request, answer = ask.request, ask.request.answer
        engine.add_request(
            ask.wire,
            request.method == "HEAD",
            ANY_STATUS if answer.status is None else answer.status,
            answer.body,
            tuple(answer.contains),
            _depends_on_head(request),
            _depends_on_body(request),
            ask.kept,
            route,
        )

    def judge(self, number: int, block: bytes, body: bytes | None) -> bool:
        """Whether this is a correct response to a request; if not, it is counted.

        A body of None is the one that was expected: the engine compared it as it arrived.
        """
        ask = self._asks[number]
        try:
            head = parse_head(block, ask.request.method)
        except FramingError as error:
            self._add("framing", f"{ask.name}: {error}")
            return False
        response = Response(
            status=head.status,
            headers=head.headers,
            body=(ask.request.answer.body or b"") if body is None else body,
            framing=head.framing,
            keep_alive=head.keep_alive,
        )
        verdict, failed = judge_request(ask.request, response)
        if verdict is None:
            return True
        self._note_checks(ask.request, dict(failed))
        self._add(verdict[0], f"{ask.name}: {verdict[1]}")
        return False

    def fail(self, kind: str, number: int, text: str, seen: bytes) -> None:
        """Count a failure that the engine found."""
        if seen:
            shown = seen if text.startswith("bytes") else seen.decode("latin-1")
            text = f"{text}: {shown!r}"
        self._add(kind, f"{self._asks[number].name}: {text}")

    def take_failures(self) -> tuple[Failure, ...]:
        """All failures since the last call, in the order in which their kinds first came."""
        failures = tuple(
            Failure(kind=kind, count=self.counts[kind], sample=sample)
            for kind, sample in self.samples.items()
        )
        self.counts.clear()
        self.samples.clear()
        return failures

    def _add(self, kind: str, sample: str) -> None:
        self.counts[kind] += 1
        self.samples.setdefault(kind, sample)

    def _note_checks(self, request: Request, failed: dict[str, str]) -> None:
        for check in request.checks:
            if check.name in failed:
                self.fails[check.name] += 1
                self.check_samples.setdefault(check.name, failed[check.name])
            else:
                self.passes[check.name] += 1


def _depends_on_head(request: Request) -> bool:
    """Whether C may accept only known heads: conditions on headers, or on statuses of checks."""
    answers = [check.answer for check in request.checks]
    statuses = any(
        answer.status is not None and answer.status != request.answer.status for answer in answers
    )
    return statuses or any(answer.headers for answer in (request.answer, *answers))


def _depends_on_body(request: Request) -> bool:
    """Whether C may accept only known bodies: conditions on them that only Python can judge."""
    return bool(request.answer.json or request.answer.sha256 or request.checks)
