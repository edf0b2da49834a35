"""Two versions of an app in git, by a user's commands and with real servers."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.test_own_app import run
from tests.versus.test_revisions import git

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]

APP = '''"""A page that takes as long as its loop."""

WORK = {work}


def application(environ, start_response):
    total = sum(range(WORK))
    body = b"{body}"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
'''
TWO_PYTHONS = ("--python", "3.11", "--python", "3.12")
COMMON = ("--servers", "gthread", "--url", "/", "--seed", "5")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An app in git: `fast`, then `slow`, which works twice as much, then `reworded`."""
    place = tmp_path / "shop"
    place.mkdir()
    git(place, "init", "--quiet", "--initial-branch", "main")
    for name, work, body in (
        ("fast", 20_000, "x"),
        ("slow", 40_000, "x"),
        ("reworded", 40_000, "y"),
    ):
        (place / "wsgi.py").write_text(APP.format(work=work, body=body))
        git(place, "add", ".")
        git(place, "commit", "--quiet", "-m", name)
        git(place, "tag", name)
    return place


@pytest.mark.alone
def test_a_gate_finds_a_version_that_became_slower(shop: Path, tmp_path: Path) -> None:
    before = sorted(path for path in shop.rglob("*") if ".git" not in path.parts)
    junit, summary = tmp_path / "gate.xml", tmp_path / "summary.md"
    told = ("--against", "fast", "--time", "60s", "--json", "-", "--junit", str(junit))
    done = run(
        shop, "gate", *told, *COMMON, GITHUB_STEP_SUMMARY=str(summary), GITHUB_ACTIONS="true"
    )
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert result["kind"] == "gate"
    assert [side["name"] for side in result["sides"]] == ["fast", "the folder"]
    assert result["sides"][0]["commit"] == git(shop, "rev-parse", "fast").strip()
    speed = result["measures"][0]
    assert speed["high"] < 0.95
    assert result["checks"][0]["outcome"] == "failed"
    assert "responses-changed" in [one["code"] for one in result["findings"]]
    assert ElementTree.parse(junit).getroot().get("failures") in ("1", "2")
    assert summary.read_text().startswith("## gate: failed")
    assert "::error title=whichworker gate::" in done.stderr
    after = sorted(path for path in shop.rglob("*") if ".git" not in path.parts)
    assert after == before, "nothing is written into the project"
    assert git(shop, "status", "--porcelain") == ""


@pytest.mark.alone
def test_a_gate_passes_if_nothing_became_slower(shop: Path) -> None:
    done = run(shop, "gate", "--against", "slow", "--time", "80s", *COMMON)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "PASSED" in done.stdout
    assert "the folder" in done.stdout


def test_too_little_time_is_no_pass(shop: Path) -> None:
    done = run(shop, "gate", "--against", "slow", "--time", "3s", *COMMON)
    assert done.returncode == 3, done.stderr + done.stdout
    assert "NOT DECIDED" in done.stdout


@pytest.mark.alone
def test_two_setups_are_compared(shop: Path) -> None:
    servers = ("--servers", "gthread,gthread[threads=8]")
    done = run(shop, "versus", *servers, "--url", "/", "--time", "90s", "--precision", "10%")
    assert done.returncode == 0, done.stderr
    assert "gthread[threads=8] does" in done.stdout
    assert "ratio: gunicorn-gthread[threads=8] over gunicorn-gthread" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gate", "--against", "nowhere"), "no commit, branch or tag is called 'nowhere'"),
        (("versus", "--servers", "gthread"), "a comparison has two sides, not 1"),
        (("versus", "--app-at", "fast", "--servers", "gthread,waitress"), "on one setup, not on 2"),
        (("versus", "builtin:django", "--app-at", "fast"), "one version only"),
        (("gate", "--max-loss", "0"), "not a share"),
        (("versus", "--releases", "3"), "one server and one interpreter"),
        (
            ("versus", "--releases", "3", "--servers", "waitress", *TWO_PYTHONS),
            "one server and one interpreter",
        ),
        (("versus", "--releases", "1", "--servers", "waitress"), "--releases must be 2 to 12"),
        (("versus", "--releases", "3", "--app-at", "fast"), "does not go with --app-at"),
    ],
)
def test_what_cannot_be_compared_says_why(shop: Path, words: tuple[str, ...], said: str) -> None:
    done = run(shop, *words, "--url", "/")
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "hint:" in done.stderr


def test_the_plan_of_a_comparison_starts_nothing(shop: Path) -> None:
    done = run(shop, "versus", "--app-at", "fast", "--app-at", "slow", "--dry-run", *COMMON)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "gunicorn-gthread" in done.stderr


def test_an_app_without_a_repository_has_no_other_version(tmp_path: Path) -> None:
    place = tmp_path / "shop"
    place.mkdir()
    (place / "wsgi.py").write_text(APP.format(work=1, body="x"))
    environment = {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    done = run(place, "gate", "--url", "/", **environment)
    assert done.returncode == 2
    assert "in no git repository" in done.stderr
