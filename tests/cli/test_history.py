"""The commands about kept runs, as a user calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.test_own_app import run
from tests.history.test_history import speeds, written

from whichworker.model import Terms


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHICHWORKER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("WHICHWORKER_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "shop"
    place.mkdir()
    written(place, "20260101-120000-aaaa")
    written(place, "20260102-120000-bbbb")
    return place


def test_runs_are_listed_newest_first(shop: Path) -> None:
    done = run(shop, "list")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("2026")]
    assert [line.split()[0] for line in lines] == ["20260102-120000-bbbb", "20260101-120000-aaaa"]
    assert "granian-wsgi" in done.stdout
    done = run(shop, "list", "--last", "1", "--json", "-")
    assert [one["id"] for one in json.loads(done.stdout)] == ["20260102-120000-bbbb"]
    elsewhere = shop.parent / "blog"
    elsewhere.mkdir()
    assert "no run of this folder" in run(elsewhere, "list").stdout
    assert "20260101-120000-aaaa" in run(elsewhere, "list", "--all").stdout


def test_a_kept_run_is_shown_and_opened(shop: Path) -> None:
    shown = run(shop, "show", "run", "20260101-120000-aaaa", "--json", "-")
    assert json.loads(shown.stdout)["run"]["id"] == "20260101-120000-aaaa"
    assert "granian-wsgi" in run(shop, "show", "run").stdout
    opened = run(shop, "open", "--no-browser")
    assert opened.returncode == 0, opened.stderr
    report = Path(opened.stdout.strip())
    assert report.parent.name == "20260102-120000-bbbb"
    assert report.read_text().startswith("<!DOCTYPE html>")
    assert not list(shop.rglob("*")), "nothing is written into the project"


def test_a_kept_gate_is_shown_as_one(shop: Path) -> None:
    terms = Terms(seed=3, claims="all", most_loss=0.05)
    gate, rate = ("gthread", "waitress"), speeds(waitress=0.5)
    written(shop, "20260103-120000-cccc", servers=gate, rate=rate, terms=terms)
    done = run(shop, "show", "run")
    assert done.returncode == 0, done.stderr
    assert "FAILED" in done.stdout
    assert json.loads(run(shop, "show", "run", "--json", "-").stdout)["kind"] == "gate"
    wrong = run(shop, "show", "run", "--csv", "x.csv")
    assert (wrong.returncode, "has no --html" in wrong.stderr) == (2, True)
    opened = run(shop, "open")
    assert "is a gate, not a race" in opened.stderr
    advised = run(shop, "advise")
    assert "granian-wsgi" in advised.stdout, "the latest race, not the gate"


def test_two_kept_runs_are_compared(shop: Path) -> None:
    done = run(shop, "compare", "20260101-120000-aaaa", "latest")
    assert done.returncode == 0, done.stderr
    assert "vs granian-wsgi" in done.stdout
    assert "Requests/s of two runs are not compared" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("open", "nothing"), "there is no run 'nothing'"),
        (("show", "run", "nothing"), "there is no run 'nothing'"),
        (("compare", "latest", "nothing"), "there is no run 'nothing'"),
        (("list", "--last", "0"), "--last must be a whole number"),
    ],
)
def test_wrong_words_say_what_is_right(words: tuple[str, ...], said: str, shop: Path) -> None:
    done = run(shop, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hint:" in done.stderr


def test_a_state_folder_that_is_gone_is_no_error(shop: Path) -> None:
    shutil.rmtree(shop.parent / "state")
    done = run(shop, "list")
    assert (done.returncode, done.stderr) == (0, "")
