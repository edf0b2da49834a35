"""The setup that a project's own files start, among the arms of a race."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker import redaction
from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.model import Arm, codes
from whichworker.question import preview
from whichworker.question.ask import ask, discover
from whichworker.question.stages import Discovered

APP = "def application(environ, start_response):\n    raise AssertionError\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    place = tmp_path / "shop"
    place.mkdir()
    (place / "wsgi.py").write_text(APP)
    return place


def found_in(folder: Path, servers: str = "", **files: str) -> Discovered:
    for name, text in files.items():
        (folder / name).write_text(text)
    options = RaceOptions(servers=servers, url=("/",))
    return discover(ask(None, options, folder, folder.parent / "cache"))


def today(found: Discovered) -> Arm | None:
    return next((arm for arm in found.arms if arm.today), None)


def said(found: Discovered) -> str:
    return "".join(one.text for one in found.findings if one.code == codes.DEPLOYED_TODAY.name)


def test_a_setup_of_its_own_joins_the_usual_ones(shop: Path) -> None:
    found = found_in(shop, Procfile="web: gunicorn -w 7 --threads 3 --keep-alive 9 wsgi")
    arm = today(found)
    assert arm is not None
    assert (arm.name, arm.today) == ("gunicorn-gthread[workers=7,threads=3]", "Procfile")
    assert arm.settings == {"workers": 7, "threads": 3}
    assert "gunicorn-gthread" in [one.name for one in found.arms]
    assert "Not raced: --keep-alive 9" in said(found)


def test_a_usual_setup_is_marked_and_not_raced_twice(shop: Path) -> None:
    found = found_in(shop, Procfile="web: waitress-serve --threads 4 wsgi:application")
    assert [one.name for one in found.arms if one.today] == ["waitress"]
    assert len({one.name for one in found.arms}) == len(found.arms)


def test_the_file_of_the_server_counts_and_the_command_more(shop: Path) -> None:
    conf = "wsgi_app = 'wsgi:application'\nworkers = 2 * 3\nworker_class = 'gevent'\n"
    (shop / "gunicorn.conf.py").write_text(conf)
    arm = today(found_in(shop))
    assert arm is not None
    assert (arm.name, arm.today) == ("gunicorn-gevent[workers=6]", "gunicorn.conf.py")
    arm = today(found_in(shop, Procfile="web: gunicorn -w 5 wsgi"))
    assert arm is not None
    assert (arm.name, arm.today) == ("gunicorn-gevent[workers=5]", "Procfile")


def test_a_file_of_uwsgi_is_read(shop: Path) -> None:
    (shop / "uwsgi.ini").write_text(
        "[uwsgi]\nmodule = wsgi:application\nprocesses = 3\nthreads = 2\nmaster\n"
    )
    arm = today(found_in(shop))
    assert arm is not None
    assert (arm.name, arm.today) == ("uwsgi[workers=3,threads=2]", "uwsgi.ini")


@pytest.mark.parametrize(
    ("line", "why"),
    (
        ("uvicorn wsgi:application", "it needs ASGI, which the app lacks"),
        ("gunicorn -k own.Worker wsgi", "its worker class own.Worker is not one of gunicorn's own"),
        ("gunicorn -w 0 wsgi", "workers must be a whole number of at least 1"),
    ),
)
def test_a_server_that_cannot_be_raced_is_said(shop: Path, line: str, why: str) -> None:
    found = found_in(shop, Procfile=f"web: {line}")
    assert today(found) is None
    assert why in said(found)
    (finding,) = (one for one in found.findings if one.code == codes.DEPLOYED_TODAY.name)
    assert "whichworker servers" in finding.hint


def test_another_app_s_server_is_not_today_s(shop: Path) -> None:
    found = found_in(shop, Procfile="web: gunicorn tickets.wsgi:application")
    assert today(found) is None
    assert said(found) == ""


def test_a_longer_name_of_the_same_module_is_this_app(shop: Path) -> None:
    (shop.parent / "compose.yaml").write_text(
        "services: {web: {command: gunicorn shop.wsgi -w 2}, other: {command: gunicorn x.wsgi}}"
    )
    options = RaceOptions(url=("/",))
    arm = today(discover(ask(None, options, shop.parent, shop.parent / "cache")))
    assert arm is not None
    assert (arm.name, arm.today) == ("gunicorn-sync[workers=2]", "compose.yaml")


def test_a_secret_of_a_deployment_file_is_not_quoted(shop: Path) -> None:
    (shop / "Dockerfile").write_text(
        "ENV API_TOKEN=s3cr3t-of-the-shop\n"
        "CMD gunicorn -w 7 --env API_KEY=an0ther-of-the-shop --name $API_TOKEN wsgi\n"
    )
    found = found_in(shop)
    (finding,) = (one for one in found.findings if one.code == codes.DEPLOYED_TODAY.name)
    assert "gunicorn -w 7" in finding.evidence
    shown = redaction.clean(finding.evidence)
    assert "s3cr3t-of-the-shop" not in shown and "an0ther-of-the-shop" not in shown


def test_chosen_servers_are_raced_alone_unless_today_is_one_of_them(shop: Path) -> None:
    line = "web: gunicorn -w 7 wsgi"
    assert [arm.name for arm in found_in(shop, "waitress", Procfile=line).arms] == ["waitress"]
    both = found_in(shop, "waitress,today").arms
    assert [arm.name for arm in both] == ["gunicorn-sync[workers=7]", "waitress"]
    assert [arm.name for arm in found_in(shop, "today").arms] == ["gunicorn-sync[workers=7]"]
    (shop / "Procfile").unlink()
    with pytest.raises(UsageError, match="no file of the project starts a server") as caught:
        found_in(shop, "today")
    assert "Procfile" in str(caught.value.hint)


def test_show_app_has_it_with_its_file(shop: Path) -> None:
    (shop / "Dockerfile").write_text('CMD ["gunicorn", "-w", "7", "wsgi:application"]\n')
    found = preview.facts(None, RaceOptions(), shop, shop.parent / "cache").facts["today"]
    assert (found.value, found.origin) == ("gunicorn-sync[workers=7]", "Dockerfile")


@pytest.mark.parametrize(("path", "is_today"), (("api.py", True), ("old/api.py", False)))
def test_the_file_that_fastapi_runs_is_the_app(path: str, is_today: bool, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    text = "async def app(scope, receive, send):\n    raise AssertionError\n"
    for name in ("api.py", "old.py"):
        (shop / name).write_text(text)
    (shop / "Dockerfile").write_text(f'CMD ["fastapi", "run", "--workers", "3", "{path}"]\n')
    options = RaceOptions(url=("/",))
    found = today(discover(ask("api:app", options, shop, tmp_path / "cache")))
    assert (found is not None) is is_today
    if found is not None:
        assert found.settings["workers"] == 3
