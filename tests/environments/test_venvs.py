"""Why a build failed, in one line with a cure; and an existing environment needs no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from whichworker.apps import builtin
from whichworker.environments import locks, venvs
from whichworker.environments.installer import cure, reason
from whichworker.environments.interpreters import Interpreter, inspect, own_base
from whichworker.errors import EnvironmentFailed
from whichworker.model.distributions import distribution
from whichworker.store import places

NO_COMPILER = """
  × Failed to build `uwsgi==2.0.31`
  ├─▶ The build backend returned an error
  ╰─▶ Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)
      [stderr]
        File "uwsgiconfig.py", line 760, in __init__
          raise Exception("you need a C compiler to build uWSGI")
      Exception: you need a C compiler to build uWSGI

hint: Build failures usually indicate a problem with the package or the build environment
"""
NO_HEADERS = """
  × Failed to build `uwsgi==2.0.31`
      plugins/python/uwsgi_python.h:4:10: note: in file included
      fatal error: Python.h: No such file or directory
      compilation terminated.
"""
NOT_LINKED = """
  × Failed to build `uwsgi==2.0.31`
      In file included from /usr/include/python3.12/Python.h:38,
      /usr/include/python3.12/pyconfig.h:1611:9: warning: "_POSIX_C_SOURCE" redefined
      /usr/bin/ld: cannot find core/dot_h.o: No such file or directory
      error: ld returned 1 exit status
"""
NO_COMMAND = """
error: Failed to build `bjoern==3.2.2`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)

         [stdout]
         running build_ext
         building '_bjoern' extension
         cc -Wsign-compare -DNDEBUG -g -fwrapv -O3 -Wall -fPIC

         [stderr]
         error: [Errno 2] No such file or directory: 'cc'

hint: Build failures usually indicate a problem with the package or the build environment
"""
COMMAND_FAILED = """
error: Failed to build `bjoern==3.2.2`
  cause: Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)

         [stderr]
         error: Command '['/usr/bin/ld', '-Wsign-compare', '-DNDEBUG', '-g']' \
returned non-zero exit status 1.

hint: Build failures usually indicate a problem with the package or the build environment
"""
NO_SOLUTION_BEFORE = """
  × No solution found when resolving dependencies:
  ╰─▶ Because you require click==7.0 and uvicorn==0.54.0 depends on click>=8.0, \
we can conclude that your requirements are unsatisfiable.
"""
NO_SOLUTION = """
error: No solution found when resolving dependencies
  cause: Because you require gunicorn==27.0.1 and gunicorn==21.2.0, \
we can conclude that your requirements are unsatisfiable.
"""
NO_VERSION = """
error: No solution found when resolving dependencies
  cause: Because there is no version of granian==99.0 and you require granian==99.0, \
we can conclude that your requirements are unsatisfiable.
"""
NO_PACKAGE = """
error: No solution found when resolving dependencies
  cause: Because gunicron was not found in the package registry and you require gunicron, \
we can conclude that your requirements are unsatisfiable.
"""
OTHER_PYTHON = """
error: No solution found when resolving dependencies
  cause: Because the current Python version (3.11) does not satisfy Python>=3.12 and x==6 depends on Python>=3.12, we can conclude that x==6 cannot be used.
         And because you require x==6, we can conclude that your requirements are unsatisfiable.
"""  # noqa: E501 - as uv writes it
OFFLINE = """
error: No solution found when resolving dependencies
  cause: Because waitress was not found in the cache and you require waitress, \
we can conclude that your requirements are unsatisfiable.

hint: Packages were unavailable because the network was disabled. When the network is disabled, registry packages may only be read from the cache.
"""  # noqa: E501 - as uv writes it
REFUSED = """
error: Failed to fetch: http://127.0.0.1:9/simple/waitress/
  cause: error sending request for url (http://127.0.0.1:9/simple/waitress/)
  cause: client error (Connect)
  cause: tcp connect error
  cause: Connection refused (os error 111)
"""
NO_NAME = """
error: Failed to fetch: http://index.invalid/simple/waitress/
  cause: error sending request for url (http://index.invalid/simple/waitress/)
  cause: client error (Connect)
  cause: dns error
  cause: error resolving DNS
  cause: failed to lookup address information: Name or service not known
"""


@pytest.mark.parametrize(
    ("stderr", "said", "cured"),
    [
        (NO_COMPILER, "Exception: you need a C compiler to build uWSGI", "apt-get install gcc"),
        (NO_HEADERS, "fatal error: Python.h: No such file or directory", "python3-dev"),
        (
            NO_HEADERS.replace("Python.h: No such file or directory", "'Python.h' file not found"),
            "fatal error: 'Python.h' file not found",
            "python3-dev",
        ),
        (NOT_LINKED, "error: ld returned 1 exit status", ""),
        (NO_COMMAND, "error: [Errno 2] No such file or directory: 'cc'", "apt-get install gcc"),
        (COMMAND_FAILED, "error: /usr/bin/ld ended with exit status 1.", ""),
        (
            NO_SOLUTION_BEFORE,
            (
                "it cannot be installed: you require click==7.0 and"
                " uvicorn==0.54.0 depends on click>=8.0"
            ),
            "never changes",
        ),
        (
            NO_SOLUTION,
            "it cannot be installed: you require gunicorn==27.0.1 and gunicorn==21.2.0",
            "never changes",
        ),
        (
            NO_VERSION,
            (
                "it cannot be installed: there is no version of granian==99.0"
                " and you require granian==99.0"
            ),
            "a version that",
        ),
        (
            NO_PACKAGE,
            (
                "it cannot be installed: gunicron was not found in the package registry"
                " and you require gunicron"
            ),
            "a version that",
        ),
        (
            OTHER_PYTHON,
            (
                "it cannot be installed: the current Python version (3.11) does not satisfy"
                " Python>=3.12 and x==6 depends on Python>=3.12"
            ),
            "--python 3.12",
        ),
        (
            OFFLINE,
            "it cannot be installed: waitress was not found in the cache and you require waitress",
            "needs the package index",
        ),
        (
            REFUSED,
            "the package index could not be reached: tcp connect error",
            "needs the package index",
        ),
        (NO_NAME, "the package index could not be reached: dns error", "needs the package index"),
        ("", "uv failed without a message", ""),
    ],
)
def test_a_failure_is_one_line_with_a_cure(stderr: str, said: str, cured: str) -> None:
    assert reason(stderr) == said
    assert cured in cure(stderr)
    assert bool(cured) == bool(cure(stderr))


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("gunicorn>=25", "gunicorn"),
        ("gunicorn[gevent]>=25", "gunicorn"),
        ("uWSGI==2.0.31", "uwsgi"),
        ("zope.event", "zope-event"),
    ],
)
def test_the_distribution_of_a_requirement(requirement: str, name: str) -> None:
    assert distribution(requirement) == name


def interpreter() -> Interpreter:
    return inspect(own_base())


@pytest.fixture
def no_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on uv must not be asked for anything."""

    def refuse(*arguments: object) -> str:
        raise AssertionError(f"uv was asked: {arguments}")

    monkeypatch.setattr(venvs, "run_uv", refuse)


def test_a_folder_is_built_once_and_a_build_that_was_cut_short_again(tmp_path: Path) -> None:
    place, built = tmp_path / "place", []

    def build(fails: bool = False) -> None:
        assert not place.exists()
        place.mkdir()
        built.append(1)
        if fails:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        locks.once(place, lambda: build(fails=True))
    assert not (place / locks.COMPLETE).exists()
    for _ in range(3):
        assert locks.once(place, build) == place
    assert len(built) == 2


def test_what_is_used_can_be_used_by_others_but_not_be_had_alone(tmp_path: Path) -> None:
    place = locks.once(tmp_path / "place", lambda: (tmp_path / "place").mkdir())
    code = (
        "import sys; from pathlib import Path; from whichworker.environments import locks;"
        " locks.once(Path(sys.argv[1]), lambda: sys.exit(7))"
    )
    subprocess.run([sys.executable, "-c", code, str(place)], check=True, timeout=30)
    assert locks.in_use(place)
    with locks.alone(place) as mine:
        assert not mine


def test_the_lock_of_a_process_that_ended_is_free(tmp_path: Path) -> None:
    place = tmp_path / "place"
    code = """
import os, sys
from pathlib import Path
from whichworker.environments import locks
place = Path(sys.argv[1])
locks.once(place, place.mkdir)
os._exit(9)
"""
    assert (
        subprocess.run([sys.executable, "-c", code, str(place)], check=False, timeout=30).returncode
        == 9
    )
    assert not locks.in_use(place)
    with locks.alone(place) as mine:
        assert mine


def test_two_processes_build_a_folder_once(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from whichworker.environments import locks
place = Path(sys.argv[1])
def build():
    place.mkdir()
    (place.parent / "built").open("a").write("x")
    time.sleep(0.2)
locks.once(place, build)
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "place")]) for _ in range(4)
    ]
    assert [run.wait(30) for run in runs] == [0] * 4
    assert (tmp_path / "built").read_text() == "x"


@pytest.mark.servers
def test_the_second_use_of_an_overlay_asks_uv_for_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first = venvs.overlay(tmp_path, interpreter(), ("waitress",))
    request.getfixturevalue("no_uv")
    assert venvs.overlay(tmp_path, interpreter(), ("waitress",)) == first
    assert first.packages["waitress"] == first.version


@pytest.mark.servers
def test_the_second_use_of_a_built_in_app_asks_uv_for_nothing(
    request: pytest.FixtureRequest,
) -> None:
    cache = places.cache_folder()
    places.make_cache(cache)
    first = builtin.app("builtin:django", own_base(), cache)
    request.getfixturevalue("no_uv")
    assert builtin.app("builtin:django", own_base(), cache) == first


@pytest.mark.servers
def test_what_uv_has_seen_is_built_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("online", "offline"):
        (tmp_path / name).mkdir()
    venvs.overlay(tmp_path / "online", interpreter(), ("waitress",))
    monkeypatch.setenv("UV_OFFLINE", "1")
    assert venvs.overlay(tmp_path / "offline", interpreter(), ("waitress",)).version


@pytest.mark.servers
def test_a_first_build_without_network_says_so_in_one_line_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    with pytest.raises(EnvironmentFailed) as caught:
        venvs.overlay(tmp_path, interpreter(), ("waitress",))
    assert "\n" not in caught.value.fact
    assert "waitress" in caught.value.fact
    assert "the first build of an environment needs" in caught.value.hint
    assert not list(tmp_path.glob("overlays/*/" + locks.COMPLETE))
