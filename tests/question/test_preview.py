"""The requests of a race and the facts about an app, before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.question import preview

APP = """
import pathlib

pathlib.Path("imported").touch()


def application(environ, start_response):
    raise AssertionError("nothing is requested")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "shop"
    place.mkdir()
    (place / "wsgi.py").write_text(APP)
    (place / "load.toml").write_text(
        '[[request]]\npath = "/a"\nweight = 3\n[[request]]\nmethod = "DELETE"\npath = "/b"\n'
    )
    return place


def requests(
    folder: Path, named: str | None = None, **options: object
) -> preview.PreviewedRequests:
    asked = RaceOptions(**options)  # type: ignore[arg-type]
    return preview.requests(named, asked, folder, folder.parent / "cache")


def test_named_requests_import_nothing(folder: Path) -> None:
    found = requests(folder, url=("/a", "2:/b"), header=("Accept: text/html",))
    assert [(one.title, one.weight) for one in found.requests] == [("GET /a", 1), ("GET /b", 2)]
    assert {one.headers for one in found.requests} == {(("Accept", "text/html"),)}
    assert (found.source, found.left_out, found.unsafe) == ("--url", "", ())
    assert [one.path for one in requests(folder, workload="/w").requests] == ["/w"]
    assert not (folder / "imported").exists()


def test_what_a_race_would_refuse_is_marked(folder: Path) -> None:
    found = requests(folder, request_file="load.toml")
    assert [one.title for one in found.unsafe] == ["DELETE /b"]
    assert not requests(folder, request_file="load.toml", allow_writes=True).unsafe


def test_without_a_name_it_is_the_app_s_routes(folder: Path) -> None:
    found = requests(folder)
    assert [one.title for one in found.requests] == ["GET /"]
    assert found.source == "routes of the app"
    assert (folder / "imported").exists()


@pytest.mark.parametrize("named", ["builtin:fastapi", "builtin:django@5.2", None])
def test_a_built_in_app_is_known_without_its_environment(named: str | None, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = requests(tmp_path / "empty", named, workload="query-json")
    assert [one.path for one in found.requests] == ["/query-json?family=owl"]
    assert [one.code for one in found.findings] == ([] if named else ["app-builtin"])
    facts = preview.facts(named, RaceOptions(), tmp_path / "empty", tmp_path / "cache").facts
    assert facts["app"].value == (named or "builtin:django").partition("@")[0]
    assert facts["asgi"].origin == "built in"
    assert not list((tmp_path / "cache").glob("apps/*"))


def test_the_facts_of_an_app_have_origins(folder: Path) -> None:
    asked = RaceOptions(host="shop.test")
    found = preview.facts("wsgi:application", asked, folder, folder.parent / "cache")
    facts = {name: (fact.value, fact.origin) for name, fact in found.facts.items()}
    assert facts["wsgi"] == ("wsgi:application", "named on the command line")
    assert facts["host"] == ("shop.test", "--host")
    assert facts["directory"][0] == str(folder)


@pytest.mark.parametrize(
    ("named", "options"),
    [
        ("builtin:none", {}),
        ("none:app", {}),
        (None, {"workload": "no-such-workload"}),
        (None, {"url": ("/a",), "from_log": "a.log"}),
        (None, {"from_har": "none.har"}),
    ],
)
def test_what_a_race_refuses_is_refused(
    named: str | None, options: dict[str, object], folder: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        requests(folder, named, **options)
    assert caught.value.hint
