"""A command's own processes end with it, however it ends."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from whichworker.apps.examine import Examiner
from whichworker.environments.interpreters import own_base
from whichworker.model import App
from whichworker.process import contained

STARTS = """
import subprocess, sys
subprocess.Popen(["sleep", sys.argv[1]], start_new_session=True)
print("started", flush=True)
"""
KILLED = """
import os, sys
from pathlib import Path
from whichworker.process import contained
log, *argv = sys.argv[1:]
contained.run(argv, "/", os.environ, Path(log), 60.0)
"""
SEEDED = """
import sys
from pathlib import Path
from whichworker.apps import builtin
from whichworker.model import App
cache, *step = sys.argv[1:]
app = App(name="slow", directory="/", python=step[0], setup=(tuple(step),))
builtin.set_up(app, {}, Path(cache))
"""
PATIENCE_SECONDS = 10.0


def sleepers(mark: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == f"sleep\0{mark}\0".encode():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture
def mark() -> str:
    return f"{600 + secrets.randbelow(10**6)}.{secrets.randbelow(10**6)}"


@pytest.mark.parametrize(
    ("rest", "status"), [("", 0), ("sys.exit(3)", 3), ("import time; time.sleep(60)", None)]
)
def test_none_outlives_it(rest: str, status: int | None, mark: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    argv = [sys.executable, "-c", f"{STARTS}\n{rest}", mark]
    assert contained.run(argv, "/", os.environ, log, 1.0 if status is None else 30.0) == status
    assert log.read_text() == "started\n"
    assert not sleepers(mark)


@pytest.mark.parametrize("tool", [KILLED, SEEDED], ids=["import", "seeding"])
def test_none_outlives_a_tool_that_is_killed(tool: str, mark: str, tmp_path: Path) -> None:
    script = f"{STARTS}\nimport time; time.sleep(60)"
    argv = [sys.executable, "-c", tool, str(tmp_path / "log"), sys.executable, "-c", script, mark]
    folder = tmp_path / "tmp"
    folder.mkdir()
    with subprocess.Popen(argv, env={**os.environ, "TMPDIR": str(folder)}) as process:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not sleepers(mark) and time.monotonic() < ends:
            time.sleep(0.02)
        assert sleepers(mark)
        process.send_signal(signal.SIGKILL)
    while (sleepers(mark) or any(folder.iterdir())) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not sleepers(mark)
    assert not list(folder.iterdir())


def test_an_environment_of_any_bytes_reaches_it(tmp_path: Path) -> None:
    log, odd = tmp_path / "log", b"a\xffb\xc3"
    script = (
        "import os, sys; sys.stdout.buffer.write(os.environb[b'ODD'] + os.fsencode(os.getcwd()))"
    )
    folder = tmp_path / os.fsdecode(odd)
    folder.mkdir()
    environment = {**os.environ, "ODD": os.fsdecode(odd)}
    argv = [sys.executable, "-c", script]
    assert contained.run(argv, str(folder), environment, log, 30.0) == 0
    assert log.read_bytes() == odd + os.fsencode(folder)


def test_an_app_is_examined_though_its_thread_never_ends(tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(3600,)).start()\n"
        "def application(environ, start_response):\n"
        "    return []\n"
    )
    app = App(name="site_app", directory=str(tmp_path), python=own_base())
    look = Examiner(tmp_path / "cache").look(["site_app:application"], app)
    assert look.targets["site_app:application"].callable


def test_a_command_that_was_killed_has_not_run_out_of_time(tmp_path: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    argv = [sys.executable, "-c", script]
    assert contained.run(argv, "/", os.environ, tmp_path / "log", 60.0) == -signal.SIGKILL
