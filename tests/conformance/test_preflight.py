"""The preflight against servers that are wrong on purpose, and its effect on a race."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from tests.conftest import changed, faulty_bench
from tests.silent import Silent

from whichworker.apps import builtin
from whichworker.bench import overlays
from whichworker.bench.running import Bench, Running
from whichworker.conformance import preflight
from whichworker.conformance.attempts import Examinee, attempt
from whichworker.conformance.cases import BODY, CASES, Case, Outcome, own_cases, post
from whichworker.conformance.wire import encode_chunked
from whichworker.environments.interpreters import own_base
from whichworker.errors import ServerFailed
from whichworker.model import Address, Answer, App, Arm, Environment, Question, Request, Subject
from whichworker.question.ask import budget_of
from whichworker.race import investigation
from whichworker.servers import names, table
from whichworker.workloads.table import workload

BY_NAME = {case.name: case for case in CASES}
BODY_OF_JSON = cast(bytes, workload("json").requests[0].answer.body)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY_OF_JSON)
WHOLE = HEAD + LENGTH + b"\r\n" + BODY_OF_JSON
LAST = HEAD + LENGTH + b"Connection: close\r\n\r\n" + BODY_OF_JSON
BARE = HEAD + LENGTH + b"\r\n"


class Alive:
    """A launch that has not ended."""

    def ended(self) -> bool:
        """Never."""
        return False

    def workers(self) -> list[int]:
        """None."""
        return []


@contextmanager
def scripted(*replies: bytes, hold: bool = False) -> Iterator[Examinee]:
    """A server that gives the n-th reply to the n-th request, then closes or waits."""
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # a client that has seen enough goes away
            for reply in replies:
                received = b""
                while b"\r\n\r\n" not in received:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    received += piece
                connection.sendall(reply)
            if hold:
                done.wait(30)
            else:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        run = Running(cast(Any, Alive()), Address("127.0.0.1", listener.getsockname()[1]), 0.1, ())
        arm = names.contender(names.parse("waitress"), "3.12", cores=1)
        yield Examinee(run, table.load("waitress"), arm, "localhost")
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


def outcome_of(case: str, *replies: bytes, hold: bool = False) -> Outcome:
    """The outcome of a case with these replies."""
    with scripted(*replies, hold=hold) as scene:
        return attempt(scene, BY_NAME[case])


@pytest.mark.parametrize(
    ("replies", "state", "note"),
    [
        ((WHOLE, WHOLE), "passed", "reuses"),
        ((LAST,), "passed", "closes"),
        ((WHOLE,), "failed", "breaks"),
        ((WHOLE, BARE + b"{"), "failed", "breaks"),
    ],
)
def test_keep_alive(replies: tuple[bytes, ...], state: str, note: str) -> None:
    outcome = outcome_of("keep-alive", *replies)
    assert (outcome.state, outcome.note) == (state, note), outcome


def test_a_connection_that_was_to_be_closed_and_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whichworker.conformance.attempts.CLOSE_SECONDS", 0.1)
    outcome = outcome_of("keep-alive", LAST, hold=True)
    assert (outcome.state, outcome.note) == ("failed", "holds")


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ((BARE, WHOLE), ""),
        ((HEAD + b"\r\n", WHOLE), ""),
        ((WHOLE, WHOLE), "framing"),
        ((LAST,), "framing"),
        ((HEAD + b"Content-Length: 3\r\n\r\n", WHOLE), "header"),
        ((b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n", WHOLE), "status"),
    ],
)
def test_head(replies: tuple[bytes, ...], kind: str) -> None:
    outcome = outcome_of("head", *replies)
    assert outcome.kind == kind, outcome


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (WHOLE, ""),
        (WHOLE + b"more", "framing"),
        (BARE + BODY_OF_JSON[:-1] + b"?", "body"),
        (BARE + BODY_OF_JSON[:-1], "framing"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "status"),
        (b"", "reset"),
    ],
)
def test_an_answer(reply: bytes, kind: str) -> None:
    assert outcome_of("json", reply).kind in (kind, "reset" if kind == "framing" else kind)


def json_reply(text: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(text) + text


@pytest.mark.parametrize(
    ("reply", "state", "note"),
    [
        (json_reply(cast(bytes, post("echo").answer.body)), "passed", "reads"),
        (json_reply(b'{"bytes": 0, "sha256": "e3"}'), "failed", "0 bytes"),
        (json_reply(b'{"bytes": 9, "sha256": "e3"}'), "failed", "corrupts"),
        (b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n", "failed", "answers 411"),
    ],
)
def test_chunked(reply: bytes, state: str, note: str) -> None:
    outcome = outcome_of("chunked", reply)
    assert (outcome.state, outcome.note) == (state, note), outcome


def test_chunks_carry_the_whole_body() -> None:
    head, _, rest = encode_chunked(post("echo"), "localhost").partition(b"\r\n\r\n")
    assert b"content-length" not in head.lower()
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    assert body == BODY


def test_nothing_listens() -> None:
    with scripted(WHOLE) as scene, socket.create_server(("127.0.0.1", 0)) as closed:
        address = Address("127.0.0.1", closed.getsockname()[1])
        closed.close()
        elsewhere = Examinee(
            msgspec.structs.replace(scene.run, address=address), scene.server, scene.arm, scene.host
        )
        assert attempt(elsewhere, BY_NAME["json"]).kind == "connect"


def builtin_bench(folder: Path, *servers: str, what: str = "json") -> Bench:
    """A bench of the built-in app that nothing is started on."""
    directory = folder / "app"
    directory.mkdir(exist_ok=True)
    (directory / "views.py").write_text("")
    app = App(
        name="builtin:django",
        directory=str(directory),
        python=own_base(),
        wsgi=builtin.WSGI,
        asgi=builtin.ASGI,
    )
    arms = tuple(names.contender(names.parse(server), "3.12", cores=1) for server in servers)
    question = Question(
        subject=Subject(apps={"3.12": app}, workload=workload(what)),
        arms=arms,
        budget=budget_of(1.0),
    )
    made = Environment(
        python="python",
        bin="bin",
        version="1.0",
        python_version="3.12.1",
        packages={"django": "6.1"},
    )
    return Bench(question, {arm.name: made for arm in arms}, folder, folder)


Examine = Callable[[Bench, Arm, Sequence[Case]], list[Outcome]]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Arms that fail with async views (gevent) or a body (waitress), do not start, or are late."""
    asked: list[str] = []

    def examine(bench: Bench, arm: Arm, cases: Sequence[Case]) -> list[Outcome]:
        asked.append(arm.name)
        if arm.server == "uvicorn":
            raise ServerFailed("start", "it does not start")
        wrong = {
            "gunicorn-gevent": Outcome(
                case="slow-async", state="failed", kind="status", evidence="500"
            ),
            "waitress": Outcome(case="post", state="failed", kind="body", evidence="199 999 bytes"),
            "hypercorn": Outcome(
                case="stream", state="timeout", kind="timeout", evidence="nothing"
            ),
        }.get(arm.server)
        return [
            wrong if wrong and wrong.case == case.name else Outcome(case=case.name)
            for case in cases
        ]

    monkeypatch.setattr(preflight, "examine", examine)
    yield asked


def test_what_was_asked_is_remembered_unless_the_machine_may_have_made_it(
    tmp_path: Path, examined: list[str]
) -> None:
    bench = builtin_bench(
        tmp_path, "waitress", "gunicorn-gevent", "hypercorn", "uvicorn", "gunicorn-sync"
    )
    out, told = preflight.admit(bench, lambda _: None)
    assert [record.arm for record in out] == ["waitress", "hypercorn"]
    assert {failure.kind for record in out for failure in record.failures} == {"conformance"}
    assert "199 999 bytes" in out[0].failures[0].sample
    assert [(finding.arm, finding.code, finding.severity) for finding in told] == [
        ("waitress", "conformance-post", "error"),
        ("gunicorn-gevent", "conformance-slow-async", "info"),
        ("hypercorn", "conformance-stream", "error"),
    ]
    examined.clear()
    assert preflight.admit(bench, lambda _: None) == (out, told)
    assert examined == ["hypercorn", "uvicorn"]


def test_other_versions_and_other_sources_are_asked_anew(
    tmp_path: Path, examined: list[str]
) -> None:
    bench = builtin_bench(tmp_path, "gunicorn-sync")
    preflight.admit(bench, lambda _: None)
    newer = msgspec.structs.replace(bench.environments["gunicorn-sync"], packages={"django": "6.2"})
    preflight.admit(
        msgspec.structs.replace(bench, environments={"gunicorn-sync": newer}), lambda _: None
    )
    Path(bench.question.app.directory, "views.py").write_text("changed = True\n")
    preflight.admit(bench, lambda _: None)
    preflight.admit(bench, lambda _: None)
    assert examined == ["gunicorn-sync"] * 3


def test_async_views_keep_an_arm_out_where_they_are_raced(
    tmp_path: Path, examined: list[str]
) -> None:
    out, _ = preflight.admit(
        builtin_bench(tmp_path, "gunicorn-gevent", what="json-async"), lambda _: None
    )
    assert [record.arm for record in out] == ["gunicorn-gevent"]


def test_an_own_app_is_asked_nothing_before_a_race(tmp_path: Path, examined: list[str]) -> None:
    bench = builtin_bench(tmp_path, "waitress")
    for other in ({"name": "mine"}, {"wsgi": "other:application"}):
        question = changed(
            bench.question, apps={"3.12": msgspec.structs.replace(bench.question.app, **other)}
        )
        assert preflight.admit(
            msgspec.structs.replace(bench, question=question), lambda _: None
        ) == ([], [])
    assert not examined


def test_an_arm_that_is_kept_out_is_explained_in_the_result(
    tmp_path: Path, examined: list[str], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = builtin_bench(tmp_path, "waitress")
    monkeypatch.setattr(overlays, "build", lambda *_, **__: (dict(bench.environments), []))
    planned = investigation.plan(bench.question, [], tmp_path, tmp_path, Silent())
    result = investigation.carry_out(planned, Silent(), "whichworker race")
    (arm,) = result.arms
    assert (arm.state, [failure.kind for failure in arm.failures]) == ("failed", ["conformance"])
    assert {"arm-conformance", "conformance-post"} <= {finding.code for finding in result.findings}
    assert result.validity.state == "invalid"


@pytest.mark.servers
def test_an_own_app_with_its_server(tmp_path: Path) -> None:
    bench = faulty_bench([("gunicorn-gthread", ""), ("gunicorn-sync", "status")], tmp_path)
    arms = list(preflight.inspect(bench.question, tmp_path, bench.cache, lambda _: None))
    assert [arm.state for arm in arms] == ["passed", "failed"]
    assert [outcome.case for outcome in arms[0].outcomes] == [
        case.name for case in own_cases(bench.question.workload)
    ]
    assert arms[1].failures[0].kind in ("status", "start")


@pytest.mark.servers
def test_a_wrong_answer_is_a_failure_of_its_case(tmp_path: Path) -> None:
    bench = faulty_bench([("gunicorn-gthread", "")], tmp_path)
    wanted = Request(path="/", answer=Answer(status=200))
    other = Request(path="/other", answer=Answer(status=200, body=b"other"))
    what = msgspec.structs.replace(bench.question.workload, requests=(wanted, other))
    question = changed(bench.question, workload=what)
    (arm,) = preflight.inspect(question, tmp_path, bench.cache, lambda _: None)
    assert arm.state == "failed"
    report = preflight.report(question, [arm], [])
    assert not report.passed
    assert [finding.code for finding in report.findings if finding.severity == "error"] == [
        "conformance-answers"
    ]


STRICT = """
def application(environ, start_response):
    known = environ["HTTP_HOST"] == "shop.example"
    start_response("200 OK" if known else "400 No", [("Content-Length", "2")])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else b"ok"]
"""


@pytest.mark.servers
@pytest.mark.parametrize(("host", "state"), [("shop.example", "passed"), ("localhost", "failed")])
def test_each_check_names_the_site(host: str, state: str, tmp_path: Path) -> None:
    (tmp_path / "strict.py").write_text(STRICT)
    bench = faulty_bench([("gunicorn-gthread", "")], tmp_path)
    label = next(iter(bench.question.apps))
    app = msgspec.structs.replace(
        bench.question.app, directory=str(tmp_path), wsgi="strict:application", host=host
    )
    request = Request(path="/", answer=Answer(status=200, body=b"ok"))
    what = msgspec.structs.replace(bench.question.workload, requests=(request,))
    question = changed(bench.question, apps={label: app}, workload=what)
    (arm,) = preflight.inspect(question, tmp_path, bench.cache, lambda _: None)
    assert arm.state == state
    assert [outcome.state for outcome in arm.outcomes] == ["passed"] * len(arm.outcomes)
