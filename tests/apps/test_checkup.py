"""What settings mean for a race, by what an app looks like from inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from whichworker.apps.checkup import _findings, host_of, is_local, refuse_remote, refuse_variables
from whichworker.apps.examine import Cache, Database, Django, Look, StaticFiles
from whichworker.errors import UsageError
from whichworker.model import App
from whichworker.model.codes import DEBUG_ON

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


def test_debug_and_sqlite_are_told_of_any_framework() -> None:
    seen = Look(framework="flask", debug=True, databases=(database("", "sqlite"),))
    assert [finding.code for finding in _findings(APP, seen)] == ["debug-on", "sqlite"]


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
    django = msgspec.structs.replace(DJANGO, module=used, debug=True)
    (finding, *_) = _findings(app, Look(framework="django", debug=True, django=django))
    expected = f"DJANGO_SETTINGS_MODULE={named} races these" if named else DEBUG_ON.finding().hint
    assert finding.hint == expected


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
