"""Tables for what people type and read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker import units
from whichworker.errors import ServerFailed, UsageError, WhichworkerError

LONG = "9" * 400
"""Infinite as a float."""


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (units.parse_duration, "10s", 10.0),
        (units.parse_duration, " 250 ms ", 0.25),
        (units.parse_duration, "2m", 120.0),
        (units.parse_duration, "2min", 120.0),
        (units.parse_duration, "1m30s", 90.0),
        (units.parse_duration, "1h 2m 3.5s", 3723.5),
        (units.parse_duration, "50us", 5e-5),
        (units.parse_duration, "50µs", 5e-5),
        (units.parse_duration, "7ns", 7e-9),
        (units.parse_size, "512MB", 512_000_000),
        (units.parse_size, "1.5GiB", 1_610_612_736),
        (units.parse_size, "4 kib", 4096),
        (units.parse_size, "17", 17),
        (units.parse_size, "17b", 17),
        (units.parse_share, "3%", 0.03),
        (units.parse_share, "0.03", 0.03),
        (units.parse_share, "99.9 %", 0.999),
        (units.parse_rate, "50/s", 50.0),
        (units.parse_rate, "600 / min", 10.0),
        (units.parse_rate, "3600/h", 1.0),
    ],
)
def test_reading(read: Callable[[str], float], text: str, value: float) -> None:
    assert read(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("read", "texts", "hint"),
    [
        (
            units.parse_duration,
            [
                "",
                "10",
                "s",
                "0s",
                "-5s",
                "10 parsecs",
                "1s!",
                "1e3s",
                "10s ago",
                "ten s",
                LONG + "s",
            ],
            "90s, 250ms or 2m",
        ),
        (units.parse_size, ["", "MB", "5 bananas", "-5MB", "1,5GB", LONG + "B"], "512MB or 1GiB"),
        (
            units.parse_share,
            ["", "0", "0%", "1", "100%", "3", "-3%", LONG + "%"],
            "3%",
        ),
        (units.parse_rate, ["", "50", "0/s", "-1/s", "50/day", "/s", LONG + "/s"], "50/s"),
    ],
)
def test_what_cannot_be_read_says_how_to_write_it(
    read: Callable[[str], float], texts: list[str], hint: str
) -> None:
    for text in texts:
        with pytest.raises(UsageError) as caught:
            read(text)
        assert repr(text) in caught.value.fact
        assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (units.show_seconds, 12.34, "12.3 s"),
        (units.show_seconds, 1.0, "1 s"),
        (units.show_seconds, 0.5, "500 ms"),
        (units.show_seconds, 0.00123, "1.23 ms"),
        (units.show_seconds, 0.000312, "312 µs"),
        (units.show_seconds, 5e-9, "5 ns"),
        (units.show_clock, 59.4, "59 s"),
        (units.show_clock, 59.6, "1 min 00 s"),
        (units.show_clock, 125, "2 min 05 s"),
        (units.show_bytes, 61_300_000, "61.3 MB"),
        (units.show_bytes, 2_000_000_000, "2 GB"),
        (units.show_bytes, 1500, "1.5 kB"),
        (units.show_bytes, 17, "17 B"),
        (units.show_share, 0.03, "3 %"),
        (units.show_share, 0.1234, "12.3 %"),
        (units.show_rate, 12345.6, "12,346"),
        (units.show_rate, 100.4, "100"),
        (units.show_rate, 12.34, "12.3"),
        (units.show_rate, 0.5, "0.5"),
    ],
)
def test_writing(show: Callable[[float], str], value: float, text: str) -> None:
    assert show(value) == text


@given(st.floats(1e-5, 900))
def test_what_is_written_can_be_read_again(seconds: float) -> None:
    assert units.parse_duration(units.show_seconds(seconds)) == pytest.approx(seconds, rel=0.006)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (WhichworkerError("it broke"), "it broke"),
        (WhichworkerError("it broke", hint="mend it"), "it broke\nhint: mend it"),
        (
            WhichworkerError("it broke", seen="one\ntwo\n\n", hint="mend it"),
            "it broke\n  | one\n  | two\nhint: mend it",
        ),
        (ServerFailed("start", "it ended", seen="log"), "it ended\n  | log"),
    ],
)
def test_an_error_is_a_fact_what_was_seen_and_a_hint(error: WhichworkerError, text: str) -> None:
    assert str(error) == text
    assert error.exit_code == 2
