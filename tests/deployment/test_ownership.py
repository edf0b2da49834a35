"""A file of the user's own is never replaced by an emitted one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.deployment.test_read_back import deployment

from whichworker.deployment.kinds import NAMES, TABLE, emit, names_of
from whichworker.deployment.ownership import PROMISE_FILE
from whichworker.deployment.recipe import write
from whichworker.errors import UsageError

KINDS = ("docker", "systemd")


def test_what_is_written_may_be_written_again(tmp_path: Path) -> None:
    what = deployment("gunicorn-gthread", shim="application = 1\n")
    first = write(what, KINDS, tmp_path)
    assert write(what, KINDS, tmp_path) == first


@pytest.mark.parametrize("name", ["Dockerfile", "gunicorn.conf.py", "requirements-server.txt"])
def test_what_somebody_else_wrote_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=f"{name} is in .* already, not by whichworker") as no:
        write(deployment("gunicorn-gthread"), KINDS, tmp_path)
    assert "--force to replace it" in no.value.hint
    assert [path.name for path in tmp_path.iterdir()] == [name], "nothing was written"
    write(deployment("gunicorn-gthread"), KINDS, tmp_path, force=True)
    assert (tmp_path / name).read_text(encoding="utf-8") != "mine"


def test_what_was_edited_stays(tmp_path: Path) -> None:
    write(deployment("gunicorn-gthread"), KINDS, tmp_path)
    for name in ("Dockerfile", "gunicorn.conf.py"):
        with (tmp_path / name).open("a", encoding="utf-8") as file:
            file.write("# tuned by hand\n")
    with pytest.raises(UsageError, match=r"are in .* already, with changes") as no:
        write(deployment("gunicorn-gthread"), KINDS, tmp_path)
    assert "Dockerfile" in no.value.fact and "gunicorn.conf.py" in no.value.fact
    assert "# tuned by hand" in (tmp_path / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("promise", ["", "[]", '{"digests": 1}', "\x00"])
def test_a_broken_promise_owns_nothing(promise: str, tmp_path: Path) -> None:
    (tmp_path / PROMISE_FILE).write_text(promise, encoding="utf-8")
    (tmp_path / "Dockerfile").mkdir()
    with pytest.raises(UsageError, match="Dockerfile is in"):
        write(deployment("uvicorn"), KINDS, tmp_path)


@pytest.mark.parametrize("kind", [kind for kind in TABLE if kind != "server"])
@pytest.mark.parametrize("server", ["gunicorn-gthread", "uvicorn", "uwsgi", "hypercorn"])
def test_every_name_is_known_before_a_race(kind: str, server: str) -> None:
    what = deployment(server)
    own = what.config.name if what.config else "start.sh"
    assert {file.name for file in emit((kind,), what)} == {own, *names_of((kind,), what.project)}
    assert kind in NAMES or kind == "gunicorn"


def test_a_race_refuses_before_it_measures(tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '2')])\n"
        "    return [b'ok']\n",
        encoding="utf-8",
    )
    (tmp_path / "Procfile").write_text("web: gunicorn --workers 3 wsgi\n", encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "whichworker", "race", "wsgi:application", "--url", "/"),
            *("--servers", "waitress", "--emit", "procfile", "--out", "."),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "Procfile is in" in done.stderr and "--force" in done.stderr
    assert "3 wsgi" in (tmp_path / "Procfile").read_text(encoding="utf-8")
