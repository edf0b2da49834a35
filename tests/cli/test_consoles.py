"""Words of servers, apps and logs never act on a terminal, and no traceback reaches a user."""

from __future__ import annotations

import io
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from whichworker import redaction, units
from whichworker.cli.frame.consoles import Plain
from whichworker.cli.frame.failures import unexpected

HOSTILE = "a\x1b[2J\x1b]0;title\x07b\x9b31mc\u202ed\u2066e\x7ff\ud800g"


def acts(text: str) -> bool:
    return any(
        unicodedata.category(letter) in ("Cc", "Cs")
        or unicodedata.bidirectional(letter) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI")
        for letter in text
        if letter not in "\t\n"
    )


@given(st.text())
def test_no_text_acts(text: str) -> None:
    assert not acts(units.visible(text))
    shown = units.visible(f"\x1b[31m{text}\x1b[0m", colours=True)
    assert not acts(re.sub(r"\x1b\[[0-9;]*m", "", shown))


def test_a_text_of_an_app_is_shown_and_our_own_colours_stay() -> None:
    stream = io.StringIO()
    console = Plain(file=stream, force_terminal=True, color_system="standard", width=200)
    table = Table()
    table.add_column("setup")
    table.add_row(Text(HOSTILE, "red"))
    console.print(table)
    console.print(Text(HOSTILE), HOSTILE, markup=False, highlight=False)
    written = stream.getvalue()
    assert "\x1b[31m" in written and "␛[2J" in written
    assert not acts(re.sub(r"\x1b\[[0-9;]*m", "", written))


def test_a_fault_of_the_tool_is_a_line_and_its_traceback_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHICHWORKER_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(redaction, "_secrets", {})
    redaction.remember("API_TOKEN", "tok-abcdef123456")
    try:
        raise KeyError("tok-abcdef123456")
    except KeyError as error:
        said = unexpected(error)
    assert said.startswith("whichworker: a fault of whichworker itself: KeyError:")
    (file,) = (tmp_path / "state").iterdir()
    assert str(file) in said and file.stat().st_mode & 0o077 == 0
    trace = file.read_text(encoding="utf-8")
    assert "Traceback" in trace and "[API_TOKEN]" in trace and "abcdef" not in trace


def test_without_any_place_for_a_file_there_is_still_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WHICHWORKER_STATE", "/proc/nowhere")
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/proc/nowhere")
    assert "--verbose" in unexpected(ValueError("x"))
