"""The reference run: the app alone, unloaded, before a race. Its responses are the correct ones.

It asks two servers and the app itself, below a warden, to find what changes between responses,
processes and times, and what is only one server's habit. It records writes and connections beyond
this machine, and refuses them unless the options allow them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct, field

from whichworker.apps import within
from whichworker.bench import overlays
from whichworker.bench.running import Bench, Running
from whichworker.errors import ServerFailed, UsageError
from whichworker.load.framing import Headers
from whichworker.load.http1 import FramingError, fetch
from whichworker.model import App, Interface, Permits, Question, Subject, Workload, codes
from whichworker.model.question import readiness
from whichworker.model.requests import PATIENT_TIMES
from whichworker.process import scratch
from whichworker.process.launch import LOG_LINES
from whichworker.question import raced, writes
from whichworker.question.alone import ask_alone, clock
from whichworker.question.burst import refusal_of_burst
from whichworker.question.correct import Answers, Visit, interface_of, settle
from whichworker.question.login import ASK_SECONDS, dressed, log_in, play
from whichworker.question.outbound import refuse_outbound, watched
from whichworker.question.refusals import Refusal
from whichworker.question.stages import Discovered, Learnt
from whichworker.question.voices import ALONE
from whichworker.question.writes import Databases
from whichworker.servers import names
from whichworker.workloads.sources import mixture

SERVERS: dict[str, tuple[str, ...]] = {
    "wsgi": ("waitress", "gunicorn-gthread"),
    "asgi": ("uvicorn", "hypercorn"),
}
"""By interface, two servers of different origin that install everywhere and run one process."""
WRAPPER = Path(str(within.__file__)).parent / "whichworker_reference.py"
DATABASES = "databases"
TIMES = 2
"""Of each request in each process: the fewest that show a change between responses."""


class Watched(Struct, frozen=True):
    """What must not happen in a reference run: the notes of its launches, and the databases."""

    outbound: Path
    permits: Permits
    databases: Databases
    unwatched: list[str] = field(default_factory=list)

    @contextmanager
    def launch(self) -> Iterator[None]:
        """A launch; raises UsageError after it for writes or connections without permission."""
        before = self.databases.look() if not self.permits.writes else None
        yield
        self.check()
        if before is not None:
            after = self.databases.look()
            opened = self.outbound.with_name(DATABASES)
            _refuse_writes(writes.changed(before, after) or writes.changed_of(opened))
            self.unwatched[:] = self.databases.unwatched(after)

    def check(self) -> None:
        """Raise UsageError for connections without permission."""
        refuse_outbound(self.outbound, self.permits)


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
    question = found.question
    with scratch.folder() as place:
        outbound = place / "outbound"
        watch = Watched(
            outbound, permits, Databases(question.app, found.databases, found.asked.cache)
        )
        benches = _benches(found, outbound, folder, note)
        visit = _visit(question, benches, watch, note)

        def again(name: str) -> Answers:
            bench = next(one for one in benches if _name(one) == name)
            with watch.launch(), watched(bench, outbound) as run:
                return _ask_all(question, run, Visit(proof=visit.proof))

        learnt = settle(raced.single(question), visit, again)
        learnt = Learnt(_with_sessions(subject, learnt.subject), learnt.findings)
    if not watch.unwatched:
        return learnt
    told = codes.WRITES_UNWATCHED.finding(
        f"A GET that writes to {', '.join(watch.unwatched)} is not noticed"
    )
    return Learnt(learnt.subject, (*learnt.findings, told))


def _with_sessions(asked: Subject, learnt: Subject) -> Subject:
    if not asked.workload.sessions:
        return learnt
    return msgspec.structs.replace(learnt, workload=raced.settled(asked.workload, learnt.workload))


def _visit(
    question: Question, benches: Sequence[Bench], watch: Watched, note: Callable[[str], None]
) -> Visit:
    """All responses: of each server, and of the app itself now and at another time."""
    visit, permits = Visit(), watch.permits
    for number, bench in enumerate(benches):
        note(f"reference run {number + 1} of {len(benches)}: {_name(bench)}")
        try:
            with watch.launch(), watched(bench, watch.outbound) as run:
                if not number:
                    visit.proof = _proven(question.app, permits, run, watch.check)
                visit.add(_name(bench), _ask_all(question, run, visit))
                watch.check()
                if number:  # the launch before has shown that a few requests do not write
                    _refuse_burst(question, run, visit)
        except UsageError as error:
            if not number or not isinstance(error.__cause__, ServerFailed):
                raise
            note(f"the reference run does without {_name(bench)}: {error.fact}")
    if question.workload.sessions:  # only a server has the cookies of each user
        return visit
    safe = {
        dressed(one, question.app, visit.proof): one
        for one in question.workload.requests
        if one.method in mixture.SAFE
    }
    for ahead in (False, *([True] if not permits.writes else [])):
        how = f"{ALONE}{', at another time' if ahead else ''}"
        note(f"reference run: {how}")
        with watch.launch():
            sent = ask_alone(benches[0], benches[0].question.arms[0], list(safe), ahead=ahead)
        if safe and not sent:
            missing = ahead and clock() is None
            why = "its clock was not built" if missing else "the app could not be called that way"
            note(f"the reference run does without {how}: {why}")
        answers = {safe[request]: seen for request, seen in sent.items()}
        if ahead:
            visit.later = answers
        else:
            visit.add(ALONE, answers)
    return visit


def _name(bench: Bench) -> str:
    return bench.question.arms[0].name


def _refuse_writes(changed: str) -> None:
    if changed:
        hint = "request pages that only read, or --allow-writes, best with a database copy"
        raise UsageError(f"these requests {changed}", hint=hint)


def _refuse_burst(question: Question, run: Running, visit: Visit) -> None:
    """Raise UsageError if the app refuses some hundred requests in a row: a race sends more."""
    if question.workload.sessions:
        raced.refuse_burst(run, question.app, question.workload.sessions)
        return
    answers = next(reversed(visit.answers.values()))
    served = {
        dressed(request, question.app, visit.proof): responses[-1].status
        for request, responses in answers.items()
        if responses[-1].status < 400
    }
    refused = refusal_of_burst(run, served.items(), question.app.host)
    if refused is not None:
        request, refusal = refused
        raise UsageError(f"{request.title}: {refusal.why}", hint=refusal.hint)


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
    for request in (*workload.every, *steps):
        if request.method not in mixture.SAFE:
            raise UsageError(f"{request.title} may write: nothing was started", hint=hint)


def _benches(
    found: Discovered, outbound: Path, folder: Path, note: Callable[[str], None]
) -> list[Bench]:
    """A bench for each server of the reference run that can be installed; the first one must be."""
    interface = interface_of(found.question.app)
    benches = []
    for server in SERVERS[interface]:
        alone = _alone(found, outbound, server, interface)
        environments, without = overlays.build(alone, found.asked.cache, note)
        if not without:
            benches.append(Bench(alone, environments, folder, found.asked.cache))
            continue
        fact, _, seen = without[0].failures[0].sample.partition("\n")
        if not benches:
            raise UsageError(f"the reference run cannot start: {fact}", seen=seen)
        note(f"the reference run does without {server}: {fact}")
    return benches if len(benches) > 1 else benches * 2


def _alone(found: Discovered, outbound: Path, server: str, interface: Interface) -> Question:
    """One arm whose wrapper records outbound connections; any response makes it ready."""
    app, asked = found.question.app, found.asked
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
    return Question(
        subject=Subject(
            apps={label: wrapped}, workload=readiness(app, ASK_SECONDS / PATIENT_TIMES)
        ),
        arms=(names.contender(names.parse(server), label, cores=1),),
        budget=asked.budget,
    )


def _ask_all(question: Question, run: Running, visit: Visit) -> Answers:
    """The responses of one server to all requests; the visit keeps why one has none."""
    if question.workload.sessions:
        found, longest = raced.answers(run, question.app, question.workload.sessions, TIMES)
        visit.longest_seconds = max(visit.longest_seconds, longest)
        return found
    answers: Answers = {}
    for request in question.workload.requests:
        sent = dressed(request, question.app, visit.proof)
        for _ in range(TIMES):
            began = time.monotonic()
            try:
                response = fetch(run.address, sent, question.app.host, ASK_SECONDS)
            except (OSError, FramingError) as error:
                why = f"no response: {type(error).__name__}: {error}"
                visit.broken[request] = Refusal(why, logged=True)
                visit.logs[request] = run.launch.log_tail(LOG_LINES)
                answers.pop(request, None)
                break
            visit.longest_seconds = max(visit.longest_seconds, time.monotonic() - began)
            if response.status >= 500:
                visit.logs[request] = run.launch.log_tail(LOG_LINES)
            answers.setdefault(request, []).append(response)
    return answers
