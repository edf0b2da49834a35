"""A deployment starts on its own port, on loopback only, and with its correct response."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.conftest import PROJECTS, faulty_bench

from whichworker.bench import running
from whichworker.bench.running import Bench
from whichworker.deployment.kinds.parts import Start
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
