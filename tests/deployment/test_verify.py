"""A deployment starts on its own port, on loopback only, and with its correct response."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest
from tests.conftest import PROJECTS, faulty_bench
from tests.deployment.test_read_back import KINDS, deployment

from whichworker.bench import running
from whichworker.bench.running import Bench
from whichworker.deployment.kinds import emit
from whichworker.deployment.kinds.parts import Start
from whichworker.deployment.read_back import start_of
from whichworker.deployment.verify import started
from whichworker.errors import ServerFailed
from whichworker.process.sockets import free_port

pytestmark = pytest.mark.servers
GUNICORN = ("gunicorn", "--bind", "127.0.0.1:8000")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return faulty_bench([("gunicorn-sync", "")], tmp_path)


def start(bench: Bench, *words: str) -> None:
    """Start what a file in an empty folder says, and stop it again."""
    what = Start(argv=(*GUNICORN, *words, "faults:application"), folder=str(PROJECTS))
    with started(bench, bench.question.arms[0], bench.folder / "files", what) as run:
        assert run.launch.pids()
    assert not list((bench.folder / "launches").iterdir()), "nothing is kept of a good launch"


def test_a_port_taken_once_is_met_by_another(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], free_port()])
        monkeypatch.setattr(running, "free_port", lambda: next(ports))
        start(bench)
    assert next(ports, None) is None, "both were tried"


def test_a_deployment_that_listens_outside_loopback_fails(bench: Bench) -> None:
    with pytest.raises(ServerFailed, match="outside loopback"):
        start(bench, "--bind", f"0.0.0.0:{free_port()}")


@pytest.mark.parametrize("kind", [*KINDS, "config"])
def test_each_kind_of_file_starts_its_server(kind: str, bench: Bench) -> None:
    """Also below a path that systemd takes only from another program."""
    folder = bench.folder / "my 50% shop's"
    folder.mkdir()
    what = msgspec.structs.replace(
        deployment("gunicorn-sync", folder=str(folder)),
        directory=str(PROJECTS),
        bin=str(folder / "bin"),
    )
    for file in emit((kind if kind != "config" else "gunicorn",), what):
        text = file.text.replace("shop.wsgi:application", "faults:application")
        (folder / file.name).write_text(text, encoding="utf-8")
    name = next(file.name for file in emit(("gunicorn", *KINDS), what) if file.kind == kind)
    begun = start_of(folder / name, kind, str(PROJECTS), what.promise.command)
    assert begun is not None
    with started(bench, bench.question.arms[0], folder, begun) as run:
        assert run.launch.pids()
