"""The built-in apps: their environments, and their distance from the user's services."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest

from whichworker.apps import builtin
from whichworker.environments.interpreters import inspect, own_base
from whichworker.errors import UsageError
from whichworker.model import App
from whichworker.store import places

with as_file(files("whichworker.samples")) as found:
    SAMPLES = Path(found)
STUDIED_PACKAGES = {
    "brotli",
    "requests",
    "httpx",
    "h2",
    "aiohttp",
    "psycopg",
    "psycopg-pool",
    "redis",
}
OLDEST = (3, 6)
NEVER_ON_THE_OLDEST = ("async_views.py",)


def built(name: str, *, extras: bool = False) -> App:
    cache = places.cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    return builtin.app(name, own_base(), cache, extras=extras)


@pytest.mark.parametrize("name", ["builtin:flask", "builtin:", "builtin:Django"])
def test_an_unknown_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no built-in app is called") as caught:
        builtin.app(name, own_base(), tmp_path)
    assert "builtin:django, builtin:fastapi, builtin:fastapi-django" in caught.value.hint


@pytest.mark.parametrize("name", builtin.BUILTIN)
def test_an_app_has_its_files(name: str) -> None:
    sample = builtin.BUILTIN[name]
    folder = SAMPLES / sample.folder
    assert (folder / sample.seed[0]).is_file()
    for target in filter(None, (sample.wsgi, sample.asgi)):
        assert (folder / (target.partition(":")[0].replace(".", "/") + ".py")).is_file()
    for pattern in sample.rows:
        assert list(SAMPLES.glob(pattern)), pattern
    for lock in ("requirements", "requirements-studies"):
        assert (folder / f"{lock}.in").is_file()
        text = (folder / f"{lock}.lock").read_text(encoding="utf-8")
        assert "==" in text and "://" not in text, "a lock names versions, not places"


def test_databases_are_told_apart_by_their_rows(tmp_path: Path) -> None:
    digests = {
        name: builtin.digest_of_rows(SAMPLES, sample) for name, sample in builtin.BUILTIN.items()
    }
    assert digests["django"] == digests["fastapi-django"] != digests["fastapi"]
    assert builtin.digest_of_rows(tmp_path, builtin.BUILTIN["django"]) not in digests.values()


@pytest.mark.servers
@pytest.mark.parametrize("name", builtin.BUILTIN)
def test_the_small_environment_stays_small(name: str) -> None:
    plain, studied = built(f"builtin:{name}"), built(f"builtin:{name}", extras=True)
    small, large = inspect(plain.python).packages, inspect(studied.python).packages
    assert not STUDIED_PACKAGES & set(small)
    assert set(large) >= STUDIED_PACKAGES
    framework = builtin.BUILTIN[name].framework
    assert large[framework] == small[framework], "the studies measure the framework that is raced"
    assert plain.environment.get("WHICHWORKER_EXTRAS") is None
    assert studied.environment["WHICHWORKER_EXTRAS"] == "1"
    assert studied.environment["NO_PROXY"] == "127.0.0.1,localhost"
    assert plain.setup == ((plain.python, *builtin.BUILTIN[name].seed),)


@pytest.mark.servers
@pytest.mark.parametrize("name", builtin.BUILTIN)
def test_services_that_the_shell_names_are_not_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@/nothing?host=/nowhere")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    app = built(f"builtin:{name}")
    assert (app.environment["DATABASE_URL"], app.environment["REDIS_URL"]) == ("", "")
    place = tmp_path / "rows"
    builtin.seed(app, place, places.cache_folder())
    builtin.seed(app, place, places.cache_folder())
    assert (place / ".whichworker-complete").exists()


PARSE = """
import json, sys
from aviary import backing
urls = json.loads(sys.argv[1])
databases = [backing.database(url, "rows.sqlite3") for url in urls[0]]
print(json.dumps([*databases, *map(backing.cache, urls[1]), backing.SCHEMA]))
"""
POOL = {"min_size": 2, "max_size": 20, "timeout": 30}
ENGINE = "django.db.backends.postgresql"


@pytest.mark.servers
@pytest.mark.parametrize(("extras", "options"), [(False, {}), (True, {"pool": POOL})])
def test_settings_follow_the_urls(extras: bool, options: dict[str, Any]) -> None:
    databases = [
        "",
        "postgres://keeper:p%40ss@/birds?host=/run/some%20where",
        "postgresql://keeper@127.0.0.1:5433/birds?sslmode=disable",
    ]
    caches = ["", "redis://127.0.0.1:6379/1", "unix:///run/redis.sock?db=0"]
    app = built("builtin:django", extras=extras)
    run = subprocess.run(
        [app.python, "-B", "-c", PARSE, json.dumps([databases, caches])],
        cwd=app.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    sqlite, socket, tcp, memory, redis, unix, schema = json.loads(run.stdout)
    options = {"options": f"-c search_path={schema}", **options}
    assert re.fullmatch(r"aviary_\d+_\d+", schema), (
        "each Django has its own users: it rehashes the passwords of another"
    )
    assert sqlite == {"ENGINE": "django.db.backends.sqlite3", "NAME": "rows.sqlite3"}
    common = {"ENGINE": ENGINE, "NAME": "birds", "USER": "keeper"}
    assert socket == {
        **common,
        "PASSWORD": "p@ss",
        "HOST": "/run/some where",
        "PORT": "",
        "OPTIONS": options,
    }
    assert tcp == {
        **common,
        "PASSWORD": "",
        "HOST": "127.0.0.1",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "disable", **options},
    }
    assert memory == {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    assert redis == {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": caches[1],
    }
    assert unix["LOCATION"] == caches[2]


@pytest.mark.servers
@pytest.mark.parametrize(
    "call", ["backing.database('mysql://x/y', 'f')", "backing.cache('memcached://x')"]
)
def test_other_services_are_refused(call: str) -> None:
    app = built("builtin:django")
    run = subprocess.run(
        [app.python, "-B", "-c", f"from aviary import backing; {call}"],
        cwd=app.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ImproperlyConfigured" in run.stderr and "must begin with" in run.stderr


DECOMPRESS = (
    "import brotli, sys; sys.stdout.buffer.write(brotli.decompress(open(sys.argv[1], 'rb').read()))"
)


@pytest.mark.servers
def test_the_compressed_page_is_the_page() -> None:
    with as_file(files("whichworker.workloads") / "page.html.br") as path:
        run = subprocess.run(
            [built("builtin:django", extras=True).python, "-c", DECOMPRESS, str(path)],
            capture_output=True,
            check=True,
        )
    assert run.stdout == (SAMPLES / "calls/page.html").read_bytes()


def old_files() -> list[Path]:
    """What Django 2.2 imports under Python 3.6."""
    project = SAMPLES / "django_project"
    files = [path for folder in ("aviary", "circus") for path in (project / folder).rglob("*.py")]
    return sorted(
        path for path in [*files, project / "manage.py"] if path.name not in NEVER_ON_THE_OLDEST
    )


@pytest.mark.parametrize("path", old_files(), ids=lambda path: path.relative_to(SAMPLES).as_posix())
def test_the_project_is_written_for_old_interpreters_too(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=OLDEST)
