"""The result of a load in a terminal and as a histogram log, loud about failures."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from msgspec.structs import replace

from whichworker.errors import UsageError
from whichworker.model import Stage
from whichworker.model.histogram import HIGHEST_NS
from whichworker.report import files
from whichworker.report import load as report
from whichworker.result import LoadResult, decode

from . import load_samples
from .test_terminal import console_of, shown

GOLDEN = Path(__file__).parent / "golden" / "load.txt"
SAMPLES = (
    load_samples.opened,
    load_samples.closed,
    load_samples.failing,
    load_samples.invalid,
    load_samples.unanswered,
)
every_sample = pytest.mark.parametrize(
    "result", [sample() for sample in SAMPLES], ids=[sample.__name__ for sample in SAMPLES]
)


def printed(result: LoadResult, width: int = 120, *, colour: bool = False) -> str:
    console = console_of(width, colour=colour)
    report.print_question(console, result.question, result.engine, result.engine_reason)
    report.print_load(console, result)
    return shown(console)


def test_the_summaries_are_the_golden_ones() -> None:
    """To regenerate after a wanted change, and then read the diff:

    WHICHWORKER_UPDATE_GOLDEN=1 python -m pytest tests/report/test_load.py
    """
    text = "".join(f"=== {sample.__name__} ===\n{printed(sample())}\n" for sample in SAMPLES)
    text += f"=== opened, 80 columns ===\n{printed(load_samples.opened(), 80)}\n"
    if os.environ.get("WHICHWORKER_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_an_invalid_load_shows_counts_and_no_measurement() -> None:
    text = printed(load_samples.invalid())
    assert "INVALID" in text
    assert all(
        reason in " ".join(text.split()) for reason in load_samples.invalid().validity.reasons
    )
    assert "14,686 correct responses" in text and "312×" in text
    for word in ("p99", "1.2 ms", "of CPU", "phases", "2,000 requests/s"):
        assert word not in text


def test_every_kind_of_failure_is_told_with_count_share_and_sample() -> None:
    text = printed(load_samples.failing())
    assert "x status 312× (2.08 %) first: expected status 200, got 503; body starts 'busy'" in text
    assert (
        "x timeout 2× (0.01 %) first: no complete response within 5 s\n    Traceback of nobody"
        in text
    )


def test_checks_are_ticked_or_crossed() -> None:
    text = printed(load_samples.failing())
    assert "✓ list has rows  7,343 of 7,343\n" in text
    assert "✗ cart is empty  7,331 of 7,343   first: expected count 0, got 3" in text


def test_times_of_a_closed_loop_are_never_called_latency_or_response() -> None:
    text = printed(load_samples.closed())
    assert "at full load" in text
    assert not re.search(r"^response", text, re.MULTILINE) and "latency" not in text


@every_sample
@pytest.mark.parametrize("width", [80, 40])
def test_a_narrow_terminal_is_no_reason_to_crash(result: LoadResult, width: int) -> None:
    assert printed(result, width)


@every_sample
def test_colour_adds_nothing_to_the_words(result: LoadResult) -> None:
    assert "\x1b[" in printed(result, colour=True)
    assert "\x1b" not in printed(result)


def test_texts_from_outside_are_not_markup() -> None:
    sample = load_samples.failing()
    text = printed(
        replace(sample, failures=(replace(sample.failures[0], sample="[bold]x[/bold]"),))
    )
    assert "[bold]x[/bold]" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "open loop at 2,000/s, poisson arrivals, at most 64 connections, 10 s, seed 7"),
        (
            {"arrivals": None, "rate_per_second": None, "connections": 1},
            "closed loop, 1 connection, 10 s",
        ),
        (
            {"arrivals": None, "rate_per_second": None, "requests": 5000, "time_seconds": 600.0},
            "5,000 requests in at most 10 min 00 s",
        ),
        (
            {
                "rate_per_second": None,
                "stages": (Stage(10.0, 0.0, 200.0), Stage(2.5, 200.0, 200.0)),
            },
            "0 to 200/s in 10 s, 200/s in 2.5 s",
        ),
        (
            {"rate_per_second": None, "stages": (Stage(1.0, 5.0, 5.0),) * 9},
            "5/s in 1 s, …, poisson",
        ),
    ],
)
def test_the_pace_in_words(changes: dict[str, object], words: str) -> None:
    assert words in report.pace(replace(load_samples.question(), **changes))


def test_the_histogram_log_is_read_back_by_another_tool(tmp_path: Path) -> None:
    result = load_samples.opened()
    (path,) = files.write_load(result, hdr=str(tmp_path / "load.hlog"))
    reader = HistogramLogReader(str(path), HdrHistogram(1, HIGHEST_NS, 3))
    read = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        read[histogram.get_tag()] = histogram
    reader.close()
    assert set(read) == {"response", "service"}
    for name, histogram in read.items():
        original = HdrHistogram.decode(result.histograms[name].encode())
        assert histogram.get_total_count() == original.get_total_count() == 5
        assert histogram.get_value_at_percentile(50) == original.get_value_at_percentile(50)
    began = 1_741_091_405_000
    assert read["service"].get_start_time_stamp() == pytest.approx(began + 1000)
    assert read["service"].get_end_time_stamp() == pytest.approx(began + 11_000)


def test_the_result_is_written_and_read_again(tmp_path: Path) -> None:
    (path,) = files.write_load(load_samples.failing(), json=str(tmp_path / "load.json"))
    assert decode(path.read_bytes()) == load_samples.failing()


@pytest.mark.parametrize(
    ("name", "fact"), [("-", "not standard output"), ("missing/load.hlog", "no folder")]
)
def test_where_a_log_cannot_go_is_said_before_the_load(
    name: str, fact: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=fact):
        files.check_writable(hdr=name)
