"""The parts of all pages: HTML templates, whose values are escaped, and texts in Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from jinja2 import Environment, PackageLoader, StrictUndefined

from whichworker import units


def environment() -> Environment:
    """The templates; a new environment for those who add to it."""
    return Environment(
        loader=PackageLoader("whichworker.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def row(cells: Iterable[str]) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def inert(text: str) -> str:
    """A text of others that is no markup in Markdown or HTML, and stays in its cell."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for letter in "\\`*_[]|#!":
        escaped = escaped.replace(letter, f"\\{letter}")
    return units.visible(" ".join(escaped.split()))
