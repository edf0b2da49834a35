"""The document of the page: everything else comes as events, and is put in as text."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from whichworker.live import guard


def render(run: str) -> tuple[str, str]:
    """The HTML and its Content-Security-Policy."""
    script, style = (
        _text("live", "live.js"),
        _text("report", "report.css") + _text("live", "live.css"),
    )
    document = _environment().get_template("live.html")
    return document.render(run=run, script=script, style=style), guard.policy(script, style)


@cache
def _text(room: str, name: str) -> str:
    return files(f"whichworker.{room}").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("whichworker.live", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
