"""One import has all facts about an app."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from whichworker.apps.checkup import examine
from whichworker.apps.discover import discover
from whichworker.apps.examine import Examiner
from whichworker.model import App
from whichworker.store import places

COUNTS = """
with open({log!r}, "a") as file:
    file.write(__name__ + "\\n")
"""
CALLABLE = """
def application(environ, start_response): ...
"""
FACTORY = """
class App:
    def __call__(self, environ, start_response): ...
def create_app(): return App()
"""


def found(named: str | None, folder: Path, examiner: Examiner) -> App:
    """The app as a dry run finds and examines it."""
    app, _ = discover(named, None, folder, examiner)
    return examine(app, examiner)[0]


@pytest.mark.parametrize(
    ("files", "named", "wsgi"),
    [
        ({"shop": CALLABLE}, "shop:application", "shop:application"),
        ({"shop": FACTORY}, "shop:create_app", "whichworker_app:application"),
        ({"shop": FACTORY}, "shop:create_app()", "whichworker_app:application"),
        ({"wsgi": CALLABLE, "asgi": CALLABLE}, "wsgi:application", "wsgi:application"),
    ],
)
def test_a_dry_run_imports_each_module_once(
    files: dict[str, str], named: str, wsgi: str, tmp_path: Path
) -> None:
    log = tmp_path / "imports"
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(COUNTS.format(log=str(log)) + text)
    app = found(named, tmp_path, Examiner(places.cache_folder()))
    assert app.wsgi == wsgi
    assert sorted(log.read_text().split()) == sorted(files)


def test_other_variables_are_another_import(tmp_path: Path) -> None:
    log = tmp_path / "imports"
    (tmp_path / "shop.py").write_text(COUNTS.format(log=str(log)) + CALLABLE)
    examiner = Examiner(places.cache_folder())
    app = found("shop:application", tmp_path, examiner)
    for environment in ({"A": "1"}, {"A": "2"}, {"A": "1"}):
        other = App(
            name=app.name,
            directory=app.directory,
            python=app.python,
            wsgi=app.wsgi,
            environment=environment,
        )
        examine(other, examiner)
    assert len(log.read_text().split()) == 3


@pytest.mark.parametrize("place", ["shell", "file"])
def test_an_import_is_compiled_once_and_outside_the_project(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, cache, file = tmp_path / "project", tmp_path / "cache", tmp_path / "env"
    project.mkdir()
    (project / "shop.py").write_text("import stock\n" + CALLABLE)
    (project / "stock.py").write_text("")
    file.write_text("PYTHONDONTWRITEBYTECODE=1\n" if place == "file" else "")
    if place == "shell":
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    app = msgspec.structs.replace(
        found("shop:application", project, Examiner(tmp_path / "other")), environment_file=str(file)
    )
    Examiner(cache).look(["shop:application"], app)
    assert list(cache.rglob("stock.*.pyc"))
    assert not list(project.rglob("*.pyc"))
