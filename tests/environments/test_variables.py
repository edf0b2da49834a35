"""What a build may see of the shell, told by a real build script."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from whichworker.environments import venvs
from whichworker.environments.installer import uv_path
from whichworker.environments.interpreters import inspect, own_base
from whichworker.environments.variables import for_builds

SECRETS = {
    "DATABASE_URL": "postgres://ann:secret-1@db/shop",
    "AWS_SECRET_ACCESS_KEY": "secret-2",
    "GITHUB_TOKEN": "secret-3",
    "UV_PUBLISH_TOKEN": "secret-4",
    "TWINE_PASSWORD": "secret-5",
    "PIP_PASSWORD": "secret-6",
    "MY_PATH": "secret-7",
    "XCC": "secret-8",
    "PYTHONPATH": "/secret-9",
    "VIRTUAL_ENV": "/secret-10",
    "LD_PRELOAD": "/secret-11",
}
NEEDED = {
    "CFLAGS": "-O1",
    "CC": "cc",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "no_proxy": "127.0.0.1",
    "NO_PROXY": "127.0.0.1",
    "PIP_EXTRA_INDEX_URL": "http://127.0.0.1:9/simple",
    "UV_INDEX_COMPANY_USERNAME": "ann",
    "UV_HTTP_TIMEOUT": "120",
    "SSL_CERT_DIR": "/etc/ssl/certs",
}
SETUP = """
import json, os
from setuptools import setup
with open({seen!r}, "w") as file:
    json.dump(dict(os.environ), file)
setup(name="whichworker-build-probe", version="1.0", py_modules=["build_probe"])
"""


@pytest.mark.parametrize("name", SECRETS)
def test_a_build_sees_no_other_variable(name: str) -> None:
    assert for_builds({name: SECRETS[name]}) == {}


@pytest.mark.parametrize("name", NEEDED)
def test_a_build_sees_what_it_needs(name: str) -> None:
    assert for_builds({name: NEEDED[name]}) == {name: NEEDED[name]}


@pytest.mark.servers
def test_a_source_package_builds_without_the_users_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, seen, wheels = tmp_path / "source", tmp_path / "seen.json", tmp_path / "wheels"
    source.mkdir()
    (source / "setup.py").write_text(SETUP.format(seen=str(seen)), encoding="utf-8")
    (source / "build_probe.py").write_text("", encoding="utf-8")
    argv = [uv_path(), "build", "--quiet", "--sdist", "--out-dir", str(wheels), str(source)]
    subprocess.run(argv, check=True, timeout=100)
    seen.unlink()
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("CFLAGS", "-O1")
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)

    made = venvs.overlay(tmp_path, inspect(own_base()), ("whichworker-build-probe",))

    assert made.version == "1.0"
    told = json.loads(seen.read_text(encoding="utf-8"))
    assert told["CFLAGS"] == "-O1"
    assert "PATH" in told
    assert "secret-" not in json.dumps(told)
    assert not set(SECRETS) & set(told) - {"VIRTUAL_ENV"}  # uv sets it to the build's own
