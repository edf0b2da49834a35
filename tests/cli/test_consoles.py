"""Words of servers, apps and logs never act on a terminal, and no traceback reaches a user."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from whichworker import redaction, units
from whichworker.cli.frame.consoles import Plain
from whichworker.cli.frame.failures import not_utf8, unexpected
from whichworker.cli.frame.streams import LIKENESS, adapt

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


@pytest.mark.parametrize("width", range(20, 44, 3))
def test_no_part_of_a_secret_is_left_where_a_line_is_cut_or_wrapped(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_secrets", {})
    redaction.remember("API_TOKEN", "horse staple battery")
    line = Text('the API_TOKEN is "horse staple battery", for tests', "dim")
    stream = io.StringIO()
    console = Plain(file=stream, force_terminal=True, color_system="standard", width=width)
    table = Table("setup", width=width)
    table.add_row(line)
    console.print(line)
    console.print(line, overflow="ellipsis", no_wrap=True)
    console.print(table)
    written = stream.getvalue()
    assert "the API_TOKEN" in written and "\x1b[2m" in written
    assert not re.search(r"hor|sta|bat|ple|ery", written)


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


@pytest.mark.parametrize(
    ("text", "ascii_", "latin"),
    [
        ("3 µs ± 1 × 2–4 …", "3 us +/- 1 x 2-4 ...", "3 µs ± 1 × 2-4 ..."),
        ("é ² → ≥ 日", "e 2 -> >= ?", "é ² -> >= ?"),
        ("plain", "plain", "plain"),
        ("\udcff", "?", "?"),
    ],
)
def test_a_character_that_a_stream_lacks_has_a_likeness(text: str, ascii_: str, latin: str) -> None:
    adapt()
    assert text.encode("ascii", LIKENESS).decode("ascii") == ascii_
    assert text.encode("latin-1", LIKENESS).decode("latin-1") == latin


@given(st.text())
def test_every_stream_takes_every_text(text: str) -> None:
    adapt()
    for encoding in ("ascii", "latin-1", "utf-8", "cp437"):
        text.encode(encoding, LIKENESS)


def test_only_a_name_that_is_no_text_is_said_to_be_none() -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        "a\udcffb".encode()
    assert "'a\\udcffb' is not text in UTF-8\nhint: rename it" in not_utf8(caught.value)
    with pytest.raises(UnicodeEncodeError) as caught:
        "é".encode("ascii")
    assert not_utf8(caught.value) == not_utf8(ValueError("x")) == ""


STARTING = """
import os, signal, sys, types
from whichworker import __main__

class Slow(types.ModuleType):
    def __getattr__(self, name):
        os.kill(os.getpid(), int(sys.argv[1]))
        raise AssertionError("it went on")

sys.modules["whichworker.cli.main"] = Slow("slow")
__main__.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_while_the_tool_starts_is_one_line(number: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTING, str(int(number))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "whichworker: interrupted\n")
