"""gunicorn.conf.py, read without running it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from whichworker.apps.gunicorn_file import settings_in

CORES = os.cpu_count() or 1


@pytest.mark.parametrize(
    ("text", "value"),
    (
        ("workers = 3", 3),
        ("import multiprocessing\nworkers = multiprocessing.cpu_count() * 2 + 1", 2 * CORES + 1),
        ("from os import cpu_count\nworkers = max(2, cpu_count() // 64)", max(2, CORES // 64)),
        ("import os\nworkers = int(os.environ.get('WORKERS', '7'))", 7),
        ("import os\nworkers = int(os.environ['SET'])", 5),
        ("import os\nworkers: int = int(os.getenv('UNSET') or 4)", 4),
        ("n = 2\nworkers = n * 3", 6),
        ("import os\nworkers = len(os.sched_getaffinity(0))", len(os.sched_getaffinity(0))),
        ("workers = round(2.6)", 3),
    ),
)
def test_a_number_is_computed(tmp_path: Path, text: str, value: int) -> None:
    path = tmp_path / "gunicorn.conf.py"
    path.write_text(text, encoding="utf-8")
    assert settings_in(path, {"SET": "5"})["workers"] == value


@pytest.mark.parametrize(
    ("text", "source"),
    (
        ("workers = compute()", "$compute()"),
        ("import os\nworkers = int(os.environ['MISSING'])", "$int(os.environ['MISSING'])"),
        ("workers = 1 // 0", "$1 // 0"),
        ("workers = 'a' * 99999999", "$'a' * 99999999"),
        ("workers = 9 * 9999999", "$9 * 9999999"),
        ("n = compute()\nworkers = n + 1", "$n + 1"),
        ("workers = int('many')", "$int('many')"),
    ),
)
def test_what_cannot_be_computed_stays_text(tmp_path: Path, text: str, source: str) -> None:
    path = tmp_path / "gunicorn.conf.py"
    path.write_text(text, encoding="utf-8")
    assert settings_in(path, {})["workers"] == source


def test_nothing_is_run_and_no_file_has_no_settings(tmp_path: Path) -> None:
    path = tmp_path / "gunicorn.conf.py"
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nbind = ':1'\npreload_app = True\n")
    assert settings_in(path, {}) == {"bind": ":1", "preload_app": True}
    assert not (tmp_path / "ran").exists()
    assert settings_in(tmp_path / "absent.py", {}) == {}
