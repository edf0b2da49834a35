"""Sessions that are raced: their steps from a load file, and the correct response to each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import changed
from tests.question.test_reference import LOGIN, learnt, question_of

from whichworker import redaction
from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.model import App, Permits, Workload
from whichworker.question.own import permits_of, workload_of
from whichworker.question.raced import settled, single

APP = App(name="shop", directory="/srv/shop", python="python3", wsgi="shop:app")
SHOP = """
[[session]]
name = "buys"
weight = 2
[[session.step]]
path = "/cart"
think_time = "2s"
[[session.step]]
path = "/cart"
json = { item = "a-long-item", password = "s3cret-of-bob" }
expect = "status=201"
[[session]]
[[session.step]]
name = "start"
path = "/"
"""


def raced(here: Path, text: str = SHOP, **more: Any) -> tuple[Workload, str]:
    (here / "shop.toml").write_text(text)
    options = RaceOptions(**{"request_file": "shop.toml", "sessions": "race"} | more)
    assert permits_of(options, here).session is None, "no session logs in before the race"
    workload, (finding,) = workload_of(options, APP, None, here)
    assert finding.code == "sessions-raced"
    return workload, finding.text


def test_each_step_has_a_name_of_its_own_and_no_think_time(tmp_path: Path) -> None:
    workload, text = raced(tmp_path)
    assert workload.requests == ()
    assert [one.title for one in workload.every] == [
        "buys, step 1: GET /cart",
        "buys, step 2: POST /cart",
        "session 2, step 1: start",
    ]
    assert [one.answer.status for one in workload.every] == [200, 201, 200]
    assert not any(step.think_seconds for one in workload.sessions for step in one.steps)
    assert "buys (2 requests) and session 2 (1 request) of shop.toml with the epoll engine" in text
    assert "think times are left out" in text
    assert workload.requests_per_session == pytest.approx(5 / 3)
    assert (workload.name, workload.learn) == ("2 sessions", "named")


def test_a_header_is_sent_with_each_step_and_a_password_is_a_secret(tmp_path: Path) -> None:
    workload, _ = raced(tmp_path, header=("X-Shop: red", "Host: shop.example"))
    assert [dict(one.headers).get("X-Shop") for one in workload.every] == ["red"] * 3
    assert workload.is_secret
    assert b"s3cret-of-bob" not in redaction.encode(workload)
    assert b"a-long-item" in workload.every[1].body
    assert redaction.clean("a-long-item") == "a-long-item"


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"request_file": ""}, "needs the sessions of a load file"),
        ({"login": "/login/ a=b"}, "--login has no use"),
        ({"expect": ("status=200",)}, "--expect has no use"),
        ({"slo": "p99<1s"}, "a capacity of sessions is not measured"),
    ],
)
def test_options_without_a_meaning_are_refused(
    options: dict[str, Any], fact: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=fact):
        raced(tmp_path, **options)


def test_a_file_without_a_session_has_nothing_to_race(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no session to race"):
        raced(tmp_path, '[[request]]\npath = "/"\n')


def test_learnt_responses_return_to_their_steps(tmp_path: Path) -> None:
    workload, _ = raced(tmp_path)
    question = changed(question_of(), workload=workload)
    flat = single(question).workload
    assert (flat.requests, flat.sessions) == (workload.every, ())
    found = settled(workload, flat)
    assert found.sessions == workload.sessions
    assert found.digested.sessions[0].steps[1].request.body == workload.every[1].body


@pytest.mark.servers
def test_each_step_has_its_learnt_response(tmp_path: Path) -> None:
    workload, _ = raced(tmp_path, LOGIN.replace("NAME", "ann"))
    question = changed(question_of("private"), workload=workload)
    with pytest.raises(UsageError, match="step 2: POST /login may write: nothing was started"):
        learnt(question, tmp_path)
    found = learnt(question, tmp_path, Permits(writes=True)).subject.workload
    assert not found.learn
    form, login, page = found.every
    assert (form.answer.status, login.answer.status) == (200, 302)
    assert (page.answer.status, page.answer.body) == (200, b"private /orders")
    assert not any("Cookie" in dict(one.headers) for one in found.every)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (("NAME", "bob"), "failed at session 1, step 2: POST /login: .*400"),
        (("token=(.+)", "no=(.+)"), "step 1: GET /login: token: nothing that matches"),
    ],
)
def test_a_session_that_fails_alone_is_not_raced(
    change: tuple[str, str], fact: str, tmp_path: Path
) -> None:
    workload, _ = raced(tmp_path, LOGIN.replace(*change))
    question = changed(question_of("private"), workload=workload)
    with pytest.raises(UsageError, match=fact):
        learnt(question, tmp_path, Permits(writes=True))
