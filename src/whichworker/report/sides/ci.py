"""What CI services read: GitHub's step summary and annotations, by the variables it sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from whichworker.report.sides.versus import render_markdown
from whichworker.result.versus import VersusResult

SUMMARY, GITHUB = "GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"
LEVELS = {"failed": "error", "undecided": "warning"}


def summarize(result: VersusResult, environment: Mapping[str, str]) -> Path | None:
    """Add the comparison to the summary of this step; returns its file, None if there is none."""
    if not environment.get(SUMMARY):
        return None
    path = Path(environment[SUMMARY])
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{render_markdown(result)}\n")
    return path


def annotated(result: VersusResult, environment: Mapping[str, str]) -> Iterator[str]:
    """A line for each limit that is not kept, as GitHub's workflow commands."""
    if environment.get(GITHUB) != "true":
        return
    for check in result.checks:
        if (level := LEVELS.get(check.outcome)) is not None:
            yield f"::{level} title=whichworker gate::{escaped(check.text)}"


def escaped(text: str) -> str:
    """A text that ends no workflow command (docs.github.com, workflow commands)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
