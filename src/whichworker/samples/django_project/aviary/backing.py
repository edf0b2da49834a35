"""Rows and cached values: DATABASE_URL and REDIS_URL [default: SQLite and local memory]."""

from importlib.util import find_spec
from urllib.parse import parse_qsl, unquote, urlsplit

import django
from django.core.exceptions import ImproperlyConfigured

POSTGRES = ("postgres", "postgresql")
# Versions that share users rehash their passwords, which logs everybody out.
SCHEMA = "aviary_%d_%d" % django.VERSION[:2]
# Connections of each process; a server allows 100 in all by default. The timeout is in seconds.
POOL = {"min_size": 2, "max_size": 20, "timeout": 30}


def database(url, file):
    """The default database for a URL.

    Such as postgres://user:password@host:5432/name or postgres://user@/name?host=/run/postgresql.
    """
    if not url:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)}
    parts = urlsplit(url)
    if parts.scheme not in POSTGRES:
        raise ImproperlyConfigured(
            "DATABASE_URL must begin with postgres://, not %r" % parts.scheme
        )
    options = dict(parse_qsl(parts.query))
    options["options"] = ("%s -c search_path=%s" % (options.get("options", ""), SCHEMA)).strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(options.pop("port", parts.port or "")),
        "OPTIONS": dict(options, pool=dict(POOL)) if can_pool() else options,
    }


def can_pool():
    """Django has pools from 5.1 on, for psycopg 3 only."""
    return django.VERSION >= (5, 1) and find_spec("psycopg_pool") is not None


def cache(url):
    """The default cache for redis://host:6379/0 or unix:///run/redis.sock?db=0."""
    if not url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise ImproperlyConfigured(
            "REDIS_URL must begin with redis:// or unix://, not %r" % urlsplit(url).scheme
        )
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
