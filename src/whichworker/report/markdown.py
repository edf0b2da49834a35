"""Tables and foreign texts in Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from whichworker import units


def row(cells: Iterable[str]) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def inert(text: str) -> str:
    """A text of others that is no markup in Markdown or HTML, and stays in its cell."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for letter in "\\`*_[]|#!":
        escaped = escaped.replace(letter, f"\\{letter}")
    return units.visible(" ".join(escaped.split()))
