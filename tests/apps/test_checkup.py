"""What settings mean for a race, by what an app looks like from inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from whichworker.apps.checkup import (
    _configured,
    _findings,
    _services,
    databases_in,
    described,
    examine,
    host_of,
    is_local,
    refuse_remote,
    refuse_variables,
)
from whichworker.apps.examine import Cache, Database, Django, Examiner, Look, StaticFiles
from whichworker.environments.interpreters import own_base
from whichworker.errors import UsageError
from whichworker.judge.discovered import facts_of
from whichworker.model import App
from whichworker.model.codes import DEBUG_ON
from whichworker.store import places

DJANGO = Django(
    module="site.settings",
    debug=False,
    wsgi="site.wsgi.application",
    asgi=None,
    hosts=("shop.test",),
    caches=(Cache(alias="default", backend="django.core.cache.backends.redis.RedisCache"),),
    static=StaticFiles(),
    installed=(),
    middleware=(),
    sync_middleware=(),
    ssl_redirect=False,
    proxy_ssl_header=None,
)
APP = App(
    name="site",
    directory="/nowhere",
    python="python3",
    wsgi="site.wsgi:application",
    asgi="site.asgi:application",
)


def database(host: str, engine: str = "django.db.backends.postgresql") -> Database:
    return Database(alias="default", engine=engine, host=host, port="", name="db")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"installed": ("debug_toolbar",)}, "debug-toolbar"),
        ({"middleware": ("silk.middleware.SilkyMiddleware",)}, "debug-toolbar"),
        ({"caches": ()}, "cache-in-process"),
        (
            {
                "caches": (
                    Cache(alias="default", backend="django.core.cache.backends.locmem.LocMemCache"),
                )
            },
            "cache-in-process",
        ),
        ({"sync_middleware": ("a.Slow",)}, "sync-middleware"),
        ({"installed": ("django.contrib.staticfiles",)}, "static-unserved"),
        ({"ssl_redirect": True}, "ssl-redirect"),
    ],
)
def test_each_setting_has_its_finding_and_no_other(changes: dict[str, Any], code: str) -> None:
    assert not list(_findings(APP, Look(framework="django", django=DJANGO)))
    found = list(
        _findings(APP, Look(framework="django", django=msgspec.structs.replace(DJANGO, **changes)))
    )
    assert [finding.code for finding in found] == [code]


def test_routes_that_cannot_be_listed_are_told() -> None:
    (found,) = _findings(APP, Look(framework="flask", unlisted="ImproperlyConfigured('urls')"))
    assert (found.code, "urls" in found.text) == ("routes-unknown", True)


@pytest.mark.parametrize(
    ("text", "hooks"),
    [
        ("workers = 3\n", ""),
        ("def post_fork(server, worker): ...\n", "post_fork"),
        ("def cores():\n    return 2\nworkers = cores()\nwhen_ready = print\n", "when_ready"),
        ("from shop.metrics import child_exit, dead as worker_exit\n", "child_exit, worker_exit"),
        ("def post_fork(:\n", ""),
    ],
)
def test_hooks_of_gunicorn_are_not_lost_without_a_word(
    text: str, hooks: str, tmp_path: Path
) -> None:
    app = msgspec.structs.replace(APP, directory=str(tmp_path))
    assert not list(_configured(app))
    (tmp_path / "gunicorn.conf.py").write_text(text)
    (found,) = _configured(app)
    assert found.code == "gunicorn-conf"
    assert found.text.partition("has its hooks: ")[2] == hooks
    assert ("copy the hooks" in found.hint) == bool(hooks)


def test_debug_and_sqlite_are_told_of_any_framework() -> None:
    seen = Look(framework="flask", debug=True, databases=(database("", "sqlite"),))
    assert [finding.code for finding in _findings(APP, seen)] == ["debug-on", "sqlite"]


def test_settings_for_development_name_those_of_the_deployment_beside_them(tmp_path: Path) -> None:
    for name in ("dev", "prod"):
        path = tmp_path / "site" / "settings" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    app = msgspec.structs.replace(APP, directory=str(tmp_path), settings="site.settings.dev")
    django = msgspec.structs.replace(DJANGO, installed=("debug_toolbar",))
    found = list(_findings(app, Look(framework="django", debug=True, django=django)))
    assert [finding.code for finding in found] == ["debug-on", "debug-toolbar"]
    command = "DJANGO_SETTINGS_MODULE=site.settings.prod whichworker race"
    assert all(finding.hint.endswith(command) for finding in found)


def test_settings_for_development_name_the_variable_that_they_read(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text('DEBUG = env.bool("SHOP_DEBUG")')
    app = msgspec.structs.replace(APP, directory=str(tmp_path), settings="settings")
    (finding,) = _findings(app, Look(framework="django", debug=True, django=DJANGO))
    assert finding.hint.endswith("the variable SHOP_DEBUG turns DEBUG off")
    (finding,) = _findings(APP, Look(framework="django", debug=True, django=DJANGO))
    assert finding.hint == "race with the settings that you deploy"


@pytest.mark.parametrize(
    ("used", "other", "named"),
    [
        ("c.django.base", "c/django/production.py", "c.django.production"),
        ("c.settings", "c/settings/prod.py", "c.settings.prod"),
        ("settings", "production.py", ""),
        ("c.settings.local", "d/settings/production.py", ""),
        ("c.production", "c/production.py", ""),
    ],
)
def test_debug_names_the_settings_of_a_deployment(
    used: str, other: str, named: str, tmp_path: Path
) -> None:
    (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / other).touch()
    app = msgspec.structs.replace(APP, directory=str(tmp_path))
    app = msgspec.structs.replace(app, settings=used)
    django = msgspec.structs.replace(DJANGO, module=used, debug=True)
    (finding, *_) = _findings(app, Look(framework="django", debug=True, django=django))
    command = f": DJANGO_SETTINGS_MODULE={named} whichworker race" if named else ""
    assert finding.hint == f"{DEBUG_ON.cure}{command}"


@pytest.mark.parametrize(
    ("hosts", "debug", "host"),
    [
        (("shop.test",), False, "shop.test"),
        ((".shop.test",), False, "shop.test"),
        (("*",), False, "localhost"),
        ((), True, "localhost"),
        (("a.test", "localhost"), False, "localhost"),
    ],
)
def test_the_host_that_is_accepted(hosts: tuple[str, ...], debug: bool, host: str) -> None:
    assert host_of(msgspec.structs.replace(DJANGO, hosts=hosts, debug=debug))[0] == host


def test_a_project_that_accepts_no_host_is_refused() -> None:
    with pytest.raises(UsageError, match="ALLOWED_HOSTS is empty"):
        host_of(msgspec.structs.replace(DJANGO, hosts=()))


@pytest.mark.parametrize(
    "host", ["", "localhost", "127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "/run/postgresql"]
)
def test_what_is_this_machine(host: str) -> None:
    assert is_local(host)
    refuse_remote(Look(databases=(database(host),)), {})


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.5", "192.168.1.2", "2001:db8::1"])
def test_a_database_elsewhere_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="not on this machine") as caught:
        refuse_remote(Look(databases=(database(host),)), {})
    assert "--allow-remote-database" in caught.value.hint


def test_a_variable_that_leads_elsewhere_is_refused_unless_the_app_is_known_to_use_another() -> (
    None
):
    told = {"DATABASE_URL": "postgresql+asyncpg://ann:secret@db.example.com:5432/shop"}
    with pytest.raises(UsageError, match=r"DATABASE_URL names db\.example\.com") as caught:
        refuse_remote(Look(), told)
    assert "secret" not in str(caught.value)
    refuse_remote(Look(databases=(database(""),)), told)
    refuse_remote(Look(), {"DATABASE_URL": "sqlite:///db", "HOMEPAGE": "https://example.com"})


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgres://ann:x@db.example.com/shop", "db.example.com"),
        ("postgresql:///shop?host=db.example.com", "db.example.com"),
        ("postgresql:///shop?host=/run/postgresql", ""),
        ("postgres://ann@127.0.0.1/shop", ""),
        ("https://example.com/", ""),
    ],
)
def test_a_variable_that_leads_to_another_machine_is_refused(url: str, place: str) -> None:
    if not place:
        refuse_variables({"DATABASE_URL": url})
        return
    with pytest.raises(UsageError, match=f"DATABASE_URL names {place}"):
        refuse_variables({"DATABASE_URL": url})


@pytest.mark.parametrize(
    ("url", "known"),
    [
        (
            "postgresql+asyncpg://ann:p%40ss@127.0.0.1:5433/shop",
            ("127.0.0.1", "5433", "shop", "ann", "p@ss"),
        ),
        ("postgres:///shop?host=/run/postgresql", ("/run/postgresql", "", "shop", "", "")),
        ("mysql://db.example.com/shop", ("db.example.com", "", "shop", "", "")),
        ("postgresql://localhost:port/shop", None),
        ("redis://localhost/0", None),
        ("https://example.com/", None),
    ],
)
def test_the_database_that_a_variable_names(url: str, known: tuple[str, ...] | None) -> None:
    found = databases_in({"SHOP_URL": url})
    assert [(one.host, one.port, one.name, one.user, one.password) for one in found] == (
        [known] if known else []
    )
    assert all(one.alias == "SHOP_URL" and "p@ss" not in described(one) for one in found)


def test_an_app_whose_driver_keeps_no_list_has_the_database_of_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.py").write_text("def app(environ, start_response): ...\n")
    monkeypatch.setenv("SHOP_URL", "postgresql://ann:s3cret-w0rd@localhost/shop")
    app = App(name="shop", directory=str(tmp_path), python=own_base(), wsgi="shop:app")
    found, look, _ = examine(app, Examiner(places.cache_folder()))
    assert found.databases == ("SHOP_URL: postgresql",)
    assert look is not None and [one.name for one in look.databases] == ["shop"]
    assert facts_of(found)["databases"].origin == "variables"


@pytest.mark.parametrize(
    ("engine", "host", "port", "service"),
    [
        ("django.db.backends.postgresql", "", "", (("postgresql", 5432),)),
        ("postgresql+asyncpg", "localhost", "5440", (("postgresql", 5440),)),
        ("django.contrib.gis.db.backends.postgis", "127.0.0.1", "", (("postgresql", 5432),)),
        ("mysql+pymysql", "::1", "3307", (("mysql", 3307),)),
        ("postgresql", "db.shop.test", "", ()),
        ("django.db.backends.sqlite3", "", "", ()),
    ],
)
def test_the_app_s_own_services_on_this_machine(
    engine: str, host: str, port: str, service: tuple[tuple[str, int], ...]
) -> None:
    database = Database(alias="default", engine=engine, host=host, port=port, name="shop")
    assert tuple(_services(Look(databases=(database,)))) == service


@pytest.mark.parametrize(
    ("backend", "location", "service"),
    [
        (
            "django.core.cache.backends.redis.RedisCache",
            "redis://localhost:6380/1",
            ("redis", 6380),
        ),
        ("django_redis.cache.RedisCache", "redis://127.0.0.1", ("redis", 6379)),
        ("PyMemcacheCache", "127.0.0.1:11212", ("memcached", 11212)),
        ("django_redis.cache.RedisCache", "redis://cache.shop.test:6379", None),
        ("django.core.cache.backends.locmem.LocMemCache", "shop", None),
        ("django_redis.cache.RedisCache", "redis://localhost:port", None),
    ],
)
def test_caches_are_services_too(
    backend: str, location: str, service: tuple[str, int] | None
) -> None:
    cache = Cache(alias="default", backend=backend, location=location)
    django = msgspec.structs.replace(DJANGO, caches=(cache,))
    assert tuple(_services(Look(django=django))) == ((service,) if service else ())
