"""The document of the page: everything else comes as events, and is put in as text."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from markupsafe import Markup

from whichworker.live import guard
from whichworker.report.pages import skeleton


def render(run: str) -> tuple[str, str]:
    """The HTML and its Content-Security-Policy."""
    script = _text("live", "live.js")
    style = _text("report", "report.css") + _text("live", "live.css")
    document = skeleton.environment().from_string(_text("live", "live.html"))
    text = document.render(run=run, script=Markup(script), style=Markup(style))
    return text, guard.policy(script, style)


@cache
def _text(room: str, name: str) -> str:
    return files(f"whichworker.{room}").joinpath("templates", name).read_text(encoding="utf-8")
