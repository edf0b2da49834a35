"""The documentation is the code's: reference pages are made from it, and links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.docs.generate import PAGES, REFERENCE
from tests.docs.shown import shown_on

from whichworker.cli.frame.table import COMMANDS
from whichworker.model import Address, App
from whichworker.servers.protocol import Server

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", list(PAGES))
def test_the_reference_is_what_the_code_says(page: str) -> None:
    assert (REFERENCE / page).read_text(encoding="utf-8") == PAGES[page](), "run `make docs`"


def test_readme_shows_every_command() -> None:
    lines = [one.line for one in shown_on(ROOT / "README.md")]
    shown = {shlex.split(line)[1] for line in lines if line.startswith("whichworker ")}
    assert shown >= set(COMMANDS)


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
