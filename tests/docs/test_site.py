"""The documentation site: built without warnings, complete, searchable, and without other hosts."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.docs.site import DOCS

from whichworker import __version__
from whichworker.model import codes

pytestmark = pytest.mark.slow
ROOT = DOCS.parent
SOURCES = sorted(page.relative_to(DOCS).with_suffix("") for page in DOCS.rglob("*.md"))
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""Elements that a browser loads something for, and the attribute that names it."""
BUILD_SECONDS = 110


class Page(HTMLParser):
    """The links and the anchors of a page, and the files that a browser loads with it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for each element."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given["id"]} if "id" in given else set()
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given:
            self.loaded.append(given[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.site", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in (site / __version__).rglob("*.html")}


def test_each_version_has_a_folder(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    assert f"url={__version__}/index.html" in text
    start = (site / __version__ / "index.html").read_text(encoding="utf-8")
    assert f"<title>whichworker {__version__}</title>" in start


def test_every_page_is_in_a_table_of_contents(site: Path, pages: dict[Path, Page]) -> None:
    start = site / __version__ / "index.html"
    linked = {urlsplit(link).path for link in pages[start].links}
    missing = [
        str(page)
        for page in SOURCES
        if str(page) != "index" and f"{page}.html" not in linked
    ]  # fmt: skip
    assert len(SOURCES) > 200 and not missing


def test_the_search_finds_a_word_of_a_finding(site: Path) -> None:
    index = (site / __version__ / "searchindex.js").read_text(encoding="utf-8")
    assert "reference/findings/debug-toolbar" in index
    assert re.search(r'"?toolbar"?:', index)


def test_each_code_has_a_page_and_its_old_anchor(site: Path, pages: dict[Path, Page]) -> None:
    reference = site / __version__ / "reference"
    assert set(codes.TABLE) <= pages[reference / "findings.html"].anchors
    assert all((reference / "findings" / f"{code}.html").exists() for code in codes.TABLE)


def test_links_lead_to_a_page_and_an_anchor(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            to = urlsplit(link)
            target = (path.parent / unquote(to.path)).resolve() if to.path else path
            if to.scheme:
                continue
            known = pages[target].anchors if target in pages else set()
            if not target.is_file() or (to.fragment and unquote(to.fragment) not in known):
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_a_browser_loads_nothing_from_another_host(site: Path, pages: dict[Path, Page]) -> None:
    outside = re.compile(r"(?:https?:)?//")
    assert not [one for page in pages.values() for one in page.loaded if outside.match(one)]
    for style in site.rglob("*.css"):
        named = re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", style.read_text(encoding="utf-8"))
        assert not [one for one in named if outside.match(one)]
