"""Durations, sizes, rates and shares: read from what people type, written for people to read.

Inside the code and in JSON there are only seconds, bytes, per second and fractions.
"""

from __future__ import annotations

import re

from whichworker.errors import UsageError

SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
BYTES = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}
RATES = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}  # seconds in the unit

_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,30})?)"
"""More digits are no number that a person means, and could be infinite as a float."""


HOSTILE = {
    **{code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)},
    0x7F: "\u2421",
    **dict.fromkeys(
        (*range(0x80, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
        "\ufffd",
    ),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}
"""Characters that act on a terminal instead of being shown: C0 but tab and newline, DEL, C1, those
that turn the direction of text (UAX 9, 2), and surrogates, which no stream takes. In their place
stands the picture of the character, or the replacement character."""
COLOURS = re.compile(r"(\x1b\[[0-9;]*m)")


def visible(text: str, *, colours: bool = False) -> str:
    """A text of others, harmless for a terminal; `colours` lets its colours through."""
    if not colours:
        return text.translate(HOSTILE)
    parts = COLOURS.split(text)
    return "".join(part if at % 2 else part.translate(HOSTILE) for at, part in enumerate(parts))


def parse_duration(text: str) -> float:
    """Read `10s`, `250ms`, `2m` or `1m30s` as seconds; raises UsageError for all else, and 0."""
    parts = re.findall(_NUMBER + r"\s*(ns|us|µs|ms|min|s|m|h|d)", text.strip())
    seconds = sum(float(number) * SECONDS[unit] for number, unit in parts)
    whole = "".join(number + unit for number, unit in parts) == re.sub(r"\s", "", text)
    if not parts or not whole or seconds <= 0:
        raise UsageError(
            f"not a duration: {text!r}", hint="write a number with a unit, such as 90s, 250ms or 2m"
        )
    return seconds


def parse_size(text: str) -> int:
    """Read `512MB` or `1.5GiB` as bytes."""
    match = re.fullmatch(_NUMBER + r"\s*([A-Za-z]*)", text.strip())
    if not match or match[2].upper() not in BYTES:
        raise UsageError(
            f"not a size: {text!r}", hint="write a number with a unit, such as 512MB or 1GiB"
        )
    return int(float(match[1]) * BYTES[match[2].upper()])


def parse_share(text: str) -> float:
    """Read `3%` or `0.03` as a fraction strictly between 0 and 1."""
    match = re.fullmatch(_NUMBER + r"\s*(%?)", text.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < share < 1:
        raise UsageError(
            f"not a share between 0 and 100 %: {text!r}", hint="write a percentage, such as 3%"
        )
    return share


def parse_rate(text: str) -> float:
    """Read `50/s` or `600/min` as a rate per second."""
    match = re.fullmatch(_NUMBER + r"\s*/\s*(s|m|min|h)", text.strip())
    if not match or float(match[1]) <= 0:
        raise UsageError(f"not a rate: {text!r}", hint="write requests per time, such as 50/s")
    return float(match[1]) / RATES[match[2]]


def show_seconds(seconds: float) -> str:
    """Write a duration with three significant digits and the unit a person would choose."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{_three_digits(seconds / scale)} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def show_clock(seconds: float) -> str:
    """Write a longer duration as `2 min 05 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def show_bytes(count: float) -> str:
    """Write a size in decimal units, as people read memory limits."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{_three_digits(count / scale)} {unit}"
    return f"{count:.0f} B"


def show_share(share: float) -> str:
    """Write a fraction as a percentage."""
    return f"{_three_digits(share * 100)} %"


def show_rate(per_second: float) -> str:
    """Write a rate per second without digits nobody can trust."""
    return f"{per_second:,.0f}" if per_second >= 100 else _three_digits(per_second)


def _three_digits(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    text = f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")
