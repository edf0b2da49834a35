"""A race of whole sessions of a Django project, by a user's commands: each user logs in once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_own_app import run
from tests.conftest import PROJECTS

from whichworker.environments.installer import run_uv
from whichworker.environments.interpreters import own_base

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]

VISIT = """
[[session]]
name = "member"

[[session.step]]
path = "/login/"
capture = { csrf = 'regex:name="csrfmiddlewaretoken" value="([^"]+)"' }
think_time = "1s"

[[session.step]]
path = "/login/"
form = { csrfmiddlewaretoken = "${csrf}", name = "ann", password = "tops3cret-word" }
expect = "status=302"
capture = { number = "header:X-Number" }

[[session.step]]
path = "/home/${number}/"
expect = "contains=home of ann"

[[session.step]]
path = "/orders/${number}/"
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with Django."""
    place = tmp_path_factory.mktemp("django")
    run_uv(place, "venv", "--quiet", "--no-project", "--python", own_base(), str(place / "venv"))
    found = str(place / "venv/bin/python")
    run_uv(place, "pip", "install", "--quiet", "--python", found, "django<6")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "club"
    place.mkdir()
    (place / "wsgi.py").write_text((PROJECTS / "members.py").read_text())
    (place / "visit.toml").write_text(VISIT)
    return place


def raced(
    folder: Path, python: str, servers: str, *more: str, seconds: int = 14, **variables: str
) -> dict[str, Any]:
    asked = ("--servers", servers, "--python", python, "--request-file", "visit.toml")
    arguments = ("race", *asked, "--sessions", "race", "--time", f"{seconds}s", "--no-search")
    book = str(folder.parent / "book")
    done = run(folder, *arguments, "--allow-writes", *more, "--json", "-", BOOK=book, **variables)
    assert done.returncode in (0, 3), done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def lines_of(folder: Path) -> list[list[str]]:
    return [line.split() for line in (folder.parent / "book").read_text().splitlines()]


def test_each_user_logs_in_once_and_sees_only_their_own_pages(folder: Path, python: str) -> None:
    result = raced(folder, python, "gthread,waitress")
    assert all(arm["state"] != "failed" for arm in result["arms"]), result["arms"]
    (told,) = [one["text"] for one in result["findings"] if one["code"] == "sessions-raced"]
    assert "member (4 requests) of visit.toml" in told
    assert "epoll" in told and "requests/s counts each step; think times are left out" in told
    assert result["question"]["workload"] == "session member"
    assert not result["question"]["resumable"], "the run keeps no password"
    state = (folder.parent / "state").rglob("*")
    assert not [one for one in state if one.is_file() and b"tops3cret" in one.read_bytes()]
    lines = lines_of(folder)
    kinds = Counter(kind for kind, *_ in lines)
    assert not kinds["mixed"], "a cookie reached another user"
    assert set(Counter(number for kind, number in lines if kind == "login").values()) == {1}
    for kind in ("home", "orders"):
        numbers = Counter(number for of, number in lines if of == kind)
        assert set(numbers.values()) == {1}
        assert len(numbers) >= 0.8 * kinds["login"], "sessions are carried out to their ends"
    assert kinds["login"] > 200


@pytest.mark.parametrize(
    ("wrong", "odd", "kind"),
    [("memory", "gunicorn-gthread[workers=4]", "status"), ("unnamed", "cheroot", "capture")],
)
def test_a_logged_out_page_and_a_missing_value_put_an_arm_out(
    wrong: str, odd: str, kind: str, folder: Path, python: str
) -> None:
    result = raced(folder, python, f"{odd},waitress", seconds=20, WRONG=wrong)
    arms = {arm["name"]: arm for arm in result["arms"]}
    assert arms[odd]["state"] == "failed"
    assert [failure["kind"] for failure in arms[odd]["failures"]] == [kind]
    assert arms["waitress"]["state"] != "failed"
    assert not [line for line in lines_of(folder) if line[0] == "mixed"]


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        (("([^", "(no-such-[^"), ("--allow-writes",), "csrf: nothing that matches"),
        (("of ann", "of bob"), ("--allow-writes",), "failed at member, step 3: GET /home/"),
        (("", ""), (), "member, step 2: POST /login/ may write: nothing was started"),
        (("", ""), ("--allow-writes", "--slo", "p99<1s"), "a capacity of sessions"),
        (("", ""), ("--login", "/login/ a=b"), "--login has no use with --sessions race"),
        (("session", "request"), (), "unknown key"),
    ],
)
def test_sessions_that_cannot_be_raced_say_why(
    change: tuple[str, str], arguments: tuple[str, ...], said: str, folder: Path, python: str
) -> None:
    (folder / "visit.toml").write_text(VISIT.replace(*change) if change[0] else VISIT)
    asked = ("--servers", "waitress", "--python", python, "--request-file", "visit.toml")
    book = str(folder.parent / "book")
    done = run(folder, "race", *asked, "--sessions", "race", *arguments, BOOK=book)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert "hint:" in done.stderr
