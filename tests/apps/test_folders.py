"""The app of a folder: what would be deployed is what is raced."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from whichworker.apps.examine import Examiner
from whichworker.apps.folders import Folders
from whichworker.errors import UsageError
from whichworker.model import App, Finding
from whichworker.store import places

WSGI = "def application(environ, start_response): ...\n"
APP = "from http.server import HTTPServer\ndef app(environ, start_response): ...\n"
FLASKY = "class Flask:\n    def __init__(self, *a): ...\n    def __call__(self, e, s): ...\n"
FOR_TESTS = """import os, sys
if "test" in sys.argv:
    os.environ["DJANGO_SETTINGS_MODULE"] = "c.test"
else:
    os.environ["DJANGO_SETTINGS_MODULE"] = "c.dev"
"""
BY_DECOUPLE = """import os
from decouple import config
os.environ.setdefault("DJANGO_SETTINGS_MODULE", config("SETTINGS", default="c.dev"))
"""
BY_VARIABLE = """import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", os.getenv("S", "c.live"))
"""
FORCED = "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'c.live'\n"
MADE = "shop:create_app('production')"
SHOP = """def create_app(name):
    assert name == "production"
    return Flask(name)
"""
SET = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', '{}')\n"


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def found(folder: Path) -> tuple[App, list[Finding]]:
    answer = Folders(None, Examiner(places.cache_folder()), "").find(folder)
    assert answer is not None
    return answer


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DJANGO_SETTINGS_MODULE", "FLASK_APP", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("manage", "wsgi", "environment", "differ"),
    [
        (SET.format("c.local"), SET.format("c.production"), {}, "c.production"),
        (SET.format("c.base"), SET.format("c.base"), {}, ""),
        (SET.format("c.base"), "", {"DJANGO_SETTINGS_MODULE": "c.base"}, ""),
        (FOR_TESTS, "", {"DJANGO_SETTINGS_MODULE": "c.dev"}, ""),
        (SET.format("c.local"), BY_VARIABLE, {}, "c.live"),
        (BY_DECOUPLE, FORCED, {}, "c.live"),
    ],
)
def test_the_settings_of_a_server_are_raced(
    manage: str, wsgi: str, environment: dict[str, str], differ: str, tmp_path: Path
) -> None:
    written(tmp_path, {"manage.py": manage, "c/wsgi.py": wsgi + WSGI})
    app, findings = found(tmp_path)
    assert (app.wsgi, app.environment) == ("c.wsgi:application", environment)
    assert [differ in finding.text for finding in findings] == ([True] if differ else [])


def test_a_variable_names_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"manage.py": SET.format("c.local"), "c/wsgi.py": SET.format("c.live") + WSGI}
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "c.local")
    app, (finding,) = found(written(tmp_path, files))
    assert app.environment == {"DJANGO_SETTINGS_MODULE": "c.local"}
    assert "wsgi.py c.live: the race uses c.local" in finding.text


def test_the_callable_of_a_project_may_be_elsewhere(tmp_path: Path) -> None:
    wsgi = "from django.core.wsgi import get_wsgi_application\n" + WSGI
    files = {"manage.py": "import os, django\n" + SET.format("settings"), "deploy/wsgi.py": wsgi}
    app, _ = found(written(tmp_path, files))
    assert app.wsgi == "deploy.wsgi:application"


@pytest.mark.parametrize("place", ["backend", "services/web", "src", "apps/site/server"])
def test_a_project_below_the_root(place: str, tmp_path: Path) -> None:
    files = {
        f"{place}/manage.py": SET.format("mysite.settings"),
        f"{place}/mysite/wsgi.py": WSGI,
        "frontend/package.json": "{}",
    }
    app, (finding, *_) = found(written(tmp_path, files))
    assert (app.directory, app.wsgi) == (str(tmp_path / place), "mysite.wsgi:application")
    assert place in finding.text


@pytest.mark.parametrize(
    "files",
    [
        {"Procfile": "web: cd shop && gunicorn x.wsgi\n"},
        {"compose.yaml": "services: {web: {command: gunicorn --chdir shop x.wsgi:application}}"},
        {"Dockerfile": "WORKDIR /srv/shop\nCMD gunicorn y.asgi -k uvicorn.workers.UvicornWorker"},
    ],
)
def test_of_two_projects_the_deployed_one_with_its_settings(
    files: dict[str, str], tmp_path: Path
) -> None:
    project = {"manage.py": SET.format("x.local"), "x/wsgi.py": SET.format("x.live") + WSGI}
    shop = {f"shop/{name}": text for name, text in project.items()} | {"shop/y/asgi.py": WSGI}
    blog = {f"blog/{name}": text for name, text in project.items() if "wsgi" not in name}
    app, said = found(written(tmp_path, {**shop, **blog, **files}))
    assert (app.directory, app.wsgi) == (str(tmp_path / "shop"), "x.wsgi:application")
    assert next(iter(files)) in said[0].text
    assert any("manage.py names x.local" in one.text for one in said)


def test_two_projects_are_one_too_many(tmp_path: Path) -> None:
    files = {f"{one}/manage.py": SET.format("x.settings") for one in ("shop", "blog")}
    with pytest.raises(UsageError, match=r"several apps .*: blog, shop") as caught:
        found(written(tmp_path, files))
    assert caught.value.hint == "name one: whichworker race blog"


@pytest.mark.parametrize(
    "files",
    [
        {".flaskenv": f"FLASK_APP={MADE}\n"},
        {"Procfile": f'release: true\nweb: gunicorn -w 4 "{MADE}" --log-file -\n'},
        {"gunicorn.conf.py": f'bind = ":80"\nwsgi_app = "{MADE}"\n'},
        {"Dockerfile": f'FROM x\nRUN y\nCMD ["gunicorn", "-b", ":80", "{MADE}"]\n'},
        {"Dockerfile": f'FROM x\nCMD gunicorn -b :80 \\\n  "{MADE}"\n'},
        {"compose.yaml": f'services:\n  web:\n    command: gunicorn "{MADE}"\n'},
        {"docker-compose.yml": f'services:\n  web:\n    command: [gunicorn, "{MADE}"]\n'},
        {"run.sh": f'#!/bin/sh\nexec gunicorn "{MADE}"\n', "Dockerfile": 'CMD ["/app/run.sh"]\n'},
    ],
)
def test_what_is_deployed_today_says_which_app_it_is(files: dict[str, str], tmp_path: Path) -> None:
    shop = FLASKY + SHOP
    app, (finding, *_) = found(written(tmp_path, {"shop.py": shop, **files}))
    assert app.name == "shop:create_app('production')"
    assert "create_app('production')" in app.shim
    assert next(iter(files)) in finding.text


@pytest.mark.parametrize(
    ("files", "target", "folder"),
    [
        ({"one.py": "A", "two.py": "A", "Procfile": "web: gunicorn two:app\n"}, "two:app", ""),
        (
            {"one.py": "A", "api/two.py": "A", "Procfile": "web: cd api && gunicorn two:app\n"},
            "two:app",
            "api",
        ),
        (
            {"one.py": "A", "api/two.py": "A", "Dockerfile": "CMD gunicorn --chdir api two:app\n"},
            "two:app",
            "api",
        ),
        ({"one.py": "A", "two.py": "A", ".flaskenv": "FLASK_APP=two.py\n"}, "two:app", ""),
        (
            {
                "src/__init__.py": "",
                "src/shop/__init__.py": "",
                "src/shop/main.py": "A",
                "Dockerfile": "COPY src/shop /code/shop\nCMD gunicorn shop.main:app\n",
            },
            "shop.main:app",
            "src",
        ),
    ],
)
def test_of_two_apps_the_deployed_one(
    files: dict[str, str], target: str, folder: str, tmp_path: Path
) -> None:
    made = {
        name: FLASKY + "app = Flask()\n" if text == "A" else text for name, text in files.items()
    }
    app, _ = found(written(tmp_path, made))
    assert (app.wsgi, app.directory) == (target, str(tmp_path / folder))


def test_only_callables_of_the_same_project_are_paired(tmp_path: Path) -> None:
    asgi = "from django.core.asgi import get_asgi_application\n" + WSGI
    files = {
        "manage.py": SET.format("shop.settings"),
        "shop/wsgi.py": SET.format("shop.settings") + WSGI,
        "worker/asgi.py": SET.format("worker.settings") + asgi,
    }
    app, _ = found(written(tmp_path, files))
    assert (app.wsgi, app.asgi) == ("shop.wsgi:application", None)
    written(tmp_path, {"worker/asgi.py": SET.format("shop.settings.live") + asgi})
    app, _ = found(tmp_path)
    assert app.asgi == "worker.asgi:application"


def test_settings_for_tests_are_no_others_to_race(tmp_path: Path) -> None:
    files = {"manage.py": SET.format("c.settings.test"), "c/wsgi.py": SET.format("c.live") + WSGI}
    app, findings = found(written(tmp_path, files))
    assert findings == []
    assert "manage" not in app.origin


@pytest.mark.parametrize("place", ["backend", "services/web/app"])
def test_the_environment_of_an_app_below_the_root(place: str, tmp_path: Path) -> None:
    written(tmp_path, {f"{place}/main.py": FLASKY + "app = Flask()\n"})
    where = tmp_path / place / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", where], check=True)
    app, _ = found(tmp_path)
    assert app.python == str(tmp_path / place / "venv/bin/python")


def test_an_app_of_pastedeploy(tmp_path: Path) -> None:
    """A factory for PasteDeploy is called by its configuration file, as `gunicorn --paste` does."""
    files = {
        "shop.py": SHOP.replace("(name)", "(global_config, **settings)").replace(
            'name == "production"', "settings"
        ),
        "conf/production.ini": "[app:main]\nuse = call:shop:create_app\n",
        "paste/deploy.py": "import os\n"
        + FLASKY
        + "def loadapp(uri, relative_to):\n"
        + "    assert os.path.exists(os.path.join(relative_to, uri.partition(':')[2]))\n"
        + "    return Flask()\n",
    }
    app, (finding,) = found(written(tmp_path, files))
    assert app.name == "paste.deploy:loadapp('config:conf/production.ini', relative_to='.')"
    assert "named by conf/production.ini, for PasteDeploy" in finding.text


def test_several_apps_below_the_root_are_named_where_they_can_be_raced(tmp_path: Path) -> None:
    made = FLASKY + "app = Flask()\n"
    for place in ("a service", "b"):
        written(tmp_path, {f"{place}/one.py": made, f"{place}/requirements.txt": ""})
    with pytest.raises(UsageError, match="2 apps are in") as caught:
        found(tmp_path)
    assert caught.value.hint == "name one: cd 'a service' && whichworker race one:app"


def test_a_factory_without_its_arguments(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a factory that needs config") as caught:
        found(written(tmp_path, {"shop.py": "def create_app(config): ...\n"}))
    assert "create_app('…')" in caught.value.hint


@pytest.mark.parametrize(
    "files",
    [
        {"site/pages.py": "from flask import Blueprint\n"},
        {"views.py": "import fastapi\nrouter = fastapi.APIRouter()\n"},
        {"handlers.py": "from django.http import HttpResponse\n"},
    ],
)
def test_a_web_project_that_is_not_understood_is_never_the_built_in_app(
    files: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no app was found") as caught:
        found(written(tmp_path, files))
    assert "module:attribute" in caught.value.hint


def test_a_folder_without_a_web_project_has_no_app(tmp_path: Path) -> None:
    written(tmp_path, {"sums.py": "import math\nprint(math.pi)\n", "notes.txt": "flask"})
    assert Folders(None, Examiner(places.cache_folder()), "").find(tmp_path) is None


@pytest.mark.parametrize(
    "manage",
    [
        '"""Commands, as Django projects have them."""\nfrom shop.cli import run\nrun()\n',
        "from flask_script import Manager\nManager().run()  # like django-admin\n",
        "print 'commands of Python 2'\n",
    ],
)
def test_a_manage_py_that_imports_nothing_of_django_is_no_project(
    manage: str, tmp_path: Path
) -> None:
    files = {"src/py/shop/web.py": FLASKY + "app = Flask()\n", "src/py/shop/__init__.py": ""}
    app, (finding,) = found(written(tmp_path, {"manage.py": manage, **files}))
    assert (app.wsgi, app.directory) == ("shop.web:app", str(tmp_path / "src/py"))
    assert finding.text == "The app is shop.web:app, found in src/py"


@pytest.mark.parametrize(
    "manage", ["from django.core.management import call_command\n", "import django; print 1\n"]
)
def test_a_manage_py_of_django_without_settings_is_refused(manage: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no settings module"):
        found(written(tmp_path, {"manage.py": manage}))


@pytest.mark.parametrize("installed", [True, False])
def test_an_app_that_is_installed_starts_in_the_folder_of_its_project(
    installed: bool, tmp_path: Path
) -> None:
    """Its settings may be in a .env file there; without an install only `src` can be imported."""
    web = "from pathlib import Path\ndef create_app():\n    assert Path('{}').is_file()\n"
    web += "    return lambda environ, start_response: []\n"
    files = {".env": "A=1\n", "src/shop/web.py": web.format(".env" if installed else "shop/web.py")}
    written(tmp_path, {"src/shop/__init__.py": "", **files})
    venv.create(tmp_path / ".venv")
    (site,) = (tmp_path / ".venv/lib").glob("python*/site-packages")
    if installed:
        (site / "shop.pth").write_text(f"{tmp_path / 'src'}\n")
    app, _ = found(tmp_path)
    assert app.name == "shop.web:create_app()"
    assert app.directory == str(tmp_path if installed else tmp_path / "src")
