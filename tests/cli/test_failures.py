"""Every failure of the command line has one form: a lower-case fact, and a hint that cures it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from whichworker.cli.frame import command_line, exits
from whichworker.cli.frame.exits import MEANINGS, Exit
from whichworker.cli.frame.failures import DOCTOR, text_of
from whichworker.errors import UsageError

TOOL = [sys.executable, "-m", "whichworker"]
CASES = [
    (["rase"], "whichworker has no command 'rase'", "did you mean race?"),
    (["zzz"], "whichworker has no command 'zzz'", "whichworker --help"),
    (["race", "--databse", "sqlite"], "race has no option --databse", "did you mean --database?"),
    (["race", "--capacity=yes"], "option '--capacity' does not take a value", "race --help"),
    (["race", "--time"], "option '--time' requires an argument", "race --help"),
    (["race", "--claims", "leder"], "--claims: 'leder' is not one of", "did you mean leader?"),
    (["race", "a", "b"], "got unexpected extra argument (b)", "race --help"),
    (["load"], "URL|FILE is missing", "whichworker load URL|FILE"),
    (["explain"], "WORKER... is missing", "whichworker explain WORKER..."),
    (["cache", "lst"], "action: 'lst' is not one of", "did you mean list?"),
    (["show", "confg"], "show has no command 'confg'", "did you mean config?"),
]
IGNORED = [
    (["--from-openapi", "missing.yaml"], "the schema", "missing.yaml cannot be read"),
    (["--from-log", "missing.log"], "the access log", "missing.log cannot be read"),
    (["--env-file", ".env"], "--env-file has no use for the built-in app", "name your app"),
    (["--expect", "contains=x"], "--expect has no use for the built-in app", "name your app"),
    (["--header", "X-A: b"], "--header has no use for the built-in app", "name your app"),
]
FORMER = [
    (["race", "--requests", "x.toml"], "--request-file FILE"),
    (["load", "--request-file", "x.toml"], "whichworker load FILE"),
    (["serve", "--app", "mysite"], "whichworker serve APP"),
    (["serve", "gthread"], "whichworker serve --servers gunicorn-gthread"),
    (["serve", "gthread", "uvicorn"], "whichworker serve APP --servers A,B"),
    (["serve", "mysite", "--cpus", "0-1"], "--cores CORES"),
    (["advise", "--app", "mysite"], "whichworker advise APP"),
    (["advise", "20260101-000000-abcd"], "whichworker advise --run 20260101-000000-abcd"),
    (["init", "--app", "mysite"], "whichworker init APP"),
    (["servers", "--json"], "--json - for standard output"),
    (["cache", "--json"], "--json - for standard output"),
    (["show", "config", "--json"], "--json - for standard output"),
]


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOOL, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("words", "fact", "hint"), CASES)
def test_a_usage_error_is_a_fact_and_a_hint(
    words: list[str], fact: str, hint: str, tmp_path: Path
) -> None:
    done = run(words, tmp_path)
    first, last = done.stderr.splitlines()
    assert done.returncode == Exit.USAGE and not done.stdout
    assert first.startswith(f"whichworker: {fact}") and not first.endswith(".")
    assert last.startswith("hint: ") and last.endswith(hint)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("whichworker.toml", b"\xff", ["race"]),
        ("whichworker.toml", b"a = " + b"[" * 5000, ["race"]),
        ("whichworker.toml", b"time = inf", ["show", "config"]),
        ("pyproject.toml", b"tool = 3", ["show", "config"]),
        ("load.toml", b"a = " + b"9" * 5000, ["load", "load.toml"]),
        ("env", b"A=\0", ["race", "x:y", "--env-file", "env"]),
        ("deploy/whichworker-promise.json", b'{"run":"\xc2"}', ["advise", "--verify"]),
    ],
)
def test_a_file_of_another_form_is_no_fault_of_the_tool(
    name: str, content: bytes, words: list[str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    done = run(words, tmp_path)
    fact, hint = done.stderr.splitlines()
    assert done.returncode == Exit.USAGE and not done.stdout
    assert path.name in fact and "a fault of whichworker" not in fact
    assert hint.startswith("hint: ")


def test_a_variable_of_other_bytes_than_text_does_not_matter(tmp_path: Path) -> None:
    variables = {**os.environb, b"SECRET_KEY": b"\xffabcdefg"}
    done = subprocess.run([*TOOL, "--version"], env=variables, cwd=tmp_path, check=True)
    assert done.returncode == Exit.OK


@pytest.mark.parametrize(("words", "hint"), FORMER)
def test_a_former_spelling_fails_and_names_the_new_one(
    words: list[str], hint: str, tmp_path: Path
) -> None:
    done = run(words, tmp_path)
    assert done.returncode == Exit.USAGE
    assert hint in done.stderr.splitlines()[-1]


def test_a_command_without_a_word_prints_its_help(tmp_path: Path) -> None:
    done = run([], tmp_path)
    assert done.returncode == Exit.USAGE
    assert done.stderr.startswith("Usage: whichworker")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            UsageError("no port is free", seen="bind\nfailed\n", hint="name one"),
            "whichworker: no port is free\n  | bind\n  | failed\nhint: name one",
        ),
        (
            OSError(28, "No space left on device"),
            "whichworker: [Errno 28] No space left on device\nhint: " + DOCTOR,
        ),
        (
            click.UsageError("Something is wrong."),
            "whichworker: something is wrong\nhint: whichworker --help",
        ),
    ],
)
def test_every_error_has_the_same_form(error: Exception, text: str) -> None:
    assert text_of(error) == text


def test_verbose_shows_where_an_error_comes_from(tmp_path: Path) -> None:
    done = run(["cache", "clear", "--older-than", "soon", "-v"], tmp_path)
    assert "Traceback" in done.stderr and done.stderr.splitlines()[-1].startswith("hint: ")
    assert "Traceback" not in run(["cache", "clear", "--older-than", "soon"], tmp_path).stderr


def test_quiet_leaves_results_and_errors_only(tmp_path: Path) -> None:
    words = ["race", "builtin:django", "--servers", "waitress", "--dry-run"]
    assert "waitress" in run(words, tmp_path).stderr
    assert run([*words, "-q"], tmp_path).stderr == ""
    assert "hint:" in run(["race", "nothing/here", "--quiet"], tmp_path).stderr


@pytest.mark.parametrize(
    ("finished", "valid", "failed", "code"),
    [
        (True, True, False, 0),
        (True, True, True, 1),
        (True, False, True, 3),
        (False, False, True, 130),
    ],
)
def test_the_exit_code_of_a_run(finished: bool, valid: bool, failed: bool, code: int) -> None:
    assert exits.of_run(finished=finished, valid=valid, failed=failed) == code


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Exit)


def test_secrets_of_a_command_line_are_not_kept() -> None:
    words = ["race", "--login", "/in a=b", "--header=Cookie: c", "--time", "3s"]
    assert command_line.without_secrets(words) == [
        "race",
        "--login",
        "[secret]",
        "--header=[secret]",
        "--time",
        "3s",
    ]


@pytest.mark.servers
@pytest.mark.parametrize(("words", "fact", "hint"), IGNORED)
def test_no_option_is_ignored_because_no_app_was_found(
    words: list[str], fact: str, hint: str, tmp_path: Path
) -> None:
    done = run(["race", "--dry-run", *words], tmp_path)
    assert done.returncode == Exit.USAGE
    assert f"whichworker: {fact}" in done.stderr and hint in done.stderr
