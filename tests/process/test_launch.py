"""Nothing outlives a launch, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.conftest import processes_with

from whichworker.errors import ServerFailed
from whichworker.process import warden
from whichworker.process.launch import LAUNCH_VARIABLE, Containment, Launch, Order, containment

FORKS = """
import os, subprocess, sys, time
subprocess.Popen(["sleep", "3600"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(3600)
    os._exit(0)
print("forked", flush=True)
time.sleep(3600)
"""

MODES: list[Containment] = ["namespace", "walk"] if containment() == "namespace" else ["walk"]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Containment:
    """Each way to hold a process tree that this machine has."""
    found: Containment = request.param
    return found


def order(tmp_path: Path, *argv: str, **environment: str) -> Order:
    """A server that is any program."""
    return Order(
        argv=argv,
        directory=str(tmp_path),
        environment={**os.environ, **environment},
        cores=(0,),
        log=str(tmp_path / "server.log"),
    )


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Poll until it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def forked(launch: Launch) -> str:
    """The complaint of a readiness check: until the tree has forked."""
    return "" if "forked" in launch.log_tail() else "not forked yet"


def test_a_tree_that_forks_away_is_gone_after_the_block(tmp_path: Path, mode: Containment) -> None:
    with Launch(order(tmp_path, sys.executable, "-c", FORKS), mode) as launch:
        cold = launch.wait_ready(lambda: forked(launch), 10)
        assert cold > 0
        mark = f"{LAUNCH_VARIABLE}={launch.token}"
        assert wait_until(lambda: len(launch.pids()) >= 3 and len(processes_with(mark)) >= 3)
    assert not processes_with(mark)


def test_a_graceful_stop_tells_what_was_left(tmp_path: Path, mode: Containment) -> None:
    with Launch(order(tmp_path, sys.executable, "-c", FORKS), mode) as launch:
        launch.wait_ready(lambda: forked(launch), 10)
        ending = launch.stop(signal.SIGTERM, 5)
    assert ending.status == -signal.SIGTERM
    assert not ending.forced
    assert any("sleep 3600" in name for name in ending.left)


def test_a_server_that_ignores_term_is_killed(tmp_path: Path, mode: Containment) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('forked', flush=True); time.sleep(3600)"
    )
    with Launch(order(tmp_path, sys.executable, "-c", code), mode) as launch:
        launch.wait_ready(lambda: forked(launch), 10)
        ending = launch.stop(signal.SIGTERM, 0.2)
        assert ending.forced
        assert not processes_with(f"{LAUNCH_VARIABLE}={launch.token}")


def test_a_server_that_ends_early_shows_its_log(tmp_path: Path, mode: Containment) -> None:
    code = "import sys; print('no such module: kartoffel', file=sys.stderr); sys.exit(3)"
    with (
        Launch(order(tmp_path, sys.executable, "-c", code), mode) as launch,
        pytest.raises(ServerFailed) as caught,
    ):
        launch.wait_ready(lambda: "no answer", 10)
    assert "status 3" in caught.value.fact
    assert "kartoffel" in caught.value.seen
    assert "server.log" in caught.value.hint


def test_a_program_that_is_not_there_is_a_start_failure(tmp_path: Path, mode: Containment) -> None:
    with (
        Launch(order(tmp_path, "/no/such/program"), mode) as launch,
        pytest.raises(ServerFailed, match="status 127") as caught,
    ):
        launch.wait_ready(lambda: "no answer", 10)
    assert "cannot start /no/such/program" in caught.value.seen


def test_no_right_answer_in_time_names_the_last_complaint(
    tmp_path: Path, mode: Containment
) -> None:
    with (
        Launch(order(tmp_path, "sleep", "3600"), mode) as launch,
        pytest.raises(ServerFailed, match="connection refused"),
    ):
        launch.wait_ready(lambda: "connection refused", 0.05)


def test_killing_the_warden_kills_the_tree(tmp_path: Path, mode: Containment) -> None:
    with Launch(order(tmp_path, sys.executable, "-c", FORKS), mode) as launch:
        launch.wait_ready(lambda: forked(launch), 10)
        assert launch._warden is not None
        os.kill(launch._warden.pid, signal.SIGKILL)
        assert wait_until(launch.ended, 2)
    assert not processes_with(f"{LAUNCH_VARIABLE}={launch.token}")


FLOOD = """
import os, time
print("forked", flush=True)
os.write(1, b"the first line\\n" + b"x" * 100_000 + b"\\n")
while True:
    os.write(2, b"y" * 65535 + b"\\n")
    time.sleep(0.001)
"""


def test_a_log_that_floods_keeps_its_begin_and_its_end(tmp_path: Path, mode: Containment) -> None:
    ordered = msgspec.structs.replace(
        order(tmp_path, sys.executable, "-c", FLOOD), log_bytes=1_000_000
    )
    log = tmp_path / "server.log"
    with Launch(ordered, mode) as launch:
        assert wait_until(lambda: log.exists() and b"were cut out here" in log.read_bytes())
        assert log.read_bytes().startswith(b"forked\nthe first line\n")
        assert wait_until(lambda: "yyyy" in launch.log_tail())
        assert b"\0" not in log.read_bytes()
    assert launch.flooded_bytes > 1_000_000


def test_a_log_that_does_not_flood_is_left_alone(tmp_path: Path, mode: Containment) -> None:
    with Launch(order(tmp_path, sys.executable, "-c", FORKS), mode) as launch:
        launch.wait_ready(lambda: forked(launch), 10)
    assert launch.flooded_bytes == 0
    assert (tmp_path / "server.log").read_text() == "forked\n"


EATS = """
import os, sys, time
print("forked", flush=True)
time.sleep(float(sys.argv[1]))
block = b"x" * 150_000_000
for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        break
print("eaten", flush=True)
time.sleep(3600)
"""


def hungry(tmp_path: Path, *how: str) -> Order:
    """A server that takes 150 MB, shared by so many children, and may have 200 MB."""
    return msgspec.structs.replace(
        order(tmp_path, sys.executable, "-c", EATS, *how), memory_bytes=200_000_000
    )


def test_memory_over_the_limit_is_a_failure_of_its_own_kind(
    tmp_path: Path, mode: Containment
) -> None:
    ordered = msgspec.structs.replace(hungry(tmp_path, "0", "0"), memory_bytes=100_000_000)
    with Launch(ordered, mode) as launch:
        assert wait_until(launch.ended)
        failure = launch.failure("died", "the server ended under load")
        ending = launch.stop(signal.SIGTERM, 1)
    assert failure.kind == "memory"
    assert "over the limit of 100 MB" in failure.fact
    assert "forked" in failure.seen
    assert ending.status is None
    assert not processes_with(f"{LAUNCH_VARIABLE}={launch.token}")


def test_memory_that_processes_share_counts_once(tmp_path: Path, mode: Containment) -> None:
    with Launch(hungry(tmp_path, "0", "3"), mode) as launch:
        assert wait_until(lambda: launch.log_tail().count("eaten") == 4)
        assert sum(warden.resident_bytes(pid) for pid in launch.pids()) > 500_000_000
        # Two looks of the watchdog at least, of which the first asks for proportional sizes.
        assert not wait_until(launch.ended, 2.5 * warden.PSS_SECONDS)


def test_the_temporary_folder_goes_with_the_launch(tmp_path: Path, mode: Containment) -> None:
    folder, outside = tmp_path / "temporary", tmp_path / "outside"
    for place in (folder / "deep/down", outside):
        place.mkdir(parents=True)
    (folder / "deep/file").touch()
    (outside / "kept").touch()
    (folder / "link").symlink_to(outside)
    with Launch(
        msgspec.structs.replace(order(tmp_path, "sleep", "3600"), temporary=str(folder)), mode
    ):
        pass
    assert not folder.exists()
    assert (outside / "kept").exists()


def test_the_server_is_whom_the_kernel_kills_first(tmp_path: Path, mode: Containment) -> None:
    with Launch(order(tmp_path, "sleep", "3600"), mode) as launch:
        assert wait_until(lambda: launch.pids() != [])
        scores = Path(f"/proc/{launch.pids()[0]}/oom_score_adj")
        assert wait_until(lambda: scores.read_text().strip() == "1000")


HOLDER = """
import os, sys, time
from whichworker.process.launch import Launch, Order
argv, environment = (sys.executable, "-c", sys.argv[1]), dict(os.environ)
order = Order(argv=argv, directory=".", environment=environment, cores=(0,), log="server.log")
with Launch(order, sys.argv[2]) as launch:
    launch.wait_ready(lambda: "" if "forked" in launch.log_tail() else "not yet", 10)
    print(launch.token, flush=True)
    time.sleep(3600)
"""


def test_killing_the_tool_kills_the_tree(tmp_path: Path, mode: Containment) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, FORKS, mode], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as tool:
        assert tool.stdout is not None
        token = tool.stdout.readline().strip()
        try:
            assert wait_until(lambda: len(processes_with(f"{LAUNCH_VARIABLE}={token}")) >= 3)
        finally:
            tool.kill()
        assert wait_until(lambda: not processes_with(f"{LAUNCH_VARIABLE}={token}"), 2)


def test_a_log_of_any_size_is_read_from_its_end(tmp_path: Path) -> None:
    launch = Launch(order(tmp_path, "true"))
    with (tmp_path / "server.log").open("wb") as log:
        log.truncate(10**10)
        log.seek(0, os.SEEK_END)
        log.write(b"\nthe last line\n")
    assert launch.log_tail(1) == "the last line"
