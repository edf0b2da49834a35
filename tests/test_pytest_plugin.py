"""The fixture for pytest in a project of its own, with a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

APP = '''"""One page is quick, one takes 80 ms."""

import time


def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.08)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
'''
TESTS = """
def test_quick(whichworker):
    result = whichworker.holds("/", "60/s", "p90<900ms", seconds=3)
    assert result["kind"] == "load"

def test_slow(whichworker):
    whichworker.holds("/slow", "20/s", "p90<40ms", seconds=3)

def test_few(whichworker):
    whichworker.holds("/", "20/s", "p99.9<900ms", seconds=2)

def test_wrong(whichworker):
    whichworker.holds("/", "20/s", "p99 below 3")
"""


@pytest.mark.alone
def test_a_project_tests_its_objectives(tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text(APP)
    (tmp_path / "test_speed.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nwhichworker_servers = waitress\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-p", "no:xdist"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
    )
    assert "1 passed" in done.stdout, done.stdout
    assert "3 failed" in done.stdout
    assert "/slow at 20/s: p90<40ms is missed by" in done.stdout
    assert "too few for p99.9<900ms" in done.stdout
    assert "not a clause of an objective" in done.stdout
