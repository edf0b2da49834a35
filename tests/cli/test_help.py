"""Help, version and completion: what they say, word by word, and what they do not import for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from whichworker.cli.frame.exits import Exit
from whichworker.cli.frame.table import COMMANDS, SHOW, Declared
from whichworker.cli.main import cli

GOLDEN = Path(__file__).parent / "golden"
PAGES = {
    "whichworker": (),
    **{name: (name,) for name in COMMANDS},
    **{f"show-{name}": ("show", name) for name in SHOW},
}
DECLARED = [declared for declared in (*COMMANDS.values(), *SHOW.values()) if declared.run]
HEAVY = {"numpy", "scipy", "rich", "jinja2", "psutil"}
LISTED = """
import sys
from whichworker.cli.main import main
try:
    main()
finally:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def page_of(words: tuple[str, ...]) -> str:
    """The help of one command in a terminal of 80 columns."""
    command: click.Command = cli
    context = context_of(cli, "whichworker")
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None
        command, context = found, context_of(found, word, context)
    return command.get_help(context) + "\n"


def context_of(
    command: click.Command, name: str, parent: click.Context | None = None
) -> click.Context:
    names = list(cli.context_settings["help_option_names"])
    return command.context_class(
        command, info_name=name, parent=parent, terminal_width=80, help_option_names=names
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_help_page_is_the_golden_one(name: str) -> None:
    """To write them again:

    WHICHWORKER_UPDATE_GOLDEN=1 python -m pytest tests/cli/test_help.py
    """
    page, golden = page_of(PAGES[name]), GOLDEN / f"{name}.txt"
    if os.environ.get("WHICHWORKER_UPDATE_GOLDEN") == "1":
        golden.write_text(page, encoding="utf-8")
    assert page == golden.read_text(encoding="utf-8")
    assert max(map(len, page.splitlines())) <= 80


def test_no_golden_page_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(PAGES)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_fits_one_line(name: str) -> None:
    (line,) = [line for line in page_of(()).splitlines() if line.startswith(f"  {name} ")]
    assert line.endswith(COMMANDS[name].summary)


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.run)
def test_a_summary_is_a_sentence_that_starts_with_a_verb(declared: Declared) -> None:
    assert declared.summary[0].isupper() and not declared.summary.endswith(".")
    assert declared.section or declared in SHOW.values()
    assert {Exit.OK, Exit.USAGE} <= set(declared.exits)


def loaded_by(*words: str, **environment: str) -> tuple[str, set[str]]:
    """The output of a command, and the packages it imported."""
    done = subprocess.run(
        [sys.executable, "-c", LISTED, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("-V",), ("-h",)])
def test_the_tool_itself_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    printed, packages = loaded_by(*words)
    assert printed.startswith(("Usage: whichworker", "whichworker, version "))
    assert "whichworker" in packages
    assert not packages & {*HEAVY, "msgspec"}


@pytest.mark.parametrize("words", [words for words in PAGES.values() if words])
def test_the_help_of_a_command_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    printed, packages = loaded_by(*words, "--help")
    assert f"Usage: whichworker {' '.join(words)}" in printed
    assert not packages & HEAVY


@pytest.mark.parametrize(
    ("typed", "completed", "unneeded"),
    [
        ("whichworker ra", {"race"}, {*HEAVY, "msgspec"}),
        ("whichworker race --allow-w", {"--allow-writes"}, HEAVY),
        ("whichworker race --database ", {"sqlite", "postgres"}, HEAVY),
        ("whichworker cache ", {"list", "clear"}, HEAVY),
        ("whichworker show ", {"app", "config", "requests", "run"}, {*HEAVY, "msgspec"}),
    ],
)
def test_completion_imports_nothing_heavy(
    typed: str, completed: set[str], unneeded: set[str]
) -> None:
    printed, packages = loaded_by(
        _WHICHWORKER_COMPLETE="bash_complete",
        COMP_WORDS=typed,
        COMP_CWORD=str(len(typed.split(" ")) - 1),
    )
    assert {line.partition(",")[2] for line in printed.splitlines()} == completed
    assert not packages & unneeded
