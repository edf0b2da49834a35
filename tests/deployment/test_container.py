"""The emitted Dockerfile, carried out for each way in which projects list their packages."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.deployment.container import Builder, Ignored, Stage, contained, interpreter
from tests.deployment.test_read_back import deployment

from whichworker.deployment.kinds import emit
from whichworker.load.http1 import fetch
from whichworker.model import Address, Request
from whichworker.model.deployments import Deployment
from whichworker.process.sockets import free_port
from whichworker.servers import table

LATEST_SECONDS = 60.0
PINNED = "24.0"
"""A version with which the server was raced, and which no list or lock file of the app names."""
APP = """
import json, os, colorama, packaging

def body():
    return json.dumps({
        "package": colorama.__file__,
        "folder": os.getcwd(),
        "file": __file__,
        "user": os.geteuid(),
        "environment": dict(os.environ),
        "pinned": packaging.__version__,
    }).encode()
"""
WSGI = (
    APP
    + """
def application(environ, start_response):
    text = body()
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]
"""
)
ASGI = (
    APP
    + """
async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-length", str(len(body())).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body()})
"""
)
PROJECT = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.9"\n'
NEEDED = 'dependencies = ["colorama==0.4.6", "packaging"]\n'
LIST = "colorama==0.4.6\npackaging\n"
BUILD = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
PIPFILE_LOCK = {
    "_meta": {"hash": {"sha256": ""}, "pipfile-spec": 6, "requires": {}, "sources": []},
    "default": {"colorama": {"version": "==0.4.6"}, "packaging": {"version": "==24.1"}},
    "develop": {"absent": {"version": "==9.9"}},
}
LOCKED = """[[package]]
name = "{}"
version = "{}"
description = ""
optional = false
python-versions = "*"
groups = ["main"]
files = []

"""
POETRY_LOCK = (
    LOCKED.format("colorama", "0.4.6")
    + LOCKED.format("packaging", "24.1")
    + """[metadata]
lock-version = "2.1"
python-versions = ">=3.9"
content-hash = "b8f9196670993d714e12e846f5e5ccf812df3b869f04a79a79a3232fd09ae66a"
"""
)
"""As poetry writes it; the hash is of the pyproject.toml beside it."""
LAYOUTS: dict[str, dict[str, str]] = {
    "requirements": {"requirements.txt": LIST},
    "requirements that name others": {
        "requirements.txt": "-r requirements/production.txt\n",
        "requirements/base.txt": LIST,
        "requirements/production.txt": "-r base.txt\n-c ../pins.txt\n",
        "pins.txt": "colorama==0.4.6\n",
    },
    "requirements that name the project": {
        "requirements.txt": "-e .\n",
        "pyproject.toml": PROJECT + NEEDED + BUILD,
    },
    "a folder of requirements": {
        "requirements/base.txt": LIST,
        "requirements/production.txt": "-r base.txt\n",
        "requirements/development.txt": "-r base.txt\nabsent==9.9\n",
    },
    "a package": {"pyproject.toml": PROJECT + NEEDED + BUILD},
    "dependencies only": {"pyproject.toml": PROJECT + NEEDED},
    "uv": {"pyproject.toml": PROJECT + NEEDED, "uv.lock": "made"},
    "uv, a package": {"pyproject.toml": PROJECT + NEEDED + BUILD, "uv.lock": "made"},
    "poetry": {
        "pyproject.toml": f"{PROJECT}{NEEDED}[tool.poetry]\npackage-mode = false\n",
        "poetry.lock": POETRY_LOCK,
    },
    "pipenv": {
        "Pipfile": '[packages]\ncolorama = "*"\n',
        "Pipfile.lock": json.dumps(PIPFILE_LOCK),
    },
}
PACKAGES = ("requirements that name the project", "a package", "uv, a package")
"""Layouts whose app is below src/, which only an installed project finds."""
SECRETS = (
    ".env",
    "settings/.env.production",
    ".git/config",
    "library/.git",
    "db.sqlite3",
    "db.sqlite3-wal",
    "data/[1] shop's (é).db",
    "data/[1] shop's (é).db-wal",
    ".venv/pyvenv.cfg",
    "own environment/bin/python",
    "secret notes.txt",
    "tls.pem",
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that a user without rights may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def project(layout: str, server: str, folder: Path) -> Deployment:
    """A project of this layout with secrets in it, and its deployment beside them."""
    inside = "src/shop" if layout in PACKAGES else "shop"
    files = {
        **LAYOUTS[layout],
        **dict.fromkeys(SECRETS, "secret"),
        f"{inside}/__init__.py": "",
        f"{inside}/wsgi.py": WSGI,
        f"{inside}/asgi.py": ASGI,
        "static/a.css": "",
        ".dockerignore": "*.txt\n!requirements*.txt\n!requirements/*.txt\n!pins.txt\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    if "uv.lock" in files:
        (folder / "uv.lock").unlink()
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "lock", "--quiet"], cwd=folder, check=True, timeout=100)
    return msgspec.structs.replace(
        deployment(server, folder=str(folder / "deploy")),
        directory=str(folder),
        bin=str(folder / "own environment/bin"),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        requirements=(*table.load(server).requirements, f"packaging=={PINNED}"),
        installed=layout in PACKAGES,
        private=(str(folder / "data/[1] shop's (é).db"), str(folder / ".env")),
        environment={"ODD": 'x "y" $HOME \\ é'},
    )


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.timeout(400)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_image_of_each_layout_answers(layout: str, place: Path) -> None:
    """Its folder on this machine is gone by then: nothing in the image may name it."""
    server = ("gunicorn-gthread", "uvicorn", "waitress")[list(LAYOUTS).index(layout) % 3]
    context = place / "my project"
    what = project(layout, server, context)
    for file in emit(("docker",), what):
        (context / file.name).write_text(file.text, encoding="utf-8")
    python, drops = interpreter()
    image = Builder(context, place, python).build()
    context.rename(place / "gone")
    kept = {str(path.relative_to(image.here)) for path in image.here.rglob("*")}
    assert not kept & set(SECRETS)
    assert "static/a.css" in kept
    told = answered(image, drops=drops)
    assert told.folder == image.here
    assert {image.here, image.venv} & set(told.file.parents)
    assert image.venv in told.package.parents
    assert told.environment["ODD"] == what.environment["ODD"]
    assert told.pinned == PINNED
    assert told.user == image.user or not drops


class Answered(msgspec.Struct):
    """The process that answered, as the app saw it."""

    package: Path
    folder: Path
    file: Path
    user: int
    environment: dict[str, str]
    pinned: str


def answered(image: Stage, *, drops: bool) -> Answered:
    """The app's response from a container of this image, which is then stopped by its signal."""
    address = Address("127.0.0.1", free_port())
    number = signal.Signals[image.stop_signal]
    with contained(image, address, drops=drops) as process:
        body = first_response(address, process)
        process.send_signal(number)
        process.communicate(timeout=LATEST_SECONDS)
        assert process.returncode in (0, -number)
    return msgspec.json.decode(body, type=Answered, dec_hook=lambda kind, text: kind(text))


def first_response(address: Address, process: subprocess.Popen[bytes]) -> bytes:
    """The body of the first response; fails with what the process printed if there is none."""
    end = time.monotonic() + LATEST_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            return fetch(address, Request(path="/"), "localhost", timeout=10).body
        except OSError:
            time.sleep(0.05)
    process.kill()
    pytest.fail(process.communicate()[1].decode())


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        ("**/.env", ".env", True),
        ("**/.env", "a/b/.env", True),
        (".env", "a/.env", False),
        ("**/*.sqlite3*", "a/db.sqlite3-wal", True),
        ("data", "data/a/b", True),
        ("/a\\[1\\]", "a[1]", True),
        ("/a\\[1\\]", "a1", False),
        ("*.txt\n!a.txt", "a.txt", False),
        ("*.txt\n!a.txt", "b.txt", True),
        ("# a", "# a", False),
    ],
)
def test_patterns_mean_what_docker_means(patterns: str, path: str, ignored: bool) -> None:
    assert (Path(path) in Ignored(patterns)) == ignored
