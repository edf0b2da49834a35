"""The correct response of each request, from what the app alone and several servers gave."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from whichworker import redaction
from whichworker.errors import UsageError
from whichworker.load.codings import shown
from whichworker.load.framing import Headers
from whichworker.load.http1 import Response
from whichworker.model import Answer, App, Finding, Interface, Question, Request, codes
from whichworker.process import tracebacks
from whichworker.process.launch import SHOWN_LINES
from whichworker.question import habits, own
from whichworker.question.login import dressed
from whichworker.question.refusals import ANOTHER_PATH, Refusal, refusal_of, with_log
from whichworker.question.stages import Learnt
from whichworker.question.tokens import REDIRECTS, header
from whichworker.question.voices import ALONE, Agreement, Voice, agree
from whichworker.workloads import learning

PROXIED = "name paths as the app has them, as a proxy may add a prefix or remove one: --url /path"
Answers = dict[Request, list[Response]]
"""The responses to each request, as the workload has it: without the cookies of a login."""


class Visit(Struct):
    """The state of the reference run: responses by voice and request, and the login's proof.

    `later` has the responses of the app alone at another time, `broken` the requests without a
    response, `logs` the end of the log after an error of the app, and `longest_seconds` the longest
    response.
    """

    answers: dict[str, Answers] = field(default_factory=dict)
    later: Answers = field(default_factory=dict)
    proof: Headers = ()
    broken: dict[Request, Refusal] = field(default_factory=dict)
    logs: dict[Request, str] = field(default_factory=dict)
    longest_seconds: float = 0.0
    began: float = field(default_factory=time.time)

    def add(self, name: str, answers: Answers) -> None:
        """Add the responses of a launch."""
        known = self.answers.setdefault(name, {})
        for request, responses in answers.items():
            known.setdefault(request, []).extend(responses)

    def voices(self, request: Request) -> list[Voice]:
        """The voices that responded to a request, servers first."""
        return [
            Voice(
                name,
                _seen(answers[request]),
                _seen(self.later.get(request, ())) if name == ALONE else (),
            )
            for name, answers in self.answers.items()
            if answers.get(request)
        ]


def _seen(responses: Sequence[Response]) -> tuple[learning.Seen, ...]:
    """The decoded bodies: compressed ones may differ for the same page."""
    return tuple(
        learning.Seen(one.status, header(one, "content-type"), learning.without_toolbar(shown(one)))
        for one in responses
    )


def settle(question: Question, visit: Visit, again: Callable[[str], Answers]) -> Learnt:
    """The subject with the correct responses; `again` launches a server of the visit once more.

    Raises UsageError if a request that the user named, or all of them, cannot be raced.
    """
    findings: list[Finding] = []
    learnt: list[Request] = []
    moved: dict[Request, str] = {}
    refused: dict[Request, Refusal] = {}
    minutes = learning.minutes_between(visit.began, time.time())
    for request in question.workload.requests:
        voices = visit.voices(request)
        agreement = agree(voices, partial(_again, again, request))
        if refusal := _refusal(question, visit, request, agreement):
            refused[request] = refusal
            if question.workload.learn == "named":
                raise UsageError(
                    f"{request.title}: {refusal.why}",
                    seen=tracebacks.shown(visit.logs.get(request, ""), SHOWN_LINES)
                    if refusal.logged
                    else "",
                    hint=refusal.hint,
                )
            continue
        found = learning.learn(agreement.seen, minutes)
        if found is None:
            varies = _varies(request, agreement)
            if question.workload.learn == "named":
                raise varies
            refused[request] = Refusal(varies.fact)
            continue
        sent = dressed(request, question.app, visit.proof)
        findings += [*_about(request, found), *habits.differences(sent, agreement, found.answer)]
        learnt.append(
            msgspec.structs.replace(sent, answer=_unsaid(_merged(request.answer, found.answer)))
        )
        first = _responses(visit, request, agreement)[0]
        if first.status in REDIRECTS and request.answer.status is None:
            moved[learnt[-1]] = header(first, "location")
    if question.workload.learn == "routes" and len(moved) < len(learnt):
        refused |= {one: Refusal(f"it redirects to {place}") for one, place in moved.items()}
        learnt = [one for one in learnt if one not in moved]
    else:
        findings += [_redirected(one, place) for one, place in moved.items()]
    if not learnt:
        raise _nothing(question, refused)
    return _learnt(question, visit, learnt, refused, findings)


def _again(again: Callable[[str], Answers], request: Request, name: str) -> Voice:
    return Voice(name, _seen(again(name).get(request, ())))


def _responses(visit: Visit, request: Request, agreement: Agreement) -> list[Response]:
    """The responses of the voices that agree."""
    odd = {one.name for one in agreement.differing}
    return [
        response
        for name, answers in visit.answers.items()
        if name not in odd
        for response in answers.get(request, ())
    ]


def _refusal(
    question: Question, visit: Visit, request: Request, agreement: Agreement
) -> Refusal | None:
    """Why the app refuses a request, by the first response that shows it."""
    responses = _responses(visit, request, agreement)
    logged_in = bool(visit.proof)
    for response in responses:
        if found := refusal_of(request, response, question.app.host, logged_in=logged_in):
            log = visit.logs.get(request, "") if found.logged else ""
            return with_log(found, log, interface_of(question.app))
    return None if responses else visit.broken.get(request, Refusal("no response", logged=True))


def interface_of(app: App) -> Interface:
    """The interface by which the reference run serves an app."""
    return "wsgi" if app.wsgi else "asgi"


def _varies(request: Request, agreement: Agreement) -> UsageError:
    statuses = ", ".join(str(one.status) for one in agreement.seen)
    return UsageError(
        f"{request.title} has a status or type that varies: {statuses}",
        hint="name a path with a stable response",
    )


def _nothing(question: Question, refused: dict[Request, Refusal]) -> UsageError:
    recorded = question.workload.learn == "recorded"
    kind = "recorded requests" if recorded else "app's own routes"
    usual = PROXIED if recorded else "name one that can: --url /path"
    tried = "\n".join(f"{request.path}: {one.why}" for request, one in refused.items())
    hints = {one.hint for one in refused.values()} - {ANOTHER_PATH}
    return UsageError(
        f"none of the {kind} can be raced",
        seen=tried,
        hint=hints.pop() if len(hints) == 1 else usual,
    )


def _learnt(
    question: Question,
    visit: Visit,
    learnt: Sequence[Request],
    refused: dict[Request, Refusal],
    findings: list[Finding],
) -> Learnt:
    if refused:  # a named one would have ended the run
        many = len(refused)
        text = (
            "One request is left out because of its response"
            if many == 1
            else f"{many} requests are left out because of their responses"
        )
        told = "\n".join(f"{request.path}: {one.why}" for request, one in refused.items())
        cures = Counter(one.hint for one in refused.values() if one.hint != ANOTHER_PATH)
        # who has logged in needs no such advice for the pages of others
        hint = cures.most_common(1)[0][0] if cures and not visit.proof else None
        findings = [*findings, codes.REQUESTS_LEFT_OUT.finding(text, evidence=told, hint=hint)]
    if question.workload.learn == "routes":
        paths = " ".join(request.path for request in learnt)
        findings = [codes.ROUTES_FOUND.finding(f"The race requests {paths}"), *findings]
    asked = question.workload
    workload = msgspec.structs.replace(
        asked,
        name=own.name_of(learnt) if refused else asked.name,
        title=asked.title.replace(own.few_of(asked.requests), own.few_of(learnt), 1),
        requests=tuple(learnt),
        learn="",
        response_seconds=round(visit.longest_seconds, 3),
    )
    return Learnt(msgspec.structs.replace(question.subject, workload=workload), tuple(findings))


def _merged(wanted: Answer, learnt: Answer) -> Answer:
    """The learnt response, with the user's own expectations in their place."""
    if wanted == Answer() or wanted == Answer(status=None):
        return learnt
    told = {
        name: getattr(wanted, name)
        for name in wanted.__struct_fields__
        if getattr(wanted, name) not in (None, getattr(Answer(), name))
    }
    return msgspec.structs.replace(learnt, **told)


def _unsaid(answer: Answer) -> Answer:
    """The response without secrets: its body as a digest, and no part that contains one."""
    parts = tuple(part for part in answer.contains if redaction.clean_bytes(part) == part)
    if answer.body is not None and redaction.clean_bytes(answer.body) != answer.body:
        answer = answer.digested
    return msgspec.structs.replace(answer, contains=parts)


def _redirected(request: Request, place: str) -> Finding:
    """The finding for a redirect, as few users mean to measure one."""
    return codes.REDIRECT_RACED.finding(
        f"{request.title} redirects to {place} (status {request.answer.status}), so the race"
        " measures the redirect and not the page",
        hint=f"name the page: --url {urlsplit(place).path or place}",
    )


def _about(request: Request, found: learning.LearntAnswers) -> Iterator[Finding]:
    if not found.compared:
        yield codes.ANSWER_UNCHECKED.finding(
            f"{request.title} changes completely from response to response, so only its status and"
            " type are checked",
            evidence=found.change,
        )
    elif found.compared < 1.0:
        why = "changes from response to response" if found.change else "may show the time of day"
        stable = f"{min(0.99, found.compared):.0%} of it is stable and is checked"
        yield codes.ANSWER_MASKED.finding(
            f"{request.title} {why}; {stable}",
            evidence=found.change,
        )
