"""Apps as other people's projects have them, and their variables: cases of the table here."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.cases.command import WSGI, planned, run, written
from tests.cases.django_project import interpreter, project
from tests.deployment.test_read_back import deployment

from whichworker.apps.examine import Examiner
from whichworker.apps.folders import Folders
from whichworker.deployment.kinds import emit
from whichworker.environments.interpreters import own_base
from whichworker.store import places

FLASK = """class Flask:
    def __init__(self, name): ...
    def route(self, path):
        return lambda view: view
    def __call__(self, environ, start_response): ...
"""
"""As much of Flask's shape as discovery looks at."""
PRODUCTION, LOCAL = "config.production", "config.local"
SPLIT = project(PRODUCTION, of_manage=LOCAL, production="", local="DEBUG = True\n")
"""manage.py is for the developer, and wsgi.py for the server."""


@pytest.mark.servers
def test_case_13_settings_of_wsgi(tmp_path: Path) -> None:
    folder, python = written(tmp_path / "shop", SPLIT), interpreter()
    plan = planned(folder, ".", "--python", python)
    told = " ".join(plan.split())
    assert f"manage.py names {LOCAL}, wsgi.py {PRODUCTION}: the race uses {PRODUCTION}" in told
    assert f"DJANGO_SETTINGS_MODULE={LOCAL} for the other" in told
    assert "DEBUG is on" not in told
    assert "shop.test" in run(folder, "show", "app", ".", "--python", python).stdout


@pytest.mark.parametrize("kind", ["systemd", "docker", "procfile", "supervisor", "kubernetes"])
def test_case_13_no_file_forces_the_settings_of_manage_py(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    answer = Folders(None, Examiner(places.cache_folder()), "").find(written(tmp_path, SPLIT))
    assert answer is not None
    what = msgspec.structs.replace(deployment("gunicorn-sync"), environment=answer[0].environment)
    assert not [file.name for file in emit((kind,), what) if "DJANGO_SETTINGS_MODULE" in file.text]


@pytest.mark.servers
def test_case_15_monorepo_django(tmp_path: Path) -> None:
    files = {f"backend/{name}": text for name, text in project("config.site", site="").items()}
    folder = written(tmp_path / "shop", {**files, "frontend/package.json": "{}"})
    python = interpreter()
    for named in ((), ("backend",)):
        plan = planned(folder, *named, "--python", python)
        assert "app        backend" in plan and "backend/manage.py" in plan
    made = run(folder, "init", "--python", python)
    assert made.returncode == 0, made.stderr
    assert (folder / "whichworker.toml").exists()
    assert "The app is the Django project in backend" in made.stderr


@pytest.mark.parametrize("place", [(), (".",)], ids=["here", "named"])
def test_case_17_flask_manage_py(place: tuple[str, ...], tmp_path: Path) -> None:
    written(tmp_path / "stubs", {"flask/__init__.py": FLASK, "flask/cli.py": ""})
    manage = "from flask.cli import FlaskGroup\nfrom project import app\ncli = FlaskGroup(app)\n"
    app = "from flask import Flask\n\napp = Flask(__name__)\n"
    folder = written(tmp_path / "shop", {"manage.py": manage, "project/__init__.py": app})
    plan = planned(folder, *place, PYTHONPATH=str(tmp_path / "stubs"))
    assert "app        project:app" in plan
    assert "Django" not in plan


def test_case_19_factory_argument(tmp_path: Path) -> None:
    written(tmp_path / "stubs", {"flask/__init__.py": FLASK})
    shop = (
        "from flask import Flask\n\n"
        "def create_app(config_name):\n"
        "    assert config_name == 'production'\n"
        "    return Flask(config_name)\n"
    )
    call = "shop:create_app('production')"
    folder = written(tmp_path / "shop", {"shop.py": shop, ".flaskenv": f"FLASK_APP={call}\n"})
    stubs = str(tmp_path / "stubs")
    assert f"app        {call}" in planned(folder, call, PYTHONPATH=stubs)
    assert f"app        {call}" in planned(folder, PYTHONPATH=stubs)
    done = run(folder, "race", "shop:create_app", "--dry-run", PYTHONPATH=stubs)
    assert (done.returncode, done.stdout) == (2, "")
    assert "shop:create_app needs config_name" in done.stderr
    assert "hint: write the call: whichworker race \"shop:create_app('…')\"" in done.stderr


CHECKED = """import os

NEEDED = ("secret_key", "database_url")
if missing := [name for name in NEEDED if name.upper() not in os.environ]:
    lines = [f"{len(missing)} validation errors for Settings"]
    for name in missing:
        lines += [name, "  Field required [type=missing]", "    visit https://errors.test/missing"]
    raise ValueError("\\n".join(lines))
"""


def test_case_21_settings_validation(tmp_path: Path) -> None:
    files = {"wsgi.py": f"import checked\n{WSGI}", "checked.py": CHECKED}
    folder = written(tmp_path / "shop", files | {".env": "SECRET_KEY=a\nDATABASE_URL=b\n"})
    done = run(folder, "race", "wsgi:application", "--python", own_base(), "--dry-run")
    assert done.returncode == 2
    fact = (
        "the app wsgi:application cannot be imported: ValueError: 2 validation errors for Settings"
    )
    assert fact in done.stderr.splitlines()[0]
    assert "| secret_key\n" in done.stderr and "| database_url\n" in done.stderr
    assert ".env was not read: add --env-file .env" in done.stderr.splitlines()[-1]
    planned(folder, "wsgi:application", "--env-file", ".env")


KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----"


ODD = """export NAME=odd
GREETING="it's \\"fine\\" # really"
LIST=["a","b"]
EMPTY=
HASH=a#b
SPACES = yes   # and a comment
"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f'APP_KEY="{KEY}"\n', {"APP_KEY": KEY}),
        ("# of the shell\nDEBUG_SQL\n", {}),
        (
            "ROOT=/srv/shop\nMEDIA=${ROOT}/media\nPLAIN='${ROOT}/raw'\n",
            {"MEDIA": "/srv/shop/media", "PLAIN": "${ROOT}/raw"},
        ),
        ("\ufeffFIRST=one\r\nSECOND='two'\r\n", {"FIRST": "one", "SECOND": "two"}),
        (
            ODD,
            {
                "NAME": "odd",
                "GREETING": 'it\'s "fine" # really',
                "LIST": '["a","b"]',
                "EMPTY": "",
                "HASH": "a#b",
                "SPACES": "yes",
            },
        ),
    ],
    ids=["multiline", "bare", "expand", "windows", "odd"],
)
def test_case_22_env_file(text: str, wanted: dict[str, str], tmp_path: Path) -> None:
    """The app itself refuses to be imported if a variable has another value."""
    wanted |= {"AFTER": "yes"}
    check = f"import os\nseen = {{name: os.environ.get(name) for name in {list(wanted)}}}\n"
    folder = written(tmp_path / "shop", {"wsgi.py": f"{check}assert seen == {wanted!r}\n{WSGI}"})
    (folder / "own.env").write_bytes(f"{text}AFTER=yes\n".encode())
    planned(folder, "wsgi:application", "--env-file", "own.env")
