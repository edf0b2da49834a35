"""The documentation is the code's: reference pages are made from it, and what README says runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.docs.generate import PAGES, REFERENCE

from whichworker.cli.main import cli
from whichworker.cli.table import COMMANDS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", list(PAGES))
def test_the_reference_is_what_the_code_says(page: str) -> None:
    assert (REFERENCE / page).read_text(encoding="utf-8") == PAGES[page](), "run `make docs`"


def readme_commands() -> list[str]:
    """Each whichworker command in a shell block of README."""
    blocks = re.findall(
        r"```(?:console|sh)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    lines = [
        line.removeprefix("$ ").split("  #")[0].strip()
        for block in blocks
        for line in block.splitlines()
    ]
    return [line for line in lines if line.startswith("whichworker ")]


def test_readme_shows_every_command() -> None:
    shown = {shlex.split(line)[1] for line in readme_commands()}
    assert shown >= set(COMMANDS)


@pytest.mark.parametrize("line", readme_commands())
def test_a_readme_command_is_one_the_tool_takes(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHICHWORKER_STATE", str(tmp_path))
    words = shlex.split(line)[1:]
    if words[0] == "serve":
        words = [word if word != "mysite" else "builtin:django" for word in words]
        if "--cores" in words:  # two of them may be more than there are
            del words[words.index("--cores") : words.index("--cores") + 2]
        words.append("--dry-run")
    if words[0] == "load":
        (tmp_path / "shop.toml").write_text('[[request]]\npath = "/"\n', encoding="utf-8")
        words.append("--dry-run")
    if words[0] == "advise":
        words.append("--help")  # there is no run in this folder
    if words[0] in ("explain", "study"):
        words.append("--dry-run")
    if words[0] in ("race", "preflight"):
        words = [word if word != "mysite" else "builtin:django" for word in words]
        at = words.index("--resume") if "--resume" in words else None
        words = [*words[:at], *words[at + 2 :]] if at is not None else words
        words.append("--dry-run")
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output + repr(done.exception)


def test_make_targets_that_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(
        re.findall(r"`make (\w+)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    ):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
