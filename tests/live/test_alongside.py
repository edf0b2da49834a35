"""The page's process: it starts in any folder, takes any line, and ends with its command."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from whichworker import redaction
from whichworker.errors import UsageError
from whichworker.live import alongside
from whichworker.live.follower import obey

COMMAND = """
import sys, time
from pathlib import Path
from whichworker.live import alongside
with alongside.page() as page:
    page.follow(Path.cwd())
    print(page.address, page.process.pid, flush=True)
    time.sleep(60)
"""


def gone(process: int) -> bool:
    for _ in range(300):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_project_may_have_any_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("secrets", "signal", "starlette", "uvicorn", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the project')\n")
    monkeypatch.chdir(tmp_path)
    with alongside.page() as page:
        place = urlsplit(page.address)
        connection = http.client.HTTPConnection(place.netloc, timeout=20)
        connection.request("GET", place.path)
        assert connection.getresponse().status == 200
        connection.close()
    assert page.process.returncode == 0


def test_the_page_ends_with_a_command_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        _, number = command.stdout.readline().split()
        command.send_signal(signal.SIGKILL)
        command.wait(10)
    assert gone(int(number))


def test_a_line_that_was_cut_off_ends_the_page() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "whichworker.live.follower"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"http://127.0.0.1:")
        process.communicate(b'{"folder": "/some/wh', timeout=30)
    assert process.returncode == 0


def test_a_folder_and_a_secret_may_be_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", {})
    secret = "not utf-8: \udcff\udcfe, and long"
    line = json.dumps({"folder": "/tmp/f\udcff", "secrets": [["KEY", secret]]}).encode("ascii")
    followed: list[Path] = []
    obey([line], followed.append)
    assert followed == [Path("/tmp/f\udcff")]
    assert redaction.clean(f"it is {secret}") == "it is [KEY]"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alongside, "NEEDED", ("starlette", "a_module_that_nobody_has"))
    with pytest.raises(UsageError, match="needs Starlette"), alongside.page():
        pass
