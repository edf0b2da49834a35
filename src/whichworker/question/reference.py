"""The reference run: the app alone, unloaded, before a race. Its responses are the correct ones.

It uses two launches, to find what changes between responses or between processes. It records
writes and connections beyond this machine, and refuses them unless the options allow them.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from whichworker import redaction
from whichworker.apps import within
from whichworker.bench import overlays
from whichworker.bench.running import Bench, Running, running
from whichworker.errors import ServerFailed, UsageError
from whichworker.load.framing import Headers
from whichworker.load.http1 import FramingError, Response, fetch
from whichworker.model import (
    Answer,
    App,
    Finding,
    Interface,
    Permits,
    Question,
    Request,
    Subject,
    Workload,
    codes,
)
from whichworker.model.question import readiness
from whichworker.process.sockets import outward
from whichworker.question import writes
from whichworker.question.login import ASK_SECONDS, dressed, log_in, play
from whichworker.question.refusals import ANOTHER_PATH, Refusal, refusal_of
from whichworker.question.stages import Discovered, Learnt
from whichworker.question.tokens import REDIRECTS, header
from whichworker.question.writes import Databases
from whichworker.servers import names
from whichworker.workloads import learning
from whichworker.workloads.sources import mixture

SERVERS = {"wsgi": "waitress", "asgi": "uvicorn"}
"""By interface, a server that installs everywhere and runs one process, easy to observe."""
WRAPPER = Path(str(within.__file__)).parent / "whichworker_reference.py"
DATABASES = "databases"
PROXIED = "name paths as the app has them, as a proxy may add a prefix or remove one: --url /path"
LAUNCHES, TIMES = 2, 2
"""Two of each: the fewest that show a change between processes, and between responses."""
LOOK_SECONDS = 0.004
"""Between two looks at the sockets: few connections to another machine live shorter."""


class Visit(Struct):
    """The state of the reference run: responses by request, and the proof of its login."""

    answers: dict[Request, list[Response]] = field(default_factory=dict)
    proof: Headers = ()
    refused: dict[Request, Refusal] = field(default_factory=dict)
    began: float = field(default_factory=time.time)


def learn(found: Discovered, folder: Path, note: Callable[[str], None]) -> Learnt:
    """Learn the correct responses from the app by itself.

    Raises UsageError if a request gets no response, a status or type varies, a login fails, or
    the app writes or connects beyond this machine without permission.
    """
    subject, permits = found.subject, found.asked.permits
    if not subject.workload.learn:
        return Learnt(subject)
    if not permits.writes:
        _refuse_unsafe(subject.workload, permits)
    app, unwatched = found.question.app, list[str]()
    visit, databases = Visit(), Databases(app, found.databases)
    with tempfile.TemporaryDirectory() as place:
        outbound, opened = Path(place) / "outbound", Path(place) / DATABASES
        bench = _bench(found, outbound, folder, note)
        for number in range(LAUNCHES):
            note(f"reference run {number + 1} of {LAUNCHES}")
            before = databases.look() if not permits.writes else None
            with _watched(bench, outbound) as run:
                if not number:
                    visit.proof = _proven(
                        app, permits, run, lambda: _refuse_outbound(outbound, permits)
                    )
                _ask_all(found.question, run, visit, lambda: _refuse_outbound(outbound, permits))
            _refuse_outbound(outbound, permits)
            if before is not None:
                after = databases.look()
                _refuse_writes(writes.changed(before, after) or writes.changed_of(opened))
                unwatched = databases.unwatched(after)
    learnt = _settled(found.question, visit)
    if not unwatched:
        return learnt
    told = codes.WRITES_UNWATCHED.finding(
        f"A GET that writes to {', '.join(unwatched)} is not noticed"
    )
    return Learnt(learnt.subject, (*learnt.findings, told))


def _refuse_writes(changed: str) -> None:
    if changed:
        hint = "request pages that only read, or --allow-writes, best with a database copy"
        raise UsageError(f"these requests {changed}", hint=hint)


def _proven(app: App, permits: Permits, run: Running, check: Callable[[], None]) -> Headers:
    """The headers that prove a login; if it fails, a refused connection is the better reason."""
    try:
        if permits.session:
            return play(run, app, permits.session)
        return log_in(run, app, permits.login) if permits.login else ()
    except UsageError:
        check()
        raise


def _refuse_unsafe(workload: Workload, permits: Permits) -> None:
    hint = "--allow-writes, best with a copy of the database"
    if permits.login is not None:
        raise UsageError("a login writes to the app's database: nothing was started", hint=hint)
    steps = [step.request for step in permits.session.steps] if permits.session else []
    for request in (*workload.requests, *steps):
        if request.method not in mixture.SAFE:
            raise UsageError(f"{request.title} may write: nothing was started", hint=hint)


def _bench(found: Discovered, outbound: Path, folder: Path, note: Callable[[str], None]) -> Bench:
    """One arm whose wrapper records outbound connections; any response makes it ready."""
    app, asked = found.question.app, found.asked
    interface: Interface = "wsgi" if app.wsgi else "asgi"
    label = next(iter(found.subject.apps))
    told = {
        "WHICHWORKER_WRAPS": app.target(interface) or "",
        "WHICHWORKER_OUTBOUND": str(outbound),
        "WHICHWORKER_DATABASES": str(outbound.with_name(DATABASES)),
    }
    allowed = {"WHICHWORKER_OUTBOUND_ALLOWED": "1"} if asked.permits.outbound else {}
    wrapped = msgspec.structs.replace(
        app,
        wsgi=f"{WRAPPER.stem}:application" if interface == "wsgi" else None,
        asgi=f"{WRAPPER.stem}:application" if interface == "asgi" else None,
        environment={**app.environment, **told, **allowed},
        paths=(*app.paths, str(WRAPPER.parent)),
    )
    alone = Question(
        subject=Subject(apps={label: wrapped}, workload=readiness(app)),
        arms=(names.contender(names.parse(SERVERS[interface]), label, cores=1),),
        budget=asked.budget,
    )
    environments, without = overlays.build(alone, asked.cache, note)
    if without:
        fact, _, seen = without[0].failures[0].sample.partition("\n")
        raise UsageError(f"the reference run cannot start: {fact}", seen=seen)
    return Bench(alone, environments, folder, asked.cache)


@contextmanager
def _watched(bench: Bench, outbound: Path) -> Iterator[Running]:
    """A launch whose sockets a thread polls, as connections from C code bypass audit hooks."""
    ended = threading.Event()
    try:
        with running(bench, bench.question.arms[0]) as run:
            thread = threading.Thread(
                target=_look, args=(run, outbound, ended), name="outward", daemon=True
            )
            thread.start()
            try:
                yield run
            finally:
                ended.set()
                thread.join()
    except ServerFailed as error:
        _say_outbound(outbound, error)
        raise UsageError(
            f"the app does not start: {error.fact}", seen=error.seen, hint=error.hint
        ) from error


def _look(run: Running, outbound: Path, ended: threading.Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        for place in outward(run.launch.pids()):
            with outbound.open("a", encoding="utf-8") as file:
                file.write(f"{place}\n")


def _say_outbound(outbound: Path, error: ServerFailed) -> None:
    places = _places(outbound)
    if places and "--allow-outbound" in error.seen:
        raise UsageError(
            f"the app connects to {places[0]}, beyond this machine, when it starts",
            hint="--allow-outbound",
        ) from error


def _places(outbound: Path) -> list[str]:
    return (
        list(dict.fromkeys(outbound.read_text(encoding="utf-8").split()))
        if outbound.exists()
        else []
    )


def _refuse_outbound(outbound: Path, permits: Permits) -> None:
    places = _places(outbound)
    if places and not permits.outbound:
        few = ", ".join(places[:3])
        raise UsageError(
            f"these requests make the app connect to {few}, beyond this machine",
            hint="a race would flood it: point the app at a local service, or --allow-outbound",
        )


def _ask_all(question: Question, run: Running, visit: Visit, check: Callable[[], None]) -> None:
    for request in question.workload.requests:
        if request in visit.refused:
            continue
        sent = dressed(request, question.app, visit.proof)
        for _ in range(TIMES):
            try:
                response = fetch(run.address, sent, question.app.host, ASK_SECONDS)
            except (OSError, FramingError) as error:
                why = f"no response: {type(error).__name__}: {error}"
                visit.refused[request] = Refusal(why, logged=True)
                break
            refusal = refusal_of(request, response, question.app.host, logged_in=bool(visit.proof))
            if refusal is not None:
                visit.refused[request] = refusal
                break
            visit.answers.setdefault(request, []).append(response)
        if request in visit.refused and question.workload.learn == "named":
            check()  # a refused connection is the better reason
            refused = visit.refused[request]
            seen = run.launch.log_tail() if refused.logged else ""
            raise UsageError(f"{request.title}: {refused.why}", seen=seen, hint=refused.hint)


def _settled(question: Question, visit: Visit) -> Learnt:
    """The subject with the responses that were learnt."""
    findings: list[Finding] = []
    learnt: list[Request] = []
    minutes = learning.minutes_between(visit.began, time.time())
    for request in question.workload.requests:
        responses = visit.answers.get(request, [])
        if request in visit.refused or not responses:
            continue
        found = learning.learn(
            [learning.Seen(one.status, header(one, "content-type"), one.body) for one in responses],
            minutes,
        )
        if found is None:
            if question.workload.learn == "named":
                statuses = ", ".join(str(one.status) for one in responses)
                raise UsageError(
                    f"{request.title} has a status or type that varies: {statuses}",
                    hint="name a path with a stable response",
                )
            continue
        findings += [*_redirected(request, responses[0]), *_about(request, found)]
        sent = dressed(request, question.app, visit.proof)
        learnt.append(
            msgspec.structs.replace(sent, answer=_unsaid(_merged(request.answer, found.answer)))
        )
    if not learnt:
        recorded = question.workload.learn == "recorded"
        kind = "recorded requests" if recorded else "app's own routes"
        usual = PROXIED if recorded else "name one that can: --url /path"
        tried = "\n".join(f"{request.path}: {one.why}" for request, one in visit.refused.items())
        hints = {one.hint for one in visit.refused.values()} - {ANOTHER_PATH}
        raise UsageError(
            f"none of the {kind} can be raced",
            seen=tried,
            hint=hints.pop() if len(hints) == 1 else usual,
        )
    if visit.refused:  # a named one would have ended the run
        many = len(visit.refused)
        text = (
            "One request is left out because the app does not respond to it correctly"
            if many == 1
            else f"{many} requests are left out because the app does not respond to them correctly"
        )
        told = "\n".join(f"{request.path}: {one.why}" for request, one in visit.refused.items())
        findings.append(codes.REQUESTS_LEFT_OUT.finding(text, evidence=told))
    if question.workload.learn == "routes":
        paths = " ".join(request.path for request in learnt)
        findings.insert(0, codes.ROUTES_FOUND.finding(f"The race requests {paths}"))
    before = question.subject
    subject = Subject(
        apps=before.apps,
        workload=msgspec.structs.replace(before.workload, requests=tuple(learnt), learn=""),
        database=before.database,
        cache=before.cache,
        services=before.services,
    )
    return Learnt(subject, tuple(findings))


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


def _redirected(request: Request, response: Response) -> Iterator[Finding]:
    """A finding for a redirect, as few users mean to measure one."""
    if response.status not in REDIRECTS or request.answer.status is not None:
        return
    place = header(response, "location")
    yield codes.REDIRECT_RACED.finding(
        f"{request.title} redirects to {place} (status {response.status}), so the race measures the"
        " redirect and not the page",
        hint=f"name the page: --url {urlsplit(place).path or place}",
    )


def _about(request: Request, found: learning.LearntAnswers) -> Iterator[Finding]:
    if not found.compared:
        yield codes.ANSWER_UNCHECKED.finding(
            f"{request.title} changes completely from response to response, so only its status and"
            " type are checked"
        )
    elif found.compared < 1.0:
        yield codes.ANSWER_MASKED.finding(
            f"{request.title} changes from response to response; {min(0.99, found.compared):.0%} of"
            " it is stable and is checked"
        )
