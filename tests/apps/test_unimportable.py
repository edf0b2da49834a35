"""An app that cannot be imported: the hint names the cause and a command, and both are true."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps.unimportable import not_importable
from whichworker.environments.own_python import NONE_FOUND
from whichworker.model import App

RAISED = (
    'Traceback (most recent call last):\n  File "/app/.env/lib/m.py", line 1, in <module>\n{}\n'
)
NO_DJANGO = "ModuleNotFoundError: No module named 'django'"
UNSET = [
    "KeyError: 'SHOP_SECRET'",
    "KeyError: \"Config 'TOKEN' is missing, and has no default.\"",
    'shop.EnvError: Environment variable "DOMAIN" not set',
    "decouple.UndefinedValueError: TOKEN not found. Declare it as envvar or define a default.",
    "django.core.exceptions.ImproperlyConfigured: Set the TOKEN environment variable",
    "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
    "pydantic.ValidationError: 2 validation errors for Settings\ntoken\n  Field required",
]


def hint(
    folder: Path,
    raised: str,
    python: str = ".venv",
    origin: dict[str, str] | None = None,
    variables: dict[str, str] | None = None,
) -> str:
    app = App(
        name="shop.wsgi:app",
        directory=str(folder / "backend"),
        python="/p/bin/python",
        origin={"python": python, **(origin or {})},
    )
    log = RAISED.format(raised)
    return not_importable("shop.wsgi:app", log, app, variables or {}, folder).hint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "backend").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("uv.lock", "uv sync"),
        ("poetry.lock", "poetry install"),
        ("Pipfile", "pipenv install"),
        ("requirements.txt", "pip install -r requirements.txt"),
        ("pyproject.toml", "pip install ."),
    ],
)
@pytest.mark.parametrize("place", ["", "backend"])
def test_what_is_missing_is_installed_as_the_project_does(
    file: str, command: str, place: str, folder: Path
) -> None:
    (folder / place / file).write_text("")
    lacking = hint(folder, NO_DJANGO)
    assert lacking.startswith("/p/bin/python has no module django: install")
    assert f"({command} in {folder / place})" in lacking
    made = hint(folder, NO_DJANGO, NONE_FOUND)
    assert made.startswith("no environment of the app was found")
    assert f"{command})" in made
    assert ("-m venv" in made) == command.startswith("pip ")


@pytest.mark.parametrize("raised", UNSET)
def test_a_variable_that_is_not_set(raised: str, folder: Path) -> None:
    assert hint(folder, raised).startswith("set the variables that the app needs")
    (folder / "backend/.env.example").write_text("SHOP_SECRET=\n")
    assert "backend/.env.example is the project's example" in hint(folder, raised)
    (folder / "development.env").write_text("SHOP_SECRET=1\n")
    assert hint(folder, raised) == "development.env was not read: add --env-file development.env"


@pytest.mark.parametrize("raised", ["ValueError: 3", "KeyError: 'colour'", "OSError: no .env/x"])
def test_another_error_names_the_interpreter_and_no_variables(raised: str, folder: Path) -> None:
    assert hint(folder, raised).endswith("--python names another interpreter")


def test_a_file_that_the_app_itself_reads(folder: Path) -> None:
    raised = "FileNotFoundError: Config file '/shop/core/../.env' not found."
    assert hint(folder, raised) == "the app reads /shop/.env itself: write this file first"


def test_without_a_repository_no_file_above_the_current_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop/backend").mkdir(parents=True)
    (tmp_path / "other.env").write_text("TOKEN=1\n")
    assert "other.env" not in hint(tmp_path / "shop", UNSET[0])
    (tmp_path / "shop/.env").write_text("TOKEN=1\n")
    assert hint(tmp_path / "shop", UNSET[0]).startswith(".env was not read")


@pytest.mark.parametrize(
    "raised",
    [
        "redis.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.",
        "OSError: [Errno 111] Connect call failed ('127.0.0.1', 5432)",
    ],
)
def test_a_service_that_does_not_run(raised: str, folder: Path) -> None:
    assert hint(folder, raised).endswith("start this service first")


def test_settings_that_were_not_named(folder: Path) -> None:
    raised = "RuntimeError: DJANGO_SETTINGS_MODULE is not set"
    named = {"settings": "wsgi.py", "served": "c.live", "manage": "c.dev"}
    assert "DJANGO_SETTINGS_MODULE=c.live, which wsgi.py names" in hint(
        folder, raised, origin=named
    )
    del named["served"]
    assert "DJANGO_SETTINGS_MODULE=c.dev, which manage.py names" in hint(
        folder, raised, origin=named
    )
    other = "ValueError: 3"
    assert "=c.dev races the settings of manage.py" in hint(folder, other, origin=named)
    given = {"DJANGO_SETTINGS_MODULE": "c.dev"}
    assert "c.dev" not in hint(folder, other, origin=named, variables=given)
