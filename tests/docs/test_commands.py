"""Every command that a page shows is one that the tool takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from tests.docs import shown
from tests.docs.shown import DOCS, ELSEWHERE, PAGES, ROOT, Shown, hidden_in, prepared, shown_on
from tests.secondhand.test_judge import WRK

from whichworker.cli.main import cli
from whichworker.pytest_plugin import Objectives

EVERY = list(dict.fromkeys(one for page in PAGES for one in shown_on(page)))
OURS = [one for one in EVERY if one.line.startswith("whichworker ")]
THEIRS = [one for one in EVERY if one not in OURS]


@pytest.mark.parametrize("command", OURS, ids=str)
def test_a_command_is_one_the_tool_takes(
    command: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHICHWORKER_STATE", str(tmp_path / "state"))
    words = prepared(command, tmp_path)
    done = CliRunner().invoke(cli, words)
    # a result that contradicts itself is an example, too
    accepted = (0, 1) if words[0] == "judge" else (0,)
    assert done.exit_code in accepted, done.output + repr(done.exception)


@pytest.mark.parametrize("command", THEIRS, ids=str)
def test_another_program_is_a_known_one(command: Shown) -> None:
    program, *words = shlex.split(command.line)
    if program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE), words[0]
    elif "whichworker" in words:
        ours = words[words.index("whichworker") + 1 :]
        assert CliRunner().invoke(cli, ours, input=WRK).exit_code in (0, 1)
    else:
        assert program in ELSEWHERE.get(command.page.stem, ()), "no test runs it"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_command_hides_in_another_block(page: Path) -> None:
    assert not hidden_in(page)


@pytest.mark.parametrize("page", sorted((DOCS / "tutorials").glob("*.md")), ids=lambda it: it.stem)
def test_a_tutorial_shows_commands_and_what_they_print(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len({one.line for one in EVERY if one.page == page}) >= 4
    assert any(
        not line.startswith("$ ")
        for language, block in shown.BLOCK.findall(text)
        if language == "console"
        for line in block.splitlines()
    )
    assert 60 <= len(text.splitlines()) <= 120


def test_a_command_that_no_test_could_try_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ whichworker race --fast  # now\nprinted\n```\n\n```\n"
                    "$ whichworker load\n```\n", encoding="utf-8")  # fmt: skip
    assert [one.line for one in shown_on(page)] == ["whichworker race --fast"]
    assert hidden_in(page) == ["$ whichworker load"]
    done = CliRunner().invoke(cli, prepared(Shown(page, "whichworker race --fast"), tmp_path))
    assert done.exit_code == 2
    with pytest.raises(AssertionError, match="no test runs it"):
        test_another_program_is_a_known_one(Shown(page, "rm -r deploy"))


WORKFLOWS = [
    (page, block)
    for page in PAGES
    for language, block in shown.BLOCK.findall(page.read_text(encoding="utf-8"))
    if language == "yaml" and "whichworker" in block
]


@pytest.mark.parametrize(("page", "block"), WORKFLOWS, ids=lambda it: getattr(it, "stem", ""))
def test_a_workflow_gives_the_action_what_it_takes(page: Path, block: str) -> None:
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    (job,) = yaml.safe_load(block)["jobs"].values()
    (step,) = (step for step in job["steps"] if "whichworker" in step.get("uses", ""))
    assert set(step["with"]) <= set(inputs)
    words = ["gate", *shlex.split(step["with"]["arguments"]), "--help"]
    assert CliRunner().invoke(cli, words).exit_code == 0


@pytest.mark.parametrize("page", ["guides/compare.md", "tutorials/maintainer-in-ci.md"])
def test_the_fixture_of_a_page_exists(page: str) -> None:
    (block,) = (
        block
        for language, block in shown.BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
        if language == "python"
    )
    compile(block, page, "exec")
    for method in re.findall(r"whichworker\.(\w+)\(", block):
        assert callable(getattr(Objectives, method))
