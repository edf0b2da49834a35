"""The page by real requests: its headers, its events, its refusals and its one button."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.judge.stories import END, SERVERS, Story
from tests.live.serving import asked, first_event, served
from whichworker import redaction
from whichworker.errors import UsageError
from whichworker.live.processes import Processes, tail, writer_of
from whichworker.live.web import bound
from whichworker.store.journal import FILE, Journal

WRITER = """
import sys, time
from pathlib import Path
from whichworker.store.journal import Journal
try:
    with Journal(Path(sys.argv[1])):
        print("open", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "20260101-120000-aaaa"
    place.mkdir()
    story = Story(place, SERVERS).rounds(40).add(END)
    with Journal(place / FILE) as journal:
        for record in story.records:
            journal.append(record)
    return place


def test_the_page_and_its_policy(folder: Path) -> None:
    with served(folder) as page:
        status, headers, text = asked(page)
        assert status == 200
        assert folder.name in text
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


def test_the_first_event_is_the_run(folder: Path) -> None:
    with served(folder) as page:
        shown = msgspec.json.decode(first_event(page))
    assert shown["standing"]["state"] == "finished"
    assert shown["standing"]["rows"][0]["name"] == "granian-wsgi"
    assert shown["stoppable"] is False


@pytest.mark.parametrize("path", ["", "events"])
def test_strangers_get_nothing(folder: Path, path: str) -> None:
    with served(folder) as page:
        for headers in ({"Host": "rebound.example"}, {"Origin": "http://evil.example"}):
            status, _, text = asked(page, path, **headers)
            assert status == 403
            assert folder.name not in text
        assert asked(page, path, token=f"{page.token}x")[0] == 403
        assert asked(page, path, token="x")[0] == 403


def test_only_the_page_can_stop_the_run(folder: Path) -> None:
    with (
        served(folder) as page,
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder / FILE)], stdout=subprocess.PIPE, text=True
        ) as writer,
    ):
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        assert writer_of(folder / FILE) == writer.pid
        assert msgspec.json.decode(first_event(page))["stoppable"] is True
        assert asked(page, "stop", "POST")[0] == 403
        assert asked(page, "stop", "POST", Origin="http://evil.example")[0] == 403
        assert asked(page, "stop")[0] == 405
        assert writer.poll() is None
        own = f"http://127.0.0.1:{page.port}"
        assert asked(page, "stop", "POST", Origin=own)[0] == 202
        assert writer.stdout.readline() == "interrupted\n"
        assert writer.wait(10) == 0
        assert asked(page, "stop", "POST", Origin=own)[0] == 409


def test_a_run_without_a_journal_yet(tmp_path: Path) -> None:
    with served(tmp_path / "20260101-120000-bbbb") as page:
        shown = msgspec.json.decode(first_event(page))
    assert shown["standing"] is None
    assert shown["trouble"] == "The measurement has not begun"


def test_a_journal_of_something_else_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"record": "poem"}\n')
    with served(tmp_path) as page:
        assert "is not of this version" in msgspec.json.decode(first_event(page))["trouble"]


def test_a_port_that_is_taken(folder: Path) -> None:
    with bound(0) as first, pytest.raises(UsageError, match="cannot be used"):
        bound(first.getsockname()[1])


def test_servers_are_found_by_their_log(tmp_path: Path) -> None:
    launches = tmp_path / "launches"
    launches.mkdir()
    log = launches / "waitress-123.log"
    with log.open("w") as output:
        command = "print('hello\\x1b[31m', flush=True); import time; time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-c", command], stdout=output)
    try:
        processes = Processes(tmp_path)
        for _ in range(200):
            found = processes.look(1.0)
            if found and found[0].log:
                break
            time.sleep(0.05)
        (server,) = processes.look(2.0)
        assert server.name == "waitress"
        (worker,) = server.workers
        assert worker.pid == child.pid
        assert worker.cores is not None
        (line,) = server.log
        assert "hello" in line and "\x1b" not in line
    finally:
        child.kill()
        child.wait()
    assert processes.look(3.0) == ()


def test_the_end_of_a_log_has_no_half_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_secrets", {})
    key = "-----BEGIN KEY-----\nabcdefghijklmnop\n-----END KEY-----"
    redaction.remember("KEY", key)
    log = tmp_path / "a-1.log"
    log.write_text(f"{'x' * 3000}secret tail\nthe key is {key}.\nready\n")
    lines = tail(log)
    assert lines[-1] == "ready"
    assert not any("abcdefghijklmnop" in line or "secret tail" in line for line in lines)
    assert tail(tmp_path / "none.log") == ()
