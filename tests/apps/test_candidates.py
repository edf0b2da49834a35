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
    ("names", "target"),
    [
        (("wsgi", "export", "serve"), "wsgi:app"),
        (("asgi", "export", "serve"), "asgi:app"),
        (("asgi", "wsgi", "serve"), "wsgi:app"),
    ],
)
def test_of_several_modules_that_make_the_app_a_server_imports_one(
    names: tuple[str, ...], target: str, tmp_path: Path
) -> None:
    files = {f"{name}.py": "from shop import create_app\napp = create_app()\n" for name in names}
    found = clearest(candidates(written(tmp_path, files)))
    assert found is not None
    assert found.target == target


@pytest.mark.parametrize(
    "files",
    [
        {"a/requirements.txt": "", "a/wsgi.py": FASTAPI, "b/main.py": FASTAPI, "b/setup.py": ""},
        {"one.py": FASTAPI, "two.py": FASTAPI},
        {},
        {"main.py": "app = something()\n"},
    ],
)
def test_where_nothing_or_more_than_one_thing_is_meant(
    files: dict[str, str], tmp_path: Path
) -> None:
    assert clearest(candidates(written(tmp_path, files))) is None


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("application = app = FLASK", "m:app"),
        ("app: Flask = FLASK", "m:app"),
        ("if DEBUG:\n    app = FLASK\nelse:\n    app = FLASK", "m:app"),
        ("try:\n    app = FLASK\nexcept ImportError:\n    raise", "m:app"),
        ("app = FLASK\napp = CORSMiddleware(app, origins=[])", "m:app"),
        ("api = FLASK\nserved = ProxyFix(api)", "m:served"),
        (
            "site = FLASK\nwhole = socketio.ASGIApp(sio, other_asgi_app=site)",
            "m:whole",
        ),
        (
            "site = FLASK\ndb = SQLAlchemy(site)\nadmin = Admin(site)",
            "m:site",
        ),
        ("web = FLASK\napplication = web", "m:application"),
        ("class Shop(Flask): ...\nclass Site(Shop): ...\nsite = Site(__name__)", "m:site"),
        ("import falcon\nserver = falcon.asgi.App()", "m:server"),
        ("from falcon import App as Falcon\nserver = Falcon()", "m:server"),
        ("from blacksheep import Application\nserver = Application()", "m:server"),
        ("app = FLASK\nif __name__ == '__main__':\n    other = FLASK\n    other.run()", "m:app"),
    ],
)
def test_an_app_however_it_is_bound(text: str, target: str, tmp_path: Path) -> None:
    files = {"m.py": "from flask import Flask\n" + text.replace("FLASK", "Flask(__name__)")}
    found = candidates(written(tmp_path, files))
    assert [one.target for one in found] == [target]


def test_a_factory_says_what_it_needs(tmp_path: Path) -> None:
    text = "def create_app(config, debug=False, *, name, size=1): ...\n"
    (found,) = candidates(written(tmp_path, {"shop.py": text}))
    assert (found.factory, found.needs) == (True, ("config", "name"))


@pytest.mark.parametrize(
    ("files", "target", "root"),
    [
        (
            {"backend/app/main.py": "from app.db import x\n" + FASTAPI, "backend/app/db.py": ""},
            "app.main:app",
            "backend",
        ),
        (
            {"services/web/project/__init__.py": FASTAPI, "services/web/manage.py": ""},
            "project:app",
            "services/web",
        ),
        (
            {"src/shop/api.py": "from shop import y\n" + FASTAPI, "src/shop/__init__.py": ""},
            "shop.api:app",
            "src",
        ),
        (
            {"api/main.py": "from models import z\n" + FASTAPI, "api/models.py": ""},
            "main:app",
            "api",
        ),
        (
            {"pkg/sub/web.py": "from ..core import z\n" + FASTAPI, "pkg/core.py": ""},
            "pkg.sub.web:app",
            "",
        ),
        ({"server/pyproject.toml": "", "server/main.py": FASTAPI}, "main:app", "server"),
    ],
)
def test_imports_begin_where_the_code_says(
    files: dict[str, str], target: str, root: str, tmp_path: Path
) -> None:
    (found,) = candidates(written(tmp_path, files))
    assert (found.target, found.root) == (target, str(tmp_path / root))


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
