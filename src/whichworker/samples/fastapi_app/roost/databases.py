"""The database of DATABASE_URL [default: a SQLite file]; an engine for each process and loop."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from calls.reuse import PerLoop, PerProcess
from sqlalchemy import URL, create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

POOL = {"pool_size": 20, "max_overflow": 0, "pool_timeout": 30}  # as many as the Django project has
FILE = Path(os.environ.get("WHICHWORKER_SAMPLE_DATA", ".")) / "roost.sqlite3"


class WrongURL(ValueError):
    """A DATABASE_URL that names another kind of database."""


def postgres():
    """The parts of DATABASE_URL, or None if it is not set; the host may be a socket's folder."""
    text = os.environ.get("DATABASE_URL")
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("postgres", "postgresql"):
        raise WrongURL(f"DATABASE_URL must begin with postgres://, not {parts.scheme!r}")
    options = dict(parse_qsl(parts.query))
    return {
        "host": options.get("host", parts.hostname),
        "port": int(options.get("port", parts.port or 5432)),
        "user": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
        "database": unquote(parts.path[1:]),
    }


def url(sqlite_driver):
    """SQLAlchemy's URL; psycopg 3 is one driver for both kinds of engine."""
    found = postgres()
    if found is None:
        return URL.create(sqlite_driver, database=str(FILE))
    socket = {"host": found["host"]} if (found["host"] or "").startswith("/") else {}
    return URL.create(
        "postgresql+psycopg",
        username=found["user"],
        password=found["password"],
        host=None if socket else found["host"],
        port=None if socket else found["port"],
        database=found["database"],
        query={**socket, "port": str(found["port"])} if socket else {},
    )


def make_engine():
    return create_engine(url("sqlite+pysqlite"), **POOL)


def make_sessions():
    return sessionmaker(make_engine(), expire_on_commit=False)


def make_async_sessions():
    engine = create_async_engine(url("sqlite+aiosqlite"), **POOL)
    return async_sessionmaker(engine, expire_on_commit=False)


sessions = PerProcess(make_sessions)
async_sessions = PerLoop(make_async_sessions)
