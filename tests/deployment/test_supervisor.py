"""A real supervisor reads the emitted configurations and starts what they name."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervisor.datatypes import dict_of_key_value_pairs
from supervisor.options import UnhosedConfigParser, expand
from tests.conftest import faulty_question, processes_with
from tests.deployment.odd_projects import FOLDERS, odd, recorded
from tests.deployment.test_read_back import deployment

from whichworker.bench import overlays
from whichworker.deployment.kinds import emit, quoting
from whichworker.deployment.kinds.supervisor import read
from whichworker.errors import UsageError
from whichworker.load.http1 import fetch
from whichworker.model import Address, Request
from whichworker.model.deployments import Deployment
from whichworker.process.sockets import free_port
from whichworker.servers import table
from whichworker.store import places

ENDS_SECONDS = 60.0
MARK = "WHICHWORKER_TEST_OF_SUPERVISOR"
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12)


@contextmanager
def supervised(configurations: list[str], place: Path, mark: str) -> Iterator[Path]:
    """A supervisord that runs these programs, and its log; all are stopped at the end."""
    for number, text in enumerate(configurations):
        (place / f"{number}.conf").write_text(text, encoding="utf-8")
    log = place / "supervisord.log"
    (place / "supervisord.conf").write_text(
        f"[supervisord]\nnodaemon=true\nlogfile={log}\npidfile={place}/pid\nminfds=256\n"
        f"childlogdir={place}\n[include]\nfiles={place}/[0-9]*.conf\n"
    )
    with subprocess.Popen(
        [
            str(Path(sys.executable).parent / "supervisord"),
            *("--configuration", str(place / "supervisord.conf")),
        ],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", MARK: mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as daemon:
        try:
            yield log
        finally:
            daemon.terminate()
            daemon.wait(timeout=ENDS_SECONDS)


def waited(holds: Callable[[], bool], log: Path) -> None:
    """Return when it holds; fail with the log of supervisord if it never does."""
    end = time.monotonic() + ENDS_SECONDS
    while not holds():
        if time.monotonic() > end:
            pytest.fail(log.read_text(encoding="utf-8")[-3000:] if log.is_file() else "no log")
        time.sleep(0.05)


def configuration(what: Deployment) -> str:
    return next(file.text for file in emit(("supervisor",), what) if file.kind == "supervisor")


def test_programs_of_odd_folders_start_as_raced(tmp_path: Path) -> None:
    """One supervisor for all folders that it can name; the others are refused when written."""
    programs, texts, refused = [], [], []
    for number, folder in enumerate(FOLDERS):
        server = ("uvicorn", "gunicorn-gthread", "hypercorn")[number % 3]
        what = msgspec.structs.replace(
            odd(folder, server, tmp_path), shim="application = 1\n", project=f"odd-{number}"
        )
        try:
            texts.append(configuration(what))
        except UsageError as error:
            assert "supervisor cannot write" in error.fact
            refused.append(folder)
        else:
            programs.append(what)
    assert set(refused) <= {"shop #1", "shop ;a", "%n %(here)s", 'a "quoted" name'}
    stay = [text.replace("environment=", 'environment=STAYS="60",') for text in texts]
    with supervised(stay, tmp_path, str(tmp_path)) as log:
        waited(lambda: all(recorded(what) for what in programs), log)
    for what, text in zip(programs, texts, strict=True):
        start, told = recorded(what), read(text, Path(), "")
        assert start is not None
        assert start.argv == list(told.argv[1:])
        assert start.folder == told.folder == what.directory
        assert start.environment["ODD"] == told.environment["ODD"] == what.environment["ODD"]
        assert start.environment["PYTHONPATH"] == told.environment["PYTHONPATH"]
    assert not processes_with(str(tmp_path)), "a stop of supervisord stops them all"


@given(WORDS)
def test_a_value_is_read_whole_or_refused(word: str) -> None:
    try:
        text = quoting.supervisor(word)
    except UsageError as error:
        assert error.hint
        return
    reader = UnhosedConfigParser()
    reader.read_string(f"[program:a]\nenvironment=A={text}\n")
    reader.expand_here("/etc")
    line = reader.saneget("program:a", "environment", do_expand=False)
    assert dict_of_key_value_pairs(expand(line, {}, "environment")) == {"A": word}


@given(st.lists(WORDS, min_size=1, max_size=3))
def test_a_command_is_read_whole_or_refused(words: list[str]) -> None:
    try:
        text = quoting.supervisor_command(["/bin/a", *words, "z"])
    except UsageError as error:
        assert error.hint
        return
    reader = UnhosedConfigParser()
    reader.read_string(f"[program:a]\ncommand={text}\n")
    reader.expand_here("/etc")
    line = reader.saneget("program:a", "command")
    assert shlex.split(line) == ["/bin/a", *words, "z"]


APPS = {
    "shop/__init__.py": "",
    "shop/wsgi.py": """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"wsgi"]
""",
    "shop/asgi.py": """
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    headers = [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"asgi"})
""",
}


def answers(address: Address, interface: str) -> bool:
    try:
        response = fetch(address, Request(path="/"), "localhost", timeout=5)
    except OSError:
        return False
    return response.body.decode() == interface


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.timeout(400)
def test_every_contender_answers_below_supervisor(tmp_path: Path) -> None:
    """Started by its files alone, in a folder with an odd name, without the variables of a race."""
    folder = tmp_path / "my 50% shop's"
    for name, text in APPS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    question = faulty_question([(name, "") for name in table.CONTENDERS])
    (label,) = question.subject.apps
    question.subject.apps[label] = msgspec.structs.replace(
        question.app, asgi="shop.asgi:application"
    )
    environments, without = overlays.build(question, places.cache_folder(), lambda _: None)
    assert not without
    texts, running = [], []
    for arm in question.arms:
        port = free_port()
        what = msgspec.structs.replace(
            deployment(arm.server, folder=str(folder / arm.server)),
            project=arm.server,
            directory=str(folder),
            bin=environments[arm.name].bin,
        )
        Path(what.folder).mkdir()
        for file in emit(("supervisor",), what):
            text = file.text.replace("8000", str(port))
            (Path(what.folder) / file.name).write_text(text, encoding="utf-8")
            texts += [text] if file.kind == "supervisor" else []
        running.append((Address("127.0.0.1", port), arm.interface))
    with supervised(texts, tmp_path, str(tmp_path)) as log:
        waited(lambda: all(answers(*one) for one in running), log)
    assert not processes_with(str(tmp_path))
