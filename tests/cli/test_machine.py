"""The command line on machines as they are: each command works, or one line says why it cannot."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import missing
from tests.origin import serving

from whichworker.process.sockets import free_port
from whichworker.store import places

pytestmark = pytest.mark.timeout(400)  # a test runs a dozen commands

TOOL = (sys.executable, "-m", "whichworker")
ARMS = ("--servers", "gunicorn-sync,waitress")
RACE = ("race", "app:application", *ARMS, "--time", "5s", "--json", "r.json", "--html", "r.html")
PLACE = f"127.0.0.1:{free_port()}"
"""Of this process: other tests serve at the same time."""
QUICK: dict[str, tuple[str, ...]] = {
    "race": ("race", "app:application", *ARMS, "--dry-run"),
    "serve": ("serve", "app:application", "--servers", "waitress", "--once", "--bind", PLACE),
    "preflight": ("preflight", "app:application", "--servers", "waitress", "--dry-run"),
    "init": ("init", "app:application", "--force"),
    "show": ("show", "config"),
    "study": ("study",),
    "explain": ("explain", "sync", "--dry-run"),
    "servers": ("servers",),
    "cache": ("cache",),
    "doctor": ("doctor", "--quick"),
}
"""Every command but those that need a race, in seconds."""
NO_COERCION = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
Words = tuple[str, ...]


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: bytes
    err: bytes

    @property
    def said(self) -> str:
        """Everything, for a message."""
        return (self.out + self.err).decode(errors="backslashreplace")


class Machine(NamedTuple):
    """A project in a folder, and the variables of the shell."""

    project: Path
    variables: Mapping[str, str]
    before: Callable[[], object] | None = None

    def run(self, words: Iterable[str], out: int = subprocess.PIPE) -> Ended:
        """Run a command to its end; no traceback may ever be in its output."""
        done = subprocess.run(
            [*TOOL, *words],
            cwd=self.project,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=90,
            check=False,
            preexec_fn=self.before,
        )
        ended = Ended(done.returncode, done.stdout or b"", done.stderr)
        assert "Traceback" not in ended.said and "a fault of whichworker" not in ended.said
        return ended

    def works(self, commands: Iterable[Words]) -> None:
        """Run commands that must succeed."""
        for words in commands:
            done = self.run(words)
            if done.code:
                pytest.fail(f"{words} ended with {done.code}: {done.said}")

    def races(self) -> None:
        """A short race, and its advice."""
        done = self.run(RACE)
        if done.code not in (0, 3):  # a busy machine may make it invalid
            pytest.fail(done.said)
        assert json.loads((self.project / "r.json").read_bytes())["kind"] == "race"
        assert (self.project / "r.html").stat().st_size > 10_000
        assert self.run(["advise"]).code in (0, 2)


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """The variables of a shell with UTF-8, and a state folder of the test's own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "LC_", "LANG", "WHICHWORKER_"))
    }
    return {
        **kept,
        "LC_ALL": "C.UTF-8",
        "WHICHWORKER_STATE": str(tmp_path / "state"),
        "WHICHWORKER_CACHE": str(places.cache_folder()),
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with an app."""
    return project_at(tmp_path / "project")


def project_at(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    return folder


def one_line(done: Ended, fact: str) -> None:
    """It failed with one line and a hint."""
    assert done.code == 2, done.said
    lines = done.err.decode().splitlines()
    assert [line for line in lines if line.startswith("whichworker: ") and fact in line], done.said
    assert lines[-1].startswith("hint: "), done.said


@pytest.fixture(scope="session")
def latin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a Latin-1 locale, which is built for the tests."""
    program = shutil.which("localedef") or missing("localedef is not installed (libc-bin)")
    folder = tmp_path_factory.mktemp("locales")
    place = folder / "en_US.ISO-8859-1"
    done = subprocess.run(
        [program, "-i", "en_US", "-f", "ISO-8859-1", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        missing(f"no Latin-1 locale can be built (locales): {done.stderr.decode()}")
    return {"LOCPATH": str(folder), "LC_ALL": place.name}


@pytest.mark.servers
def test_without_a_home(project: Path, variables: dict[str, str]) -> None:
    del variables["HOME"]
    machine = Machine(project, variables)
    machine.works(QUICK.values())
    machine.races()


@pytest.mark.servers
@pytest.mark.parametrize("name", ["C", "POSIX"])
def test_in_an_ascii_locale(name: str, project: Path, variables: dict[str, str]) -> None:
    machine = Machine(project, {**variables, **NO_COERCION, "LC_ALL": name})
    machine.works(QUICK.values())
    machine.races()
    assert machine.run(["show", "config"]).out.isascii()


@pytest.mark.servers
def test_in_a_latin_locale(
    tmp_path: Path, variables: dict[str, str], latin: dict[str, str]
) -> None:
    machine = Machine(project_at(tmp_path / "grün"), {**variables, **NO_COERCION, **latin})
    machine.works(QUICK.values())
    machine.races()
    machine.run(["show", "config"]).out.decode("latin-1")


@pytest.mark.servers
def test_a_name_that_is_no_ascii_in_an_ascii_locale(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    machine = Machine(project_at(tmp_path / "grün"), {**variables, **NO_COERCION, "LC_ALL": "C"})
    one_line(machine.run(RACE), "is not text")
    machine.works([QUICK["servers"], QUICK["doctor"], QUICK["cache"]])


@pytest.mark.servers
@pytest.mark.parametrize("name", [b"ODD", b"O\xffD"])
def test_variables_of_any_bytes(name: bytes, project: Path, variables: dict[str, str]) -> None:
    odd = {os.fsdecode(name): os.fsdecode(b"a\xff\xc3b")}
    machine = Machine(project, {**variables, **odd})
    machine.works(QUICK.values())
    machine.races()


@pytest.mark.parametrize(
    "words", [*QUICK.values(), ("advise",)], ids=lambda words: " ".join(words[:1])
)
def test_a_path_that_is_no_text(words: Words, tmp_path: Path, variables: dict[str, str]) -> None:
    machine = Machine(project_at(tmp_path / os.fsdecode(b"a\xff\xc3b")), variables)
    done = machine.run(words)
    if words[0] in ("race", "serve", "preflight", "init", "advise"):
        return one_line(done, "is not text")
    assert done.code == 0, done.said
    return None


@pytest.mark.servers
def test_with_a_private_umask(project: Path, variables: dict[str, str]) -> None:
    machine = Machine(project, variables, lambda: os.umask(0o077))
    machine.works(QUICK.values())
    machine.races()
    assert (project / "r.json").stat().st_mode & 0o077 == 0


@pytest.mark.servers
def test_with_few_open_files(project: Path, variables: dict[str, str]) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))

    machine = Machine(project, variables, limit)
    machine.works(words for name, words in QUICK.items() if name != "race")
    one_line(machine.run(RACE), "256 connections need")
    done = machine.run([*RACE, "--connections", "16"])
    assert done.code in (0, 3), done.said


@pytest.mark.servers
@pytest.mark.parametrize("home", ["/proc/self", "/sys"])
def test_folders_that_cannot_be_written(
    home: str, project: Path, variables: dict[str, str]
) -> None:
    nowhere = {name: value for name, value in variables.items() if "WHICHWORKER" not in name}
    nowhere |= {"HOME": home, "XDG_CACHE_HOME": "", "XDG_STATE_HOME": ""}
    machine = Machine(project, nowhere)
    machine.works([QUICK["show"], QUICK["servers"], QUICK["study"], QUICK["cache"]])
    for words in (RACE, ("explain", "sync", "--quick"), ("study", "sync-or-async", "--quick")):
        one_line(machine.run(words), "cannot be made")
    machine = Machine(project, {**variables, "HOME": home, "WHICHWORKER_STATE": f"{home}/state"})
    one_line(machine.run(RACE), "folder of the run cannot be made")


@pytest.mark.servers
def test_two_races_at_once(project: Path, variables: dict[str, str]) -> None:
    machine = Machine(project, variables)
    with ThreadPoolExecutor(2) as pool:
        names = ("one.json", "two.json")
        races = list(pool.map(lambda name: machine.run([*RACE[:-4], "--json", name]), names))
    assert all(done.code in (0, 3) for done in races), [done.said for done in races]
    runs = {json.loads((project / name).read_bytes())["run"]["id"] for name in names}
    assert len(runs) == 2
    assert machine.run(["advise"]).code in (0, 2)


@pytest.mark.servers
@pytest.mark.parametrize(
    "name",
    [
        "with 'all' \"kinds\" of $HOME $(id) 100%s\ngrün 日本 \\ ;:&|<>*? [red]x[/red] {x} #!",
        "-dash",
    ],
    ids=["all", "dash"],
)
def test_a_path_of_any_characters(name: str, tmp_path: Path, variables: dict[str, str]) -> None:
    machine = Machine(project_at(tmp_path / name), variables)
    machine.works([QUICK["serve"], QUICK["init"], QUICK["preflight"], QUICK["show"]])
    machine.races()


def test_a_narrow_terminal(project: Path, variables: dict[str, str]) -> None:
    machine = Machine(project, {**variables, "COLUMNS": "20", "FORCE_COLOR": "1"})
    machine.works(QUICK.values())


@pytest.mark.parametrize("words", QUICK.values(), ids=QUICK)
def test_a_full_disk_for_the_output(words: Words, project: Path, variables: dict[str, str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = Machine(project, variables).run(words, full.fileno())
    if words[0] == "race" or words[0] == "preflight":
        assert done.code == 0, "its plan is a note, on standard error"
    else:
        one_line(done, "No space left on device")
    assert b"Exception ignored" not in done.err


@pytest.mark.servers
def test_a_full_disk_for_a_result_keeps_the_run(project: Path, variables: dict[str, str]) -> None:
    machine = Machine(project, variables)
    with Path("/dev/full").open("wb") as full:
        for words in (RACE[:-4], (*RACE[:-4], "--json", "-")):
            one_line(machine.run(words, full.fileno()), "No space left on device")
    one_line(machine.run([*RACE[:-4], "--json", "/dev/full"]), "could not be written")
    assert machine.run(["race", "--resume", "latest", "--time", "1s"]).code in (0, 3)


def test_a_load_whose_result_has_no_place(project: Path, variables: dict[str, str]) -> None:
    machine = Machine(project, variables)
    with serving() as origin, Path("/dev/full").open("wb") as full:
        words = ("load", origin.url, "--time", "0.3s", "--warmup", "0.1s")
        assert machine.run(words).code in (0, 3)
        one_line(machine.run(words, full.fileno()), "No space left on device")


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_closed_streams(closed: str, project: Path, variables: dict[str, str]) -> None:
    for words in QUICK.values():
        shell = ("sh", "-c", f'exec "$@" {closed}', "sh")
        done = subprocess.run(
            [*shell, *TOOL, *words],
            cwd=project,
            env=variables,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
