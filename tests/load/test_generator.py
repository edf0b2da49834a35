"""The generator's own process: its result, its end, and nothing left of it."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from whichworker.errors import GeneratorFailed, UsageError
from whichworker.load import child, generator
from whichworker.load.generator import Generator
from whichworker.model import Address, Answer, Load, Request

Start = Callable[[Callable[[socket.socket], None]], Address]

CORES = tuple(sorted(os.sched_getaffinity(0)))[-1:]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def hello(sock: socket.socket) -> None:
    while sock.recv(65536):
        sock.sendall(HELLO)


def load_of(
    address: Address, window: float = 0.1, engine: Literal["auto", "epoll"] = "auto"
) -> Load:
    request = Request(answer=Answer(body=b"hello"))
    return Load(
        address=address,
        host="h",
        requests=(request,),
        connections=2,
        settle_seconds=0.02,
        window_seconds=window,
        engine=engine,
    )


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def pid_of(running: Generator) -> int:
    assert running.pid is not None
    return running.pid


def test_two_loads_one_process(start: Start) -> None:
    address = start(hello)
    windows: list[tuple[int, int]] = []
    with Generator() as running:
        running.start(CORES)
        pid = pid_of(running)
        assert os.sched_getaffinity(pid) == set(CORES)
        assert os.getsid(pid) == pid
        for _ in range(2):
            tally = running.run(
                load_of(address), lambda opens, closes: windows.append((opens, closes))
            )
            assert tally.requests > 0
            assert tally.failures == ()
    assert [closes - opens for opens, closes in windows] == [100_000_000] * 2
    assert is_gone(pid)
    assert running.pid is None
    running.stop()


def test_a_killed_process_is_a_failure(start: Start) -> None:
    with Generator() as running:
        running.start(CORES)
        pid = pid_of(running)
        with pytest.raises(GeneratorFailed, match="the load generator was killed"):
            running.run(
                load_of(start(hello), window=600),
                lambda opens, closes: os.kill(pid, signal.SIGKILL),
            )
        assert is_gone(pid)
        with pytest.raises(GeneratorFailed, match="not running"):
            running.run(load_of(start(hello)), lambda opens, closes: None)
        running.start(CORES)
        assert running.run(load_of(start(hello)), lambda opens, closes: None).requests > 0


def test_a_process_that_ended_between_runs(start: Start) -> None:
    with Generator() as running:
        running.start(CORES)
        os.kill(pid_of(running), signal.SIGKILL)
        os.waitid(os.P_PID, pid_of(running), os.WEXITED | os.WNOWAIT)
        with pytest.raises(GeneratorFailed, match="the load generator was killed"):
            running.run(load_of(start(hello)), lambda opens, closes: None)


def test_a_crash_shows_its_trace() -> None:
    with Generator() as running:
        running.start(CORES)
        with pytest.raises(GeneratorFailed, match="exit status 1") as caught:
            running.run(
                load_of(Address("no such address", 1), engine="epoll"), lambda opens, closes: None
            )
    assert "Traceback" in caught.value.seen


def test_no_result_in_time(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "SPARE_SECONDS", -10.0)
    monkeypatch.setattr(generator, "ENDING_SECONDS", 0.0)
    with Generator() as running:
        running.start(CORES)
        pid = pid_of(running)
        with pytest.raises(GeneratorFailed, match="gave no result in time"):
            running.run(load_of(start(hello)), lambda opens, closes: None)
        assert is_gone(pid)


def test_an_interrupt_leaves_no_process(start: Start) -> None:
    def interrupt(opens: int, closes: int) -> None:
        raise KeyboardInterrupt

    with Generator() as running:
        running.start(CORES)
        pid = pid_of(running)
        with pytest.raises(KeyboardInterrupt):
            running.run(load_of(start(hello), window=600), interrupt)
        assert is_gone(pid)


def test_a_load_that_cannot_be_run_costs_no_process() -> None:
    load = load_of(Address("127.0.0.1", 1))
    with Generator() as running:
        running.start(CORES)
        with pytest.raises(UsageError):
            running.run(msgspec.structs.replace(load, connections=0), lambda opens, closes: None)
        assert running.pid is not None


def test_cores_that_are_not_there() -> None:
    with Generator() as running, pytest.raises(GeneratorFailed, match="exit status 1"):
        running.start((100_000,))


def test_serving_ends_with_stdin(start: Start) -> None:
    words = io.BytesIO()
    child.serve(io.BytesIO(msgspec.json.encode(child.Whole(load_of(start(hello)))) + b"\n"), words)
    said = [
        type(msgspec.json.decode(line, type=child.Word)) for line in words.getvalue().splitlines()
    ]
    assert said == [child.GeneratorReady, child.Opens, child.Done]


def test_another_parent_is_refused() -> None:
    # In a process of its own, as the request to be killed with the parent cannot be taken back.
    code = "from whichworker.load.child import main; main(1, (0,))"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "the process that started this one is gone\n")
