"""Apps and machines that a race must understand before it begins: cases of the table here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.cases.command import planned, run, written
from tests.cases.django_project import interpreter, project
from tests.deployment.test_read_back import deployment
from tests.probes.test_quota import Groups

from whichworker.deployment.kinds import emit
from whichworker.environments.interpreters import own_base
from whichworker.probes import quota
from whichworker.question.ask import budget_of, limited
from whichworker.servers import names

ONE_HOST = """def application(environ, start_response):
    known = environ.get("HTTP_HOST", "").partition(":")[0] == "api.shop.test"
    body = b"three articles" if known else b"Invalid host header"
    status = "200 OK" if known else "400 Bad Request"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
SECURE = """SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
"""


def preflight(folder: Path, app: str, python: str, *more: str) -> dict[str, Any]:
    """The result of a preflight of the page `/` on each of the servers."""
    arguments = ("preflight", app, "--workload", "/", "--python", python, "--json", "-", *more)
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.servers
def test_case_04_trusted_host(tmp_path: Path) -> None:
    folder = written(tmp_path / "shop", {"wsgi.py": ONE_HOST})
    arguments = ("--workload", "/", "--servers", "waitress", "--python", own_base())
    done = run(folder, "preflight", "wsgi:application", *arguments)
    assert done.returncode == 2
    assert "the app refuses the host 'localhost' (status 400): Invalid host header" in done.stderr
    assert "hint: send a name that it accepts: --host NAME" in done.stderr
    servers = ("--servers", "waitress,gunicorn-sync")
    told = preflight(folder, "wsgi:application", own_base(), "--host", "api.shop.test", *servers)
    assert {arm["state"] for arm in told["arms"]} == {"passed"}
    planned(folder, "wsgi:application", "--url", "/", "--header", "Host: api.shop.test", *servers)


@pytest.mark.servers
def test_case_05_forwarded_proto_django(tmp_path: Path) -> None:
    folder = written(tmp_path / "shop", project("config.site", site=SECURE))
    servers = ("--servers", "waitress,gunicorn-sync,uvicorn")
    told = preflight(folder, ".", interpreter(), *servers)
    assert {arm["name"]: arm["state"] for arm in told["arms"]} == dict.fromkeys(
        ("waitress", "gunicorn-sync", "uvicorn"), "passed"
    )
    assert not {"redirect-raced", "ssl-redirect"} & {one["code"] for one in told["findings"]}


def test_case_38_cgroup_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`docker --cpus 2` on 16 cores; with half a core, a race is marked."""
    groups = Groups(tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    for line, cores, shared, severity in (
        ("200000", 2, False, "info"),
        ("50000", 1, True, "warning"),
    ):
        groups.write("pod", cpu__max=f"{line} 100000\n")
        here = groups.quota("0::/pod")
        monkeypatch.setattr(quota, "here", lambda here=here: here)
        budget = budget_of(60.0)
        assert len({*budget.server_cores, *budget.generator_cores}) == cores
        assert budget.shared == shared
        (found,) = limited()
        assert (found.code, found.severity) == ("cpu-quota", severity)
        assert f"limits CPU time to {int(line) / 100_000:g} of 16 usable cores" in found.text
        arm = names.contender(names.parse("gunicorn-sync"), "3.12", cores=len(budget.server_cores))
        assert arm.settings["workers"] == 1


OWN = {
    "Dockerfile": 'FROM python:3.12-slim\nCMD ["gunicorn", "wsgi"]\n',
    "Procfile": "web: gunicorn --workers 3 wsgi\n",
    "gunicorn.conf.py": "workers = 3\ndef post_fork(server, worker): ...\n",
}
APP = "def application(environ, start_response): ...\n"


def test_case_39_emit_overwrites(tmp_path: Path) -> None:
    folder = written(tmp_path / "shop", {"wsgi.py": APP, **OWN})
    kinds = ("--emit", "docker", "--emit", "procfile", "--emit", "gunicorn")
    what = ("race", "wsgi:application", "--url", "/", "--servers", "gunicorn-sync", *kinds)
    done = run(folder, *what, "--out", ".", "--python", own_base())
    assert done.returncode == 2
    for name, text in OWN.items():
        assert name in done.stderr.splitlines()[0]
        assert (folder / name).read_text() == text
    assert "already, not by whichworker" in done.stderr
    assert "hint: --out FOLDER, or --force to replace them" in done.stderr
    assert "its hooks: post_fork" in planned(folder, *what[1:], "--out", "elsewhere")


def test_case_41_env_file_server_options(tmp_path: Path) -> None:
    options = ("GUNICORN_CMD_ARGS", "UVICORN_LOG_LEVEL", "GRANIAN_WORKERS_LIFETIME")
    told = "SECRET_KEY=only-here\n" + "".join(f"{name}=1\n" for name in options)
    folder = written(tmp_path / "shop", {"wsgi.py": APP, ".env": told})
    plan = planned(folder, "wsgi:application", "--servers", "waitress", "--env-file", ".env")
    assert f".env sets {', '.join(options)}: left out of the race" in " ".join(plan.split())
    assert "only-here" not in plan
    what = msgspec.structs.replace(
        deployment("gunicorn-sync"), environment_file=str(folder / ".env"), unraced=options
    )
    (unit,) = (file.text for file in emit(("systemd",), what) if file.kind == "systemd")
    assert f"UnsetEnvironment={' '.join(options)}\n" in unit
    assert "EnvironmentFile=" in unit
