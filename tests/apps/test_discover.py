"""Which app is meant, and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps import discover, django_project
from whichworker.apps.examine import Examiner
from whichworker.errors import UsageError
from whichworker.store import places

MANAGE = """
import os
def main():
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What startproject leaves behind, as far as discovery looks at it."""
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "mysite").mkdir()
    (tmp_path / "mysite/wsgi.py").write_text("def application(environ, start_response): ...\n")
    (tmp_path / "mysite/asgi.py").write_text("async def application(scope, receive, send): ...\n")
    (tmp_path / "main.py").write_text(
        "class App:\n    async def __call__(self, scope, receive, send): ...\n\napp = App()\n"
    )
    return tmp_path


def test_a_django_project_by_its_manage_py(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    app, findings = discover.discover(None, None, project, Examiner(places.cache_folder()))
    assert (app.wsgi, app.asgi) == ("mysite.wsgi:application", "mysite.asgi:application")
    assert app.environment == {"DJANGO_SETTINGS_MODULE": "mysite.settings"}
    assert app.origin["app"] == str(project / "manage.py")
    assert not findings


def test_its_own_environment_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.touch()
    app, _ = discover.discover(str(project), None, project, Examiner(places.cache_folder()))
    assert app.python == str(python)
    assert app.origin["python"] == str(project / ".venv")


@pytest.mark.parametrize(
    ("target", "wsgi", "asgi"),
    [
        ("mysite.wsgi:application", "mysite.wsgi:application", "mysite.asgi:application"),
        ("mysite.asgi:application", "mysite.wsgi:application", "mysite.asgi:application"),
        ("main:app", None, "main:app"),
    ],
)
def test_a_target_is_what_it_is_and_has_its_twin(
    target: str, wsgi: str | None, asgi: str | None, project: Path
) -> None:
    app, _ = discover.discover(target, None, project, Examiner(places.cache_folder()))
    assert (app.wsgi, app.asgi) == (wsgi, asgi)


@pytest.mark.parametrize(
    ("target", "fact"),
    [("nothing:app", "No module named 'nothing'"), ("main:nothing", "no attribute 'nothing'")],
)
def test_a_target_that_cannot_be_imported(target: str, fact: str, project: Path) -> None:
    with pytest.raises(UsageError, match=fact) as caught:
        discover.discover(target, None, project, Examiner(places.cache_folder()))
    assert "--python" in caught.value.hint
    assert not list(project.rglob("__pycache__")), "nothing is written beside the user's modules"


def test_an_empty_folder_gets_the_built_in_app_and_says_so_first(tmp_path: Path) -> None:
    app, findings = discover.discover(None, None, tmp_path, Examiner(places.cache_folder()))
    assert app.name == "builtin:django"
    assert [finding.code for finding in findings] == ["app-builtin"]
    assert "not those of your app" in findings[0].text


@pytest.mark.parametrize(
    ("write", "fact"),
    [
        ("", "no app in"),
        ("print('hello')", "no app in"),
        ("import django\n", "names no settings module"),
        (MANAGE, "neither wsgi.py nor asgi.py"),
    ],
)
def test_a_folder_that_is_no_project(write: str, fact: str, tmp_path: Path) -> None:
    if write:
        (tmp_path / "manage.py").write_text(write)
    with pytest.raises(UsageError, match=fact) as caught:
        discover.discover(str(tmp_path), None, tmp_path, Examiner(places.cache_folder()))
    assert "module:attribute" in caught.value.hint


@pytest.mark.parametrize("swallowed", [True, False])
def test_an_app_that_looks_beyond_this_machine_when_imported_is_stopped(
    swallowed: bool, project: Path
) -> None:
    call = "socket.getaddrinfo('192.0.2.7', 80)"
    lines = ("try:", f"    {call}", "except OSError:", "    pass") if swallowed else (call,)
    (project / "far.py").write_text(
        "\n".join(("import socket", *lines, "def app(environ, start_response): ...", ""))
    )
    with pytest.raises(
        UsageError, match=r"importing far:app connects to 192\.0\.2\.7:80"
    ) as caught:
        discover.discover("far:app", None, project, Examiner(places.cache_folder()))
    assert "--allow-outbound" in caught.value.hint
    app, _ = discover.discover(
        "far:app", None, project, Examiner(places.cache_folder(), outbound=True)
    )
    assert app.wsgi == "far:app"


def test_an_import_that_wants_the_credentials_of_a_cloud(project: Path) -> None:
    (project / "far.py").write_text(
        "import socket\nsocket.socket().connect(('169.254.169.254', 80))\n"
    )
    with pytest.raises(UsageError, match=r"connects to 169\.254\.169\.254:80") as caught:
        discover.discover("far:app", None, project, Examiner(places.cache_folder()))
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint


def test_the_entry_point_of_fastapi_is_followed_where_reading_the_code_finds_none(
    tmp_path: Path,
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.fastapi]\nentrypoint = "shop:api"\n')
    (tmp_path / "shop.py").write_text(
        "class App:\n    async def __call__(self, scope, receive, send): ...\n\napi = App()\n"
    )
    for named in (None, str(tmp_path)):
        app, findings = discover.discover(named, None, tmp_path, Examiner(places.cache_folder()))
        assert (app.asgi, app.wsgi) == ("shop:api", None)
        assert "pyproject.toml, tool.fastapi" in findings[0].text


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (b'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")', "shop.settings"),
        (b"\xff'DJANGO_SETTINGS_MODULE' , 'a'", "a"),
        (b's("DJANGO_SETTINGS_MODULE", "..settings")', ""),
        (b's("DJANGO_SETTINGS_MODULE", "a..b")', ""),
        (b's("DJANGO_SETTINGS_MODULE", "' + b"a" * 5000 + b'")', ""),
        (b"", ""),
    ],
)
def test_the_settings_that_a_manage_py_names(text: bytes, settings: str, tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_bytes(text)
    assert django_project.named_in(tmp_path / "manage.py").module == settings


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ('DEBUG = envbool("DEBUG", "True")', "DEBUG"),
        ('DEBUG = os.environ.get("SHOP_DEBUG", "1") == "1"', "SHOP_DEBUG"),
        ('DEBUG: bool = bool(int(os.environ["DJANGO_DEBUG_ON"]))', "DJANGO_DEBUG_ON"),
        ('if LOCAL:\n    DEBUG = config("DEBUG", cast=bool)', "DEBUG"),
        ("DEBUG = True", ""),
        ('DEBUG = "runserver" in sys.argv', ""),
        ('THUMBNAIL_DEBUG = env("THUMBNAIL_DEBUG")', ""),
        ("DEBUG = (", ""),
    ],
)
def test_the_variable_that_turns_debug_on_or_off(text: str, variable: str, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "settings.py").write_text(text)
    assert django_project.debug_variable(tmp_path, "shop.settings") == variable
    (tmp_path / "shop" / "settings.py").rename(tmp_path / "shop" / "__init__.py")
    assert django_project.debug_variable(tmp_path, "shop") == variable


def test_no_settings_have_no_variable(tmp_path: Path) -> None:
    assert django_project.debug_variable(tmp_path, "shop.settings") == ""


@pytest.mark.parametrize(
    ("files", "module", "other"),
    [
        (("settings/dev.py", "settings/prod.py"), "shop.settings.dev", "shop.settings.prod"),
        (
            ("settings/__init__.py", "settings/production.py"),
            "shop.settings",
            "shop.settings.production",
        ),
        (("settings.py", "settings_prod.py"), "shop.settings", "shop.settings_prod"),
        (("settings.py", "production_settings.py"), "shop.settings", "shop.production_settings"),
        (("settings.py", "live.py"), "shop.settings", ""),  # an app of live streams
        (("settings/dev.py", "settings/test.py"), "shop.settings.dev", ""),
        (("settings/base.py", "settings/prod.py"), "shop.settings.prod", ""),
        ((), "installed.settings", ""),
    ],
)
def test_the_settings_of_a_deployment_beside_others(
    files: tuple[str, ...], module: str, other: str, tmp_path: Path
) -> None:
    for name in files:
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert django_project.deployed_settings(tmp_path, module) == other


@pytest.mark.parametrize(
    "text",
    ["tool = 3", "[tool]\nfastapi = []", "[tool.fastapi]\nentrypoint = 3", "a = " + "[" * 5000],
)
def test_a_project_file_of_another_form_has_no_entry_point(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    _, findings = discover.discover(None, None, tmp_path, Examiner(places.cache_folder()))
    assert findings[0].code == "app-builtin"


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "\udcff"
    folder.mkdir()
    for named, here in ((str(folder), tmp_path), (None, folder)):
        with pytest.raises(UsageError, match="is not UTF-8") as caught:
            discover.discover(named, None, here, Examiner(places.cache_folder()))
        assert "rename" in caught.value.hint
