"""The reference run on pages that live, that refuse many requests, or that depend on the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PROJECTS, discovered

from whichworker.environments.interpreters import inspect, own_base
from whichworker.errors import UsageError
from whichworker.load.framing import ResponseParser
from whichworker.load.http1 import Response, judge_answer
from whichworker.model import Answer, App, Question, Request, Subject, Workload
from whichworker.question import alone
from whichworker.question.ask import budget_of
from whichworker.question.reference import learn
from whichworker.question.stages import Learnt

pytestmark = pytest.mark.servers
HEAD = "<html><head><title>The newest articles of the shop</title></head><body>"
TAIL = "<p>Ask for a lower price</p></body></html>"


def learnt(
    lives: str,
    folder: Path,
    path: str = "/",
    note: Callable[[str], None] = lambda _: None,
    **app: Any,
) -> Learnt:
    python = own_base()
    own = App(
        name="living",
        directory=str(PROJECTS),
        python=python,
        environment={"LIVES": lives},
        **({"wsgi": "living:application"} | app),
    )
    request = Request(path=path, answer=Answer(status=None))
    question = Question(
        subject=Subject(
            apps={inspect(python).short_version: own},
            workload=Workload(name="own", title="own", requests=(request,), learn="named"),
        ),
        arms=(),
        budget=budget_of(20.0),
    )
    return learn(discovered(question), folder, note)


def page(line: str, kind: str = "text/html") -> Response:
    body = f"{HEAD}{line}{TAIL}"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    found = ResponseParser("GET").feed((head + body).encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lives", "later"),
    [
        ("ago", "<p>offered by Ann 3 days ago</p>"),
        ("clock", "<p>served at 03:59</p>"),
        ("nonce", "<script nonce='0'></script><p>id 1</p>"),
        ("padding", "<!-- x -->"),
        ("started", "<p>up since 5.0</p>"),
    ],
)
def test_what_changes_is_not_compared_and_the_rest_is(
    lives: str, later: str, tmp_path: Path
) -> None:
    found = learnt(lives, tmp_path)
    (finding,) = found.findings
    assert finding.code == "answer-masked"
    assert " became " in finding.evidence
    answer = found.subject.workload.requests[0].answer
    assert judge_answer(answer, page(later)) is None
    wrong = page(later).body.replace(b"lower", b"higher")
    assert any(part not in wrong for part in answer.contains)


def test_the_order_of_a_set_does_not_matter(tmp_path: Path) -> None:
    answer = learnt("set", tmp_path).subject.workload.requests[0].answer
    tags = ("lamps in green", "kettles with a dent", "chairs for two", "second-hand bicycles")
    if answer.body is None:  # every process may have had the same order
        assert judge_answer(answer, page("".join(f"<li>{tag}</li>" for tag in tags))) is None
    assert judge_answer(answer, page("")) is not None


@pytest.mark.parametrize("lives", ["", "zipped", "cookie"])
def test_a_page_that_stays_is_compared_as_a_whole(lives: str, tmp_path: Path) -> None:
    found = learnt(lives, tmp_path)
    assert not found.findings
    body = found.subject.workload.requests[0].answer.body
    assert body == page("<p>nothing new</p>").body


@pytest.mark.parametrize(
    ("lives", "fact", "hint"),
    [
        ("throttled", r"after \d+ requests in a row the app limits the rate", "rate limit off"),
        ("robots", r"after \d+ requests .* for a robot's \(status 403\)", "check for robots off"),
        ("expired", r"after \d+ requests .* new login \(status 302\)", "longer than the race"),
    ],
)
def test_a_limit_that_a_few_requests_do_not_reach(
    lives: str, fact: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=fact) as caught:
        learnt(lives, tmp_path)
    assert hint in caught.value.hint


@pytest.mark.parametrize("header", ["X-Forwarded-Proto", "x-forwarded-proto"])
def test_a_page_behind_a_proxy_is_the_page(header: str, tmp_path: Path) -> None:
    found = learnt("secure", tmp_path, headers=((header, "https"),))
    assert found.subject.workload.requests[0].answer.status == 200
    assert not found.findings


def test_a_server_that_changes_the_path_does_not_decide(tmp_path: Path) -> None:
    """waitress drops one of two slashes at the beginning; the app itself gets both."""
    found = learnt("slashes", tmp_path, "//shop")
    assert found.subject.workload.requests[0].answer.status == 200
    (finding,) = found.findings
    assert finding.code == "servers-differ"
    assert (
        "waitress gives another response to GET //shop: expected status 200, got 404"
        in finding.text
    )
    assert "changes the path" in finding.hint


def test_an_asgi_app_is_asked_with_its_lifespan(tmp_path: Path) -> None:
    found = learnt("", tmp_path, "/a%20b?c=d", wsgi=None, asgi="living:asgi")
    body = found.subject.workload.requests[0].answer.body
    assert body == page("<p>nothing new</p>").body + b"<i>http /a b</i>"


def test_a_clock_that_was_not_built_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "CLOCK", "nothing of this name")
    notes: list[str] = []
    assert learnt("", tmp_path, note=notes.append).subject.workload.requests
    (gap,) = (note for note in notes if "does without" in note)
    assert gap.endswith("the app alone, at another time: its clock was not built")
