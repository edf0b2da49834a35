"""Every emitted file in its real reader: odd folder names come back whole, or are refused."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml
from ruamel.yaml import YAML
from tests.deployment.odd_projects import FOLDERS, odd, program, recorded
from tests.deployment.test_read_back import deployment

from whichworker.deployment.kinds import emit
from whichworker.deployment.kinds.parts import everywhere
from whichworker.deployment.read_back import start_of
from whichworker.errors import UsageError
from whichworker.load.http1 import fetch
from whichworker.model import Address, Request
from whichworker.model.deployments import Deployment
from whichworker.process.sockets import free_port, is_listening
from whichworker.servers import table

SERVERS = [name for name in table.SERVERS if not table.load(name).opt_in]
every_folder = pytest.mark.parametrize("folder", FOLDERS)
every_server = pytest.mark.parametrize("server", SERVERS)
SHELLS = ("sh", "dash", "bash")


def written(what: Deployment, kind: str) -> Path:
    """The file of a kind, written into the deployment's folder with the others."""
    place = Path(what.folder)
    place.mkdir(exist_ok=True)
    files = emit((kind if kind != "script" else "server",), what)
    for file in files:
        (place / file.name).write_text(file.text, encoding="utf-8")
    return next(place / file.name for file in files if file.kind == kind)


def run(*words: str | Path, fails: bool = False, **variables: str) -> str:
    """What a program printed; its failure is the test's."""
    done = subprocess.run(
        words,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@every_folder
def test_kubernetes_means_the_same_in_both_versions_of_yaml(folder: str, tmp_path: Path) -> None:
    what = msgspec.structs.replace(
        odd(folder, "uvicorn", tmp_path), ready_path=f"/{folder}?yes=null", host=f"{folder[:9]}.é😀"
    )
    text = written(what, "kubernetes").read_text(encoding="utf-8")
    old = list(yaml.safe_load_all(text))
    new = list(YAML(typ="safe", pure=True).load_all(text))  # 1.2, as Kubernetes' own tools
    assert old == new
    (probe,) = (
        container["readinessProbe"]["httpGet"]
        for container in old[0]["spec"]["template"]["spec"]["containers"]
    )
    assert probe["path"] == what.ready_path
    assert probe["httpHeaders"] == [{"name": "Host", "value": what.host}]
    name = old[0]["metadata"]["name"]
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name), "RFC 1035"


@every_server
def test_kubernetes_and_the_image_start_the_same_command(server: str, tmp_path: Path) -> None:
    what = deployment(server)
    text = {file.kind: file.text for file in emit(("kubernetes",), what)}
    old = list(yaml.safe_load_all(text["kubernetes"]))
    assert old == list(YAML(typ="safe", pure=True).load_all(text["kubernetes"]))
    (container,) = old[0]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == everywhere(what)
    path = tmp_path / "Dockerfile"
    path.write_text(text["docker"], encoding="utf-8")
    assert linted(path) == []


@every_folder
def test_a_dockerfile_is_one_for_its_linter(folder: str, tmp_path: Path) -> None:
    what = odd(folder, "uvicorn", tmp_path)
    assert linted(written(what, "docker")) == []
    assert re.fullmatch(r"[a-z0-9]+((_|__|-+)[a-z0-9]+)*", what.project), "the name of an image"


def linted(path: Path) -> list[str]:
    """The complaints of hadolint, which also reads the shell commands in it."""
    linter = Path(sys.executable).parent / "hadolint"
    # packages of Debian and of the app have no versions here: the app's own list has
    ignored = ("--ignore=DL3008", "--ignore=DL3013", "--ignore=DL3042")
    given = run(linter, "--no-fail", "--format=json", *ignored, path)
    return [f"{one['line']}: {one['code']} {one['message']}" for one in json.loads(given)]


@every_folder
def test_a_start_script_starts_what_was_raced(folder: str, tmp_path: Path) -> None:
    what = msgspec.structs.replace(odd(folder, "uvicorn", tmp_path), shim="application = 1\n")
    script = written(what, "script")
    for shell in SHELLS:
        path = program(shell, shell)
        run(path, "-n", script)
        run(path, script, PATH=searched(what, tmp_path))
        start = recorded(what)
        assert start is not None
        assert start.argv == list(what.argv[1:])
        assert start.folder == what.directory
        assert start.environment["ODD"] == what.environment["ODD"]
        assert start.environment["PYTHONPATH"] == f"{what.folder}:{what.directory}"


def searched(what: Deployment, place: Path) -> str:
    """PATH with the programs of a deployment first, below a name without a colon."""
    link = place / "programs"
    if not link.exists():
        link.symlink_to(what.bin)
    return f"{link}:{os.environ['PATH']}"


PROCESS = re.compile(r"([A-Za-z0-9_-]+):[ \t]*(\S.*)")
"""A line of a Procfile, as foreman and honcho read it."""


@every_server
def test_a_procfile_starts_what_was_raced(server: str, tmp_path: Path) -> None:
    what = odd("my shop", server, tmp_path)
    (line,) = written(what, "procfile").read_text(encoding="utf-8").splitlines()
    process = PROCESS.fullmatch(line)
    assert process is not None and process[1] == "web"
    for shell in SHELLS:
        path = program(shell, shell)
        run(path, "-n", "-c", process[2])
        run(path, "-c", process[2], PATH=searched(what, tmp_path), PORT="4321")
        start = recorded(what)
        assert start is not None
        assert start.argv == [word.replace("8000", "4321") for word in everywhere(what)[1:]]
        assert start.environment["ODD"] == what.environment["ODD"]


@every_folder
@pytest.mark.parametrize("server", ["gunicorn-gthread", "uvicorn"])
def test_a_unit_of_an_odd_folder_is_valid(folder: str, server: str, tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    what = msgspec.structs.replace(
        odd(folder, server, tmp_path, user="daemon"), shim="application = 1\n"
    )
    unit = shutil.copy(written(what, "systemd"), tmp_path)
    checked = run(analyze, "verify", "--man=no", unit)
    assert not [line for line in checked.splitlines() if f"{what.project}.service" in line]
    start = start_of(Path(unit), "systemd", "")
    assert start is not None
    assert (start.folder, start.argv[0]) == (what.directory, f"{what.bin}/{what.argv[0]}")
    assert start.environment["PYTHONPATH"] == f"{what.folder}:{what.directory}"


@pytest.mark.parametrize("path", ["/srv/a\\", "/srv/a ", '/srv/"it\'s"'])
def test_a_folder_that_a_unit_cannot_name_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="systemd cannot write"):
        emit(("systemd",), msgspec.structs.replace(deployment("uvicorn"), directory=path))


@pytest.mark.parametrize("path", ["/srv/[a]/.env", "/srv/*.env", "/srv/{a,b}"])
def test_a_path_that_a_unit_takes_for_a_pattern_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="systemd cannot write"):
        emit(("systemd",), msgspec.structs.replace(deployment("uvicorn"), environment_file=path))


@pytest.mark.parametrize("kind", sorted({*table.SERVERS} & {"uvicorn", "gunicorn-gthread"}))
@pytest.mark.parametrize("fact", ["directory", "folder", "bin", "environment_file"])
@pytest.mark.parametrize(
    "wanted", ["gunicorn", "systemd", "docker", "procfile", "supervisor", "kubernetes", "nginx"]
)
def test_a_line_break_in_a_path_is_refused_in_one_line(kind: str, fact: str, wanted: str) -> None:
    what = msgspec.structs.replace(deployment(kind), **{fact: "/srv/a\nb"})
    with pytest.raises(UsageError, match="cannot write") as no:
        emit((wanted,), what)
    assert "\n" not in no.value.fact and no.value.hint


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    """The port of a server that answers with the Host header and path that it got."""

    class Echo(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"{self.headers['Host']} {self.path}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@every_folder
def test_nginx_serves_files_and_passes_the_rest_on(
    folder: str, tmp_path: Path, behind: int
) -> None:
    nginx = program("nginx", "nginx-light")
    what = odd(folder, "uvicorn", tmp_path)
    files = Path(what.directory) / "static files"
    files.mkdir()
    (files / "a.txt").write_text("from disk")
    what = msgspec.structs.replace(
        what, static=("/static/", str(files)), host=f"{'a-long-name.' * 8}test"
    )
    if "$" in folder:
        with pytest.raises(UsageError, match="nginx cannot write"):
            written(what, "nginx")
        return
    conf, port = written(what, "nginx"), free_port()
    text = conf.read_text(encoding="utf-8")
    run(nginx, "-t", "-e", "stderr", "-p", tmp_path, "-c", whole(conf, tmp_path))
    conf.write_text(
        text.replace("listen 80;", f"listen 127.0.0.1:{port};").replace(":8000;", f":{behind};")
    )
    with subprocess.Popen(
        [nginx, "-e", "stderr", "-p", tmp_path, "-c", whole(conf, tmp_path)],
        stderr=subprocess.PIPE,
    ) as proxy:
        while not is_listening(port) and proxy.poll() is None:
            threading.Event().wait(0.01)
        try:
            asked = [
                fetch(Address("127.0.0.1", port), Request(path=path), what.host, timeout=10)
                for path in ("/static/a.txt", "/shop?a=1")
            ]
        finally:
            proxy.terminate()
            _, errors = proxy.communicate(timeout=30)
    assert [one.body.decode() for one in asked] == ["from disk", f"{what.host} /shop?a=1"], errors


def whole(conf: Path, place: Path) -> Path:
    """A configuration of nginx that includes a server block, for a user without rights."""
    link = place / "server.conf"  # an include is a pattern
    link.unlink(missing_ok=True)
    link.symlink_to(conf)
    path = place / "nginx.conf"
    kept = "".join(
        f"{name}_temp_path {place}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path.write_text(
        f"daemon off; master_process off; pid {place}/nginx.pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{kept}include {link};\n}}\n"
    )
    return path
