"""What a folder holds that could be the app, without importing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps.candidates import candidates, clearest

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FACTORY = "from flask import Flask\ndef create_app(config=None):\n    return Flask(__name__)\n"


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "target", "root", "factory"),
    [
        ({"main.py": FASTAPI}, "main:app", "", False),
        ({"app/main.py": FASTAPI, "app/__init__.py": ""}, "app.main:app", "", False),
        ({"src/shop/__init__.py": "", "src/shop/web.py": FASTAPI}, "shop.web:app", "src", False),
        ({"flaskr/__init__.py": FACTORY}, "flaskr:create_app", "", True),
        ({"main.py": FASTAPI, "flaskr/__init__.py": FACTORY}, "main:app", "", False),
        (
            {"main.py": FASTAPI, "tests/test_it.py": FASTAPI, ".venv/lib/x.py": FASTAPI},
            "main:app",
            "",
            False,
        ),
        (
            {"main.py": FASTAPI, "sub/other.py": "import flask\nthing = flask.Flask('x')\n"},
            "main:app",
            "",
            False,
        ),
        (
            {"wsgi.py": "def application(environ, start_response): ...\n"},
            "wsgi:application",
            "",
            False,
        ),
        (
            {"wsgi.py": "from thing import make\napplication = make()\n"},
            "wsgi:application",
            "",
            False,
        ),
        ({"main.py": "app: object = Starlette(routes=[])\n"}, "main:app", "", False),
        ({"broken.py": "def (", "main.py": FASTAPI}, "main:app", "", False),
    ],
)
def test_the_app_of_a_folder(
    files: dict[str, str], target: str, root: str, factory: bool, tmp_path: Path
) -> None:
    found = clearest(candidates(written(tmp_path, files)))
    assert found is not None
    assert (found.target, found.root, found.factory) == (
        target,
        str(tmp_path / root) if root else str(tmp_path),
        factory,
    )


@pytest.mark.parametrize(
    "files",
    [
        {"one.py": FASTAPI, "two.py": FASTAPI},
        {},
        {"main.py": "app = something()\n"},
        {"factory.py": "def create_app(config): ...\n"},
        {"main.py": "def create_app(*, name): ...\n"},
    ],
)
def test_where_nothing_or_more_than_one_thing_is_meant(
    files: dict[str, str], tmp_path: Path
) -> None:
    assert clearest(candidates(written(tmp_path, files))) is None


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 5000,
        "x = " + "-" * 500_000 + "1",
        "x = " + "a." * 200_000 + "b",
        "x = \0",
        "\x0c\udcff",
        "def f(:",
    ],
)
def test_what_cannot_be_parsed_is_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(text, encoding="utf-8", errors="surrogateescape")
    (tmp_path / "main.py").write_text("from flask import Flask\napp = Flask('a')\n")
    assert [one.target for one in candidates(tmp_path)] == ["main:app"]


def test_warnings_about_the_app_s_own_code_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("app = Flask('\\d')\nassert (1, 'always true')\n")
    assert [one.target for one in candidates(tmp_path)] == ["main:app"]
