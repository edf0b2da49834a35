"""The templates of the HTML pages: every value is escaped, and none may be missing."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """The templates; a new environment for those who add to it."""
    return Environment(
        loader=PackageLoader("whichworker.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
