"""The documentation is the code's: reference pages are made from it, and what README says runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.docs.generate import PAGES, REFERENCE
from tests.secondhand.test_judge import WRK
from tests.versus.test_revisions import git

from whichworker.cli.frame.table import COMMANDS
from whichworker.cli.main import cli
from whichworker.model import Address, App
from whichworker.servers.protocol import Server

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
    if words[:2] == ["show", "requests"]:
        line = '203.0.113.9 - - [x] "GET / HTTP/1.1" 200 5\n'
        (tmp_path / "access.log").write_text(line, encoding="utf-8")
    if words[0] == "compare" or words[:1] == ["open"]:
        words.append("--help")  # there is no run in this folder
    if words[0] in ("advise", "live"):
        words.append("--help")  # there is no run in this folder
    if words[0] in ("versus", "gate"):
        (tmp_path / "wsgi.py").write_text("def application(environ, start_response): ...\n")
        git(tmp_path, "init", "--quiet", "--initial-branch", "main")
        git(tmp_path, "add", "wsgi.py")
        git(tmp_path, "commit", "--quiet", "-m", "one")
        words += ["--url", "/", "--dry-run"]
    if words[0] == "judge":
        (tmp_path / "wrk.txt").write_text(WRK)
    if words[0] in ("explain", "study"):
        words.append("--dry-run")
    if words[0] in ("race", "preflight"):
        words = [word if word != "mysite" else "builtin:django" for word in words]
        at = words.index("--resume") if "--resume" in words else None
        words = [*words[:at], *words[at + 2 :]] if at is not None else words
        words.append("--dry-run")
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output + repr(done.exception)


PAGES_OF_PROSE = ["README.md", "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES_OF_PROSE)
def test_make_targets_that_a_page_names_exist(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:`|^)make (\w+)", text, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize(
    "page",
    [*(ROOT / page for page in PAGES_OF_PROSE), *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert link.startswith("http") or (page.parent / link).exists(), link


def test_the_server_in_contributing_is_one() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(source.splitlines()) <= 30
    module: dict[str, Any] = {"__name__": "fastwsgi"}
    exec(compile(source, "CONTRIBUTING.md", "exec"), module)
    server: Server = module["Fastwsgi"]()
    app = App(name="shop", directory="/", python="python", wsgi="shop.wsgi:application")
    command = server.command(app, Address(host="127.0.0.1", port=8000), server.settings(2))
    assert command.argv[:2] == ("fastwsgi", "shop.wsgi:application")
