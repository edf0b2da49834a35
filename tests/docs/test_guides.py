"""What the guides show is what the tool takes: load files are parsed, formats exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from whichworker.errors import UsageError
from whichworker.report.exports import FORMATS
from whichworker.workloads.definition import Definition, parse_definition

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
COMPARED = "from-k6-and-locust.md"
CHECKED = (COMPARED, "exports.md")


def blocks(guide: str, language: str) -> list[str]:
    return re.findall(
        rf"```{language}\n(.*?)```", (GUIDES / guide).read_text(encoding="utf-8"), re.DOTALL
    )


FILES = [(guide, text) for guide in CHECKED for text in blocks(guide, "toml")]


@pytest.mark.parametrize(("guide", "text"), FILES, ids=lambda text: text.splitlines()[0])
def test_a_load_file_of_a_guide_is_one(guide: str, text: str) -> None:
    assert parse_definition(text, GUIDES / guide).url == "http://127.0.0.1:8000"


def test_the_load_files_say_what_the_scripts_beside_them_say() -> None:
    stages, login, weights, sessions = (
        parse_definition(text, GUIDES / COMPARED) for text in blocks(COMPARED, "toml")
    )
    assert [(stage.seconds, stage.end_rate) for stage in stages.stages] == [
        (10.0, 200.0),
        (30.0, 200.0),
        (5.0, 0.0),
    ]
    assert [check.name for check in stages.requests[0].checks] == [
        "status is 200",
        "a page is full",
    ]
    assert [step.request.method for step in login.sessions[0].steps] == [
        "GET",
        "POST",
        "GET",
        "GET",
    ]
    assert shares(weights) == [3, 1] and [session.weight for session in sessions.sessions] == [3, 1]


def shares(definition: Definition) -> list[int]:
    return [request.weight for request in definition.requests]


def test_what_the_guide_calls_without_counterpart_has_none() -> None:
    for key in ("thresholds", "setup", "on_start", "vus"):
        with pytest.raises(UsageError, match="unknown key"):
            parse_definition(f'{key} = "x"\n[[request]]\npath = "/"', GUIDES / COMPARED)


def test_every_format_is_in_the_guide() -> None:
    text = (GUIDES / "exports.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in FORMATS)
