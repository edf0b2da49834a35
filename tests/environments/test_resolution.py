"""Versions by lock file, by date, by the app's own pins, and from an index without upload times."""

from __future__ import annotations

import datetime
import functools
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from tests.conftest import PROJECTS, faulty_question

from whichworker.bench import overlays
from whichworker.environments import lock_files, resolution, venvs
from whichworker.environments.installer import Unresolvable, uv_path
from whichworker.environments.interpreters import Interpreter, inspect, own_base
from whichworker.errors import EnvironmentFailed, UsageError
from whichworker.model import App, Question, Resolution, Subject, Workload, codes
from whichworker.model.arms import Arm
from whichworker.question.ask import budget_of

NOW = datetime.datetime(2026, 11, 29, 10, 42, 7, tzinfo=datetime.UTC)
LONG_AGO = "2023-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "as_of"),
    [
        ("2026-11-28", "2026-11-29T00:00:00Z"),
        ("20261128", "2026-11-29T00:00:00Z"),
        ("2026-11-29", "2026-11-29T10:00:00Z"),
        ("2026-11-29T09:00:00Z", "2026-11-29T09:00:00Z"),
        ("2026-11-29T09:00", "2026-11-29T09:00:00Z"),
        ("2026-11-29T09:00:00+02:00", "2026-11-29T07:00:00Z"),
    ],
)
def test_a_date_is_the_end_of_that_day_and_never_in_the_future(text: str, as_of: str) -> None:
    assert resolution.wished(exclude_newer=text, now=NOW) == Resolution(locked=False, as_of=as_of)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yesterday", "must be a date"),
        ("2026-13-01", "must be a date"),
        ("30 days", "must be a date"),
        (" ", "must be a date"),
        ("2026-11-30", "in the future"),
        ("2026-11-29T11:00:00Z", "in the future"),
    ],
)
def test_what_is_no_date_of_the_past_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolution.wished(exclude_newer=text, now=NOW)
    assert said in caught.value.fact
    assert caught.value.hint


def test_the_newest_versions_are_those_of_this_hour() -> None:
    assert resolution.wished(latest=True, now=NOW) == Resolution(
        locked=False, as_of="2026-11-29T10:00:00Z"
    )


def test_both_options_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="contradict"):
        resolution.wished(latest=True, exclude_newer="2026-11-01", now=NOW)


def test_by_default_the_lock_files_decide() -> None:
    assert resolution.wished(now=NOW) == Resolution(as_of=lock_files.day_of_servers())


def app_with(packages: dict[str, str]) -> Interpreter:
    """This interpreter, as if these were the app's own packages."""
    return msgspec.structs.replace(inspect(own_base()), packages=packages)


def locked_version(lock: str, name: str) -> str:
    pins = (pin.partition("==") for pin in resolution.PIN.findall(lock))
    return next(str(version) for known, _, version in pins if known == name)


@pytest.mark.servers
def test_a_server_has_the_versions_of_its_lock_file(tmp_path: Path) -> None:
    made = venvs.overlay(tmp_path, app_with({}), ("waitress",))
    locked = lock_files.for_server(("waitress",))
    assert made.version == locked_version(locked, "waitress")
    assert made.resolution == Resolution(locked=True, as_of=lock_files.day_of_servers())


@pytest.mark.servers
def test_the_packages_of_the_app_decide_and_the_rest_is_that_of_the_lock_file(
    tmp_path: Path,
) -> None:
    made = venvs.overlay(tmp_path, app_with({"h11": "0.14.0"}), ("uvicorn",))
    assert made.version == locked_version(lock_files.for_server(("uvicorn",)), "uvicorn")
    assert "h11" not in made.packages
    assert made.resolution is not None and made.resolution.locked


@pytest.mark.servers
def test_an_app_that_excludes_the_locked_version_gets_one_of_that_time(tmp_path: Path) -> None:
    made = venvs.overlay(tmp_path, app_with({"h2": "4.1.0"}), ("hypercorn",))
    locked = locked_version(lock_files.for_server(("hypercorn",)), "hypercorn")
    assert made.version != locked
    assert made.resolution == Resolution(locked=False, as_of=lock_files.day_of_servers())


@pytest.mark.servers
def test_an_app_younger_than_the_lock_files_gets_the_newest_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_files, "day_of_servers", lambda: LONG_AGO)
    made = venvs.overlay(tmp_path, app_with({}), ("waitress>=3.0.1",))
    assert made.resolution is not None
    assert made.resolution.locked, "the lock file itself has a version that fits"
    monkeypatch.setattr(lock_files, "for_server", lambda _: "")
    (tmp_path / "other").mkdir()
    made = venvs.overlay(tmp_path / "other", app_with({}), ("waitress>=3.0.1",))
    assert made.resolution is not None and made.resolution.as_of is not None
    assert made.resolution.as_of > LONG_AGO


@pytest.mark.servers
def test_a_date_gives_the_version_of_that_day_whatever_the_age_of_the_apps_packages(
    tmp_path: Path,
) -> None:
    wish = resolution.wished(exclude_newer="2024-06-01")
    made = venvs.overlay(tmp_path, app_with({}), ("waitress",), wish)
    assert made.version == "3.0.0"  # 3.0.1 is of October 2024
    assert made.resolution == Resolution(locked=False, as_of="2024-06-02T00:00:00Z")
    app = app_with({"h11": "0.16.0"})  # of April 2025
    made = venvs.overlay(tmp_path, app, ("uvicorn",), wish)
    assert made.version == "0.30.0"


@pytest.mark.servers
def test_a_version_younger_than_the_date_is_refused_with_the_reason(tmp_path: Path) -> None:
    wish = resolution.wished(exclude_newer="2024-06-01")
    with pytest.raises(Unresolvable, match=r"waitress.*3\.0\.2") as caught:
        venvs.overlay(tmp_path, app_with({}), ("waitress==3.0.2",), wish)
    assert not caught.value.lacks_upload_times


@pytest.mark.servers
def test_a_file_with_another_hash_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = f"waitress==3.0.2 --hash=sha256:{'0' * 64}\n"
    text = lock_files.headed(pin, lock_files.day_of_servers())
    monkeypatch.setattr(lock_files, "for_server", lambda _: text)
    with pytest.raises(EnvironmentFailed) as caught:
        venvs.overlay(tmp_path, app_with({}), ("waitress",))
    assert "mismatch" in f"{caught.value.fact} {caught.value.seen}".lower()
    assert not list(tmp_path.glob("overlays/*/lib/python*/site-packages/waitress"))


@pytest.mark.servers
def test_a_built_in_app_has_the_versions_of_a_day(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(lock_files.headed("", LONG_AGO), encoding="utf-8")
    lock.with_suffix(".in").write_text("sqlparse>=0.4\n", encoding="utf-8")
    wish = resolution.wished(exclude_newer="2024-06-01")
    made = venvs.application(tmp_path, "sqlparse", lock, own_base(), wish)
    assert made.packages["sqlparse"] == "0.5.0"


@pytest.fixture
def undated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a package on an index that gives no upload times, and has nothing else."""
    name = "whichworker_undated"
    files = tmp_path / "index" / name.replace("_", "-")
    source = tmp_path / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1.0"\n[tool.setuptools]\npy-modules = []\n'
    )
    argv = [uv_path(), "build", "--quiet", "--wheel", "--out-dir", str(files), str(source)]
    subprocess.run(argv, check=True, timeout=100)
    links = (f'<a href="{path.name}">{path.name}</a>' for path in files.glob("*.whl"))
    (files / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

    served = functools.partial(Quiet, directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), served) as index:
        thread = threading.Thread(target=index.serve_forever)
        thread.start()
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{index.server_port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        try:
            yield name
        finally:
            index.shutdown()
            thread.join()


@pytest.mark.servers
@pytest.mark.parametrize(
    "wish", [Resolution(), Resolution(locked=False, as_of=LONG_AGO)], ids=["locked", "by date"]
)
def test_an_index_without_upload_times_is_named_in_one_line(
    tmp_path: Path, undated: str, wish: Resolution
) -> None:
    python = own_base()
    label = inspect(python).short_version
    arm = Arm(
        name="undated",
        server="undated",
        kind="undated",
        family="undated",
        interface="wsgi",
        requirements=(undated,),
        python=label,
    )
    app = App(name="faults", directory=str(PROJECTS), python=python, wsgi="faults:application")
    question = Question(
        subject=Subject(
            apps={label: app}, workload=Workload(name="none", title="none", requests=())
        ),
        arms=(arm,),
        budget=budget_of(1.0),
    )
    question = msgspec.structs.replace(
        question, terms=msgspec.structs.replace(question.terms, resolution=wish)
    )
    notes: list[str] = []
    found, without = overlays.build(question, tmp_path, notes.append)
    assert not without
    assert found["undated"].version == "1.0"
    assert found["undated"].resolution == Resolution(locked=False, as_of=None)
    assert codes.UPLOAD_TIMES_MISSING.title in notes


@pytest.mark.parametrize(("error", "refused"), ((Unresolvable, True), (EnvironmentFailed, False)))
def test_a_setup_that_the_app_rules_out_cannot_run_and_has_not_failed(
    error: type[EnvironmentFailed], refused: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def overlay(*_: object, **__: object) -> None:
        raise error("it cannot be installed: the app has gunicorn 19.9.0")

    monkeypatch.setattr(venvs, "overlay", overlay)
    question = faulty_question([("gunicorn-sync", "")], seconds=1.0)
    found, (lost,) = overlays.build(question, tmp_path, lambda _: None)
    assert not found
    assert lost.refused is refused
    assert "19.9.0" in lost.failures[0].sample
