"""A launch: where its files are, and that nothing is sent to a port that another process has."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
from tests.conftest import faulty_question

from whichworker.bench.running import Bench, launched, order_of
from whichworker.errors import ServerFailed
from whichworker.model import Address, Environment
from whichworker.process.launch import Order

LISTEN = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"


def any_order(folder: Path, code: str) -> Order:
    (folder / "tmp").mkdir()
    return Order(
        argv=(sys.executable, "-c", code),
        directory=str(folder),
        environment={**os.environ, "TMPDIR": str(folder / "tmp")},
        cores=(0,),
        log=str(folder / "server.log"),
    )


def test_a_stranger_on_the_port_gets_no_request(tmp_path: Path) -> None:
    asked: list[str] = []

    def check() -> str:
        asked.append("with a cookie")
        return ""

    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with (
            pytest.raises(ServerFailed, match=f"port {port} belongs to a process that is not this"),
            launched(
                lambda place: any_order(tmp_path, "import time; time.sleep(60)"),
                lambda place: check,
                address=Address("127.0.0.1", port),
                seconds=0.5,
            ),
        ):
            pass
    assert not asked


def test_the_server_itself_is_asked_once_it_listens(tmp_path: Path) -> None:
    asked: list[int] = []

    def ready(place: Address) -> str:
        asked.append(place.port)
        return "" if len(asked) > 2 else "not yet"

    with launched(
        lambda place: any_order(tmp_path, LISTEN.format(port=place.port)),
        lambda place: lambda: ready(place),
    ) as run:
        assert asked == [run.address.port] * 3
        assert run.cold_start_seconds > 0


def test_launches_of_versions_with_dots_share_no_file(tmp_path: Path) -> None:
    question = faulty_question([("waitress@3.0.1", ""), ("waitress@3.0.2", "")])
    folder = str(Path(sys.executable).parent)
    environment = Environment(python="/p", bin=folder, version="3", python_version="3.12.1")
    environments = {arm.name: environment for arm in question.arms}
    bench = Bench(question, environments, tmp_path, tmp_path)
    orders = [
        order_of(bench, arm, Address("127.0.0.1", 8000)) for arm in question.arms for _ in range(2)
    ]
    places = {place for order in orders for place in (order.log, order.temporary)}
    assert len(places) == 8
    for order, arm in zip(orders[::2], question.arms, strict=True):
        assert Path(order.log).name.startswith(f"{arm.name}-")


def test_a_program_of_path_is_never_taken(tmp_path: Path) -> None:
    question = faulty_question([("gunicorn-sync", "")])
    environment = Environment(python="/p", bin=str(tmp_path), version="3", python_version="3.12.1")
    bench = Bench(question, {question.arms[0].name: environment}, tmp_path, tmp_path)
    with pytest.raises(ServerFailed, match="has no program gunicorn"):
        order_of(bench, question.arms[0], Address("127.0.0.1", 8000))
