"""Temporary folders: private, gone after their block, and gone after a kill."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from whichworker.errors import EnvironmentFailed
from whichworker.process import broom, scratch

HOLDER = """
import subprocess, sys
from pathlib import Path
from whichworker.process import scratch
with scratch.folder(Path(sys.argv[1])) as folder:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "file").write_text("x")
    print(folder, flush=True)
    sys.stdin.readline()
"""
PATIENCE_SECONDS = 10.0


def test_it_is_private_and_gone_after_its_block(tmp_path: Path) -> None:
    with scratch.folder(tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "within").mkdir()
        (folder / "within" / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_it_is_gone_though_its_block_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch.folder(tmp_path) as folder:
        (folder / "file").write_text("x")
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_is_gone_after_a_kill(number: signal.Signals, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().strip())
        assert (folder / "deep/er/file").is_file()
        holder.send_signal(number)
    ends = time.monotonic() + PATIENCE_SECONDS
    while folder.exists() and time.monotonic() < ends:
        time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_broom_leaves_its_work_to_the_tool(tmp_path: Path) -> None:
    with scratch.folder(tmp_path) as folder:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(folder) in words and os.fsencode(broom.__file__) in words:
                os.kill(int(path.parent.name), signal.SIGKILL)
                break
        else:
            pytest.fail("no broom")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(EnvironmentFailed, match="no temporary folder") as caught,
        scratch.folder(tmp_path / "missing"),
    ):
        pass
    assert "FileNotFoundError" in caught.value.seen and "TMPDIR" in caught.value.hint


def test_an_interruption_while_the_broom_starts_leaves_nothing(tmp_path: Path) -> None:
    slow = tmp_path / "slow.py"
    text = Path(broom.__file__).read_text(encoding="utf-8")
    slow.write_text(text.replace("    folder = sys", "    time.sleep(3)\n    folder = sys"))
    script = HOLDER.replace("with scratch", f"scratch.broom.__file__ = {str(slow)!r}\nwith scratch")
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "tmp")]) as holder:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not children_of(holder.pid) and time.monotonic() < ends:
            time.sleep(0.01)
        sweepers = children_of(holder.pid)
        assert sweepers
        holder.send_signal(signal.SIGINT)
    while any(Path(f"/proc/{pid}").exists() for pid in sweepers) and time.monotonic() < ends:
        time.sleep(0.01)
    assert list((tmp_path / "tmp").iterdir()) == []


def children_of(pid: int) -> list[int]:
    """Those of its main thread that run a script."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    words = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in found}
    return [int(child) for child in found if b"slow.py" in words[child]]
