"""The last word on answers that the native engine does not know, and on what failed in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from whichworker.load.framing import FramingError, Response, parse_head
from whichworker.load.http1 import judge_request
from whichworker.load.mix import Ask
from whichworker.model import Failure, Request

if TYPE_CHECKING:
    from whichworker.load._native import Engine

ANY_STATUS = -1


class Judge:
    """What one engine's thread was asked and told; its counts are merged with those of the others."""

    def __init__(self, asks: list[Ask]) -> None:
        self._asks = asks
        self.counts: Counter[str] = Counter()
        self.samples: dict[str, str] = {}
        self.passes: Counter[str] = Counter()  # of checks, in answers that were not right
        self.fails: Counter[str] = Counter()
        self.check_samples: dict[str, str] = {}

    @staticmethod
    def teach(engine: Engine, ask: Ask) -> None:
        """Add a request to an engine, with all of its answer's conditions that can be compared there."""
        request, answer = ask.request, ask.request.answer
        engine.add_ask(
            ask.wire,
            request.method == "HEAD",
            ANY_STATUS if answer.status is None else answer.status,
            answer.body,
            tuple(answer.contains),
            _depends_on_head(request),
            _depends_on_body(request),
        )

    def judge(self, number: int, block: bytes, body: bytes) -> bool:
        """Is this the right answer to a request? Whatever is not right is counted here."""
        ask = self._asks[number]
        try:
            head = parse_head(block, ask.request.method)
        except FramingError as error:
            self._add("framing", f"{ask.name}: {error}")
            return False
        response = Response(
            status=head.status,
            headers=head.headers,
            body=body,
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
            text = (
                f"{text}: {seen!r}"
                if text.startswith("bytes")
                else f"{text}: {seen.decode('latin-1')!r}"
            )
        self._add(kind, f"{self._asks[number].name}: {text}")

    def take_failures(self) -> tuple[Failure, ...]:
        """All failures since the last time, in the order in which their kinds first came; they are forgotten here."""
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
    """Conditions on headers, or on a status that the answer itself does not settle: only heads that were judged right are known."""
    answers = [check.answer for check in request.checks]
    statuses = any(
        answer.status is not None and answer.status != request.answer.status for answer in answers
    )
    return statuses or any(answer.headers for answer in (request.answer, *answers))


def _depends_on_body(request: Request) -> bool:
    """Conditions on the body that only Python can judge: only bodies that were judged right are known."""
    return bool(request.answer.json or request.answer.sha256 or request.checks)
