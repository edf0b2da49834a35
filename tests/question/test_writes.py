"""Rows that a GET writes to a real PostgreSQL, told by its own counters."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from tests.conftest import changed, discovered, missing
from tests.question.test_reference import question_of

from whichworker.apps import builtin
from whichworker.apps.examine import Database
from whichworker.bench.services import Needs, backing
from whichworker.environments.interpreters import own_base
from whichworker.errors import UsageError
from whichworker.model import App, Permits
from whichworker.question.reference import learn
from whichworker.question.stages import Discovered
from whichworker.question.writes import Databases
from whichworker.services import postgres
from whichworker.store import places

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("postgres")]

CORES = tuple(sorted(os.sched_getaffinity(0)))[-1:]
APP = """
import os
import psycopg

with psycopg.connect(os.environ["PLACE"]) as first:
    first.execute("CREATE TABLE IF NOT EXISTS visits (path text)")

def application(environ, start_response):
    with psycopg.connect(os.environ["PLACE"]) as connection:
        if "seen" in environ["PATH_INFO"]:
            connection.execute("INSERT INTO visits VALUES ('x'), ('y')")
        count = str(connection.execute("SELECT 1").fetchone()[0]).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "1")])
    return [count]
"""


@pytest.fixture
def asked(tmp_path: Path) -> Discovered:
    """An app with a driver, and its database as its settings would tell it."""
    try:
        postgres.find(os.environ["PATH"])
    except UsageError as error:
        missing(str(error))
    (tmp_path / "shop.py").write_text(APP)
    cache = places.cache_folder()
    python = builtin.app("django", own_base(), cache, extras=True).python
    question = question_of("", "/read")
    told = msgspec.structs.replace(
        question.app,
        directory=str(tmp_path),
        python=python,
        wsgi="shop:application",
        databases=("default: postgresql",),
    )
    return discovered(changed(question, apps={next(iter(question.apps)): told}))


def served(found: Discovered, folder: str, path: str = "/read") -> Discovered:
    """The same question about an app whose database is there."""
    app: App = found.question.app
    place = f"postgresql://{postgres.USER}@/{postgres.DATABASE}?host={folder}"
    told = msgspec.structs.replace(app, environment={"PLACE": place})
    requests = tuple(
        msgspec.structs.replace(one, path=path) for one in found.subject.workload.requests
    )
    question = changed(
        found.question,
        apps={next(iter(found.question.apps)): told},
        workload=msgspec.structs.replace(found.subject.workload, requests=requests),
    )
    known = Database(
        alias="default",
        engine="django.db.backends.postgresql",
        host=folder,
        port="",
        name=postgres.DATABASE,
        user=postgres.USER,
    )
    return msgspec.structs.replace(found, subject=question.subject, databases=(known,))


def test_rows_that_a_get_writes_are_refused(asked: Discovered, tmp_path: Path) -> None:
    with backing(
        Needs(database="postgres"), (), cores=CORES, folder=tmp_path, cache=tmp_path
    ) as services:
        folder = parse_qs(urlsplit(services.variables["DATABASE_URL"]).query)["host"][0]
        reading = served(asked, folder)
        learnt = learn(reading, tmp_path, lambda _: None)
        assert learnt.subject.workload.requests
        assert not [one for one in learnt.findings if one.code == "writes-unwatched"]
        writing = served(asked, folder, "/seen")
        with pytest.raises(UsageError, match=r"wrote rows to PostgreSQL: 4 in public\.visits"):
            learn(writing, tmp_path, lambda _: None)
        allowed = msgspec.structs.replace(
            writing, asked=msgspec.structs.replace(writing.asked, permits=Permits(writes=True))
        )
        assert learn(allowed, tmp_path, lambda _: None).subject.workload.requests


def test_a_database_that_cannot_be_read_is_told_as_unwatched(
    asked: Discovered, tmp_path: Path
) -> None:
    lost = served(asked, str(tmp_path / "nowhere"))
    databases = Databases(lost.question.app, lost.databases, tmp_path)
    state = databases.look()
    assert state.rows is None
    assert databases.unwatched(state) == ["default: postgresql"]
    assert list(tmp_path.rglob("psycopg*/**/*.pyc")), "byte code of the driver goes to the cache"
