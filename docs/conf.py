"""The documentation site: `make site` builds it from the Markdown pages of this folder.

The pages are also read on GitHub, so they have no directives. Two steps replace them while
Sphinx reads a page: an index page gets its table of contents from the links in its own lists and
tables, and a link to a file outside this folder becomes a download.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import whichworker

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent

project = "whichworker"
author = "The whichworker maintainers"
version = release = whichworker.__version__

extensions = ["myst_parser", "sphinx_copybutton"]
myst_heading_anchors = 4
"""Links to a heading, as GitHub has them."""
exclude_patterns: list[str] = []

html_theme = "furo"
html_title = f"whichworker {release}"
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = ""  # a date would make every build differ
pygments_style, pygments_dark_style = "default", "monokai"
copybutton_prompt_text = "$ "  # only the commands are copied, and not what they print

INDEXES = ("index", "decisions/README", "reference/findings", "studies/README")
"""The pages whose lists and tables are tables of contents."""
HEADING = re.compile(r"## (.+)")
FIRST_LINK = re.compile(r"(?:[-|]|\d+\.) .*?\]\(([^):#]+)\.md\)")
"""Of a list item or a row of a table, to another page."""
LEAVING = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+)(?:#[^)\s]*)?\)")


def contents_of(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each section of an index page that has links to pages, with these pages."""
    caption, linked = "", list[str]()
    for line in [*page.splitlines(), "## the end"]:
        if heading := HEADING.fullmatch(line):
            if linked:
                yield caption, linked
            caption, linked = heading[1], []
        elif (link := FIRST_LINK.match(line)) and not link[1].startswith(".."):
            linked.append(link[1])


def trees_of(page: str) -> str:
    """The hidden tables of contents of an index page."""
    return "".join(
        "\n```{toctree}\n:hidden:\n"
        + (f":caption: {caption}\n" if caption else "")
        + "\n".join(["", *linked, "```", ""])
        for caption, linked in contents_of(page)
    )


def downloads_of(page: str, folder: Path) -> str:
    """The page, with each link to a file outside the documentation as a download of this file."""

    def download(link: re.Match[str]) -> str:
        if (folder / link[2]).resolve().is_relative_to(DOCS):
            return link[0]
        return f"{{download}}`{link[1].replace('`', '')} <{link[2]}>`"

    return LEAVING.sub(download, page)


def read(app: Sphinx, name: str, source: list[str]) -> None:
    """Sphinx calls this with the text of each page, and takes what it leaves there."""
    folder = (DOCS / name).parent
    trees = trees_of(source[0]) if name in INDEXES else ""
    source[0] = downloads_of(source[0], folder) + trees


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this first."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
