"""The reference run, on an app that has one thing wrong with it at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from tests.conftest import PROJECTS, changed, discovered

from whichworker import redaction
from whichworker.config.options import RaceOptions
from whichworker.environments.interpreters import inspect, own_base
from whichworker.errors import UsageError
from whichworker.model import Answer, App, Permits, Question, Request, Subject, Workload
from whichworker.question.ask import budget_of
from whichworker.question.own import permits_of
from whichworker.question.reference import learn
from whichworker.question.stages import Learnt

pytestmark = pytest.mark.servers


def question_of(wrong: str = "", *paths: str, learning: Any = "named", **app: Any) -> Question:
    python = own_base()
    requests = tuple(
        Request(path=path, answer=Answer(status=None)) for path in paths or ("/a", "/b")
    )
    return Question(
        subject=Subject(
            apps={
                inspect(python).short_version: App(
                    name="own",
                    directory=str(PROJECTS),
                    python=python,
                    wsgi="own:application",
                    environment={"WRONG": wrong},
                    **app,
                )
            },
            workload=Workload(name="own", title="own", requests=requests, learn=learning),
        ),
        arms=(),
        budget=budget_of(20.0),
    )


def learnt(question: Question, folder: Path, permits: Permits | None = None) -> Learnt:
    return learn(discovered(question, permits), folder, lambda _: None)


def test_answers_are_learnt_whole(tmp_path: Path) -> None:
    question = question_of()
    found = learnt(question, tmp_path)
    assert [one.answer.body for one in found.subject.workload.requests] == [
        b"<p>/a</p>",
        b"<p>/b</p>",
    ]
    assert not found.findings
    assert not found.subject.workload.learn
    again = learnt(changed(question, workload=found.subject.workload), tmp_path)
    assert again.subject.workload is found.subject.workload, "what is known is not asked again"


def test_what_changes_is_masked_and_told(tmp_path: Path) -> None:
    found = learnt(question_of("volatile"), tmp_path)
    (first, _) = found.subject.workload.requests
    assert first.answer.body is None
    assert any(b"long enough" in part for part in first.answer.contains)
    assert [finding.code for finding in found.findings] == ["answer-masked", "answer-masked"]


def test_a_path_that_was_named_and_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the app itself returns 404"):
        learnt(question_of("missing", "/", "/gone"), tmp_path)


def test_a_route_that_was_found_and_is_missing_is_left_out(tmp_path: Path) -> None:
    found = learnt(question_of("missing", "/", "/gone", learning="routes"), tmp_path)
    assert [one.path for one in found.subject.workload.requests] == ["/"]
    assert [finding.code for finding in found.findings] == ["routes-found", "requests-left-out"]


def test_without_any_route_that_answers(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of the app's own routes") as caught:
        learnt(question_of("missing", "/gone", "/lost", learning="routes"), tmp_path)
    assert "/gone" in caught.value.seen


def test_recorded_requests_are_no_routes(tmp_path: Path) -> None:
    found = learnt(question_of("missing", "/", "/gone", learning="recorded"), tmp_path)
    assert [finding.code for finding in found.findings] == ["requests-left-out"]
    with pytest.raises(UsageError, match="none of the recorded requests can be raced") as caught:
        learnt(question_of("missing", "/gone", learning="recorded"), tmp_path)
    assert "a proxy may add a prefix" in caught.value.hint


def test_an_app_that_connects_elsewhere_is_stopped_and_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"connect to 192\.0\.2\.1:9") as caught:
        learnt(question_of("outbound"), tmp_path)
    assert "--allow-outbound" in caught.value.hint
    assert learnt(
        question_of("outbound"), tmp_path, Permits(outbound=True)
    ).subject.workload.requests


def test_a_database_that_changes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "db.sqlite3"
    file.write_bytes(b"before")
    question = question_of("writes", database_files=(str(file),))
    label = next(iter(question.apps))
    told = msgspec.structs.replace(question.app, environment={"WRONG": "writes", "FILE": str(file)})
    question = changed(question, apps={label: told})
    with pytest.raises(UsageError, match=r"changed .*db\.sqlite3"):
        learnt(question, tmp_path)
    assert learnt(question, tmp_path, Permits(writes=True)).subject.workload.requests


@pytest.mark.parametrize("uri", [False, True])
def test_a_database_that_only_the_app_knows_is_watched(uri: bool, tmp_path: Path) -> None:
    """By sqlite3 itself, as Flask's tutorial does it: no setting says where the file is."""
    file = tmp_path / "shop data.db"

    def asked(wrong: str) -> Question:
        question = question_of(wrong)
        place = f"file:{quote(str(file))}?mode=rwc" if uri else str(file)
        environment = {"WRONG": wrong, "FILE": place}
        told = msgspec.structs.replace(question.app, environment=environment)
        return changed(question, apps={next(iter(question.apps)): told})

    learnt(asked("visits"), tmp_path)  # what the app makes for itself is nobody's data
    assert file.stat().st_size
    assert learnt(asked("reads"), tmp_path).subject.workload.requests
    with pytest.raises(UsageError, match=r"changed .*shop data\.db"):
        learnt(asked("visits"), tmp_path)
    assert learnt(asked("visits"), tmp_path, Permits(writes=True)).subject.workload.requests


def test_what_may_write_is_not_sent_without_leave(tmp_path: Path) -> None:
    question = question_of()
    asked = msgspec.structs.replace(
        question.workload, requests=(Request(method="POST", path="/a"),)
    )
    with pytest.raises(UsageError, match="may write: nothing was started"):
        learnt(changed(question, workload=asked), tmp_path)


def test_an_app_that_does_not_start(tmp_path: Path) -> None:
    question = question_of()
    broken = msgspec.structs.replace(question.app, wsgi="own:nothing")
    with pytest.raises(UsageError, match="does not start") as caught:
        learnt(changed(question, apps={next(iter(question.apps)): broken}), tmp_path)
    assert "AttributeError" in caught.value.seen


def test_a_redirect_is_raced_and_said(tmp_path: Path) -> None:
    found = learnt(question_of("moved"), tmp_path)
    (said,) = [finding for finding in found.findings if finding.code == "redirect-raced"]
    assert "GET /a redirects to http://localhost/b?c=d (status 302)" in said.text
    assert "--url /b" in said.hint
    assert [request.answer.status for request in found.subject.workload.requests] == [302, 200]


def test_of_the_apps_own_routes_no_redirect_is_raced(tmp_path: Path) -> None:
    question = question_of("moved", learning="routes")
    told = msgspec.structs.replace(question.workload, title="GET /a, GET /b, its routes")
    found = learnt(changed(question, workload=told), tmp_path)
    workload = found.subject.workload
    assert [request.path for request in workload.requests] == ["/b"]
    assert (workload.name, workload.title) == ("/b", "GET /b, its routes")
    (said,) = [finding for finding in found.findings if finding.code == "requests-left-out"]
    assert said.evidence == "/a: it redirects to http://localhost/b?c=d"


def test_redirects_are_raced_if_no_route_returns_a_page(tmp_path: Path) -> None:
    found = learnt(question_of("moved", "/a", learning="routes"), tmp_path)
    assert [request.answer.status for request in found.subject.workload.requests] == [302]
    assert [one.code for one in found.findings] == ["routes-found", "redirect-raced"]


def test_routes_behind_a_login_name_it_as_the_cure(tmp_path: Path) -> None:
    found = learnt(question_of("private", "/login", "/", "/a", learning="routes"), tmp_path)
    (said,) = [finding for finding in found.findings if finding.code == "requests-left-out"]
    assert said.text == "2 requests are left out because of their responses"
    assert "--login" in said.hint


LOGIN = """
[[session]]
[[session.step]]
path = "/login"
capture = { token = "regex:token=(.+)" }
[[session.step]]
path = "/login"
form = { token = "${token}", name = "NAME" }
expect = "status=302"
[[session.step]]
path = "/orders"
"""


@pytest.mark.parametrize(("name", "fact"), [("ann", ""), ("bob", "failed at POST /login: .*400")])
def test_a_session_is_carried_out_once_and_what_it_reads_is_asked_with_its_cookies(
    name: str, fact: str, tmp_path: Path
) -> None:
    file = tmp_path / "login.toml"
    file.write_text(LOGIN.replace("NAME", name))
    question = question_of("private", "/orders")
    permits = permits_of(RaceOptions(request_file=str(file), allow_writes=True), tmp_path)
    if fact:
        with pytest.raises(UsageError, match=fact):
            learnt(question, tmp_path, permits)
        return
    (request,) = learnt(question, tmp_path, permits).subject.workload.requests
    assert (request.answer.status, request.answer.body) == (200, b"private /orders")
    assert dict(request.headers)["Cookie"] == "who=ann-s-own-s3cret"
    assert "s3cret" not in redaction.clean("who=ann-s-own-s3cret")


def test_a_session_that_sends_something_is_not_carried_out_without_leave(tmp_path: Path) -> None:
    file = tmp_path / "login.toml"
    file.write_text(LOGIN)
    with pytest.raises(UsageError, match="POST /login may write"):
        learnt(
            question_of("private", "/orders"),
            tmp_path,
            permits_of(RaceOptions(request_file=str(file)), tmp_path),
        )


@pytest.mark.parametrize(
    ("login", "header"),
    [
        ("POST /token username=ann password=$PW -> bearer", "Bearer bearer-s3cret"),
        ("/json json username=ann password=$PW -> bearer access_token", "Bearer bearer-s3cret"),
        ("POST /json json username=ann password=$PW -> X-Jwt: user.jwt", "j.w.t-s3cret"),
    ],
)
def test_a_token_of_a_login_is_sent_with_each_request_and_is_a_secret(
    login: str, header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "l0ng word")
    permits = permits_of(RaceOptions(login=login, allow_writes=True), tmp_path)
    found = learnt(question_of("token", "/orders"), tmp_path, permits)
    (request,) = found.subject.workload.requests
    assert (request.answer.status, request.answer.body) == (200, b'{"path": "/orders"}')
    assert dict(request.headers).popitem()[1] == header
    assert b"s3cret" not in redaction.encode(found.subject)


def test_who_has_logged_in_is_not_told_to_log_in(tmp_path: Path) -> None:
    login = "POST /token username=ann password='l0ng word' -> bearer"
    permits = permits_of(RaceOptions(login=login, allow_writes=True), tmp_path)
    found = learnt(question_of("token", "/orders", "/token", learning="routes"), tmp_path, permits)
    (said,) = [finding for finding in found.findings if finding.code == "requests-left-out"]
    assert "/token: the app wants a login" in said.evidence
    assert "--login" not in said.hint and "--url" in said.hint


JSON = "POST /json json username=ann password='l0ng word'"


@pytest.mark.parametrize(
    ("login", "fact"),
    [
        ("POST /token username=bob password=x -> bearer", "status 401, .*no such user"),
        (
            f"{JSON} -> bearer jwt",
            "user.jwt, access_token",
        ),
        (
            f"{JSON}",
            "no cookie .* JSON with user, user.name",
        ),
    ],
)
def test_a_login_without_a_token_says_what_came_back(login: str, fact: str, tmp_path: Path) -> None:
    permits = permits_of(RaceOptions(login=login, allow_writes=True), tmp_path)
    with pytest.raises(UsageError, match=fact) as caught:
        learnt(question_of("token", "/orders"), tmp_path, permits)
    assert "->" in caught.value.hint
    assert "s3cret" not in caught.value.fact


def test_an_api_that_wants_a_token_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wants a login") as caught:
        learnt(question_of("token", "/orders"), tmp_path)
    assert "-> bearer access_token" in caught.value.hint
