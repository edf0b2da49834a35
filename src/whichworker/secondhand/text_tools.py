"""Readers of text that wrk, wrk2, hey, oha and ab print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from whichworker.secondhand.printed import NUMBER, Printed, key_of, seconds_of

WRK = re.compile(r"^Running .+ test @ .*$", re.MULTILINE)
WRK_PART = rf"^\s*({NUMBER})%\s+(-?[0-9.a-z]+)\s*$"
SUMMARY = re.compile(r"^Summary:\s*$", re.MULTILINE)
AB = re.compile(r"^Concurrency Level:", re.MULTILINE)
SOCKETS = re.compile(
    r"Socket errors: connect (\d{1,15}), read (\d{1,15}), write (\d{1,15}), timeout (\d{1,15})"
)


def wrk(text: str) -> Iterator[Printed]:
    """Each run of wrk or wrk2 in a text."""
    yield from map(_of_wrk, _parts(WRK, text))


def _of_wrk(part: str) -> Printed:
    corrected = "HdrHistogram" in part or "Thread calibration" in part
    sockets = SOCKETS.search(part)
    failures = {}
    if sockets:
        kinds = ("connect", "read", "write", "timeout")
        failures = {kind: int(sockets[at]) for at, kind in enumerate(kinds, 1)}
    if other := _found(r"Non-2xx or 3xx responses:\s*(\d{1,15})", part):
        failures["status"] = int(other)
    latency = _found(r"^\s*Latency\s+(-?[0-9.a-z]+)", part)
    percentiles = {
        key_of(percent): known
        for percent, value in re.findall(WRK_PART, part, re.MULTILINE)
        if (known := seconds_of(value)) is not None
    }
    done = re.search(rf"^\s*(\d{{1,15}}) requests in ({NUMBER}\w+)", part, re.MULTILINE)
    mean = seconds_of(latency) if latency else None
    requests = int(done[1]) if done else None
    return Printed(
        tool="wrk2" if corrected else "wrk",
        name=part.partition("\n")[0].partition("@")[2].strip(),
        rate=_number(rf"Requests/sec:\s*({NUMBER})", part),
        seconds=seconds_of(done[2]) if done else None,
        requests=requests,
        connections=_whole(r"(\d{1,15}) connections", part),
        mean_seconds=mean if mean else None,
        percentiles={} if not mean else percentiles,
        failures={kind: count for kind, count in failures.items() if count},
        open_loop=corrected,
        dropped=failures.get("timeout", 0),
        latency_lost=bool(requests) and latency is not None and not mean,
    )


def hey_or_oha(text: str) -> Iterator[Printed]:
    """Each summary of hey or oha in a text."""
    for part in _parts(SUMMARY, text):
        oha = "Success rate:" in part or "Response time distribution:" in part
        statuses = {
            code: int(count) for code, count in re.findall(r"\[(\d{3})\]\s+(\d{1,15}) resp", part)
        }
        errors = part.partition("Error distribution:")[2]
        failures = {
            reason.strip()[:60]: int(count)
            for count, reason in re.findall(r"\[(\d{1,15})\]\s+(\S.*)", errors)
        }
        failures |= {f"status {code}": n for code, n in statuses.items() if code >= "400"}
        percentiles = {
            key_of(percent): float(value)
            for percent, value in re.findall(rf"({NUMBER})%%? in ({NUMBER}) secs?", part)
        }
        yield Printed(
            tool="oha" if oha else "hey",
            rate=_number(rf"Requests/sec:\s*({NUMBER})", part),
            seconds=_number(rf"Total:\s*({NUMBER}) sec", part),
            requests=sum(statuses.values()) or None,
            mean_seconds=_number(rf"Average:\s*({NUMBER}) sec", part),
            percentiles=percentiles,
            failures=failures,
        )


def ab(text: str) -> Iterator[Printed]:
    """Each run of ApacheBench in a text."""
    for part in _parts(AB, text):
        failures = {"failed": _whole(r"Failed requests:\s*(\d{1,15})", part) or 0}
        failures["status"] = _whole(r"Non-2xx responses:\s*(\d{1,15})", part) or 0
        mean = _number(rf"Time per request:\s*({NUMBER}) \[ms\] \(mean\)", part)
        percentiles = re.findall(r"^\s*(\d{1,15})%\s+(\d{1,15})\b", part, re.MULTILINE)
        yield Printed(
            tool="ab",
            rate=_number(rf"Requests per second:\s*({NUMBER})", part),
            seconds=_number(rf"Time taken for tests:\s*({NUMBER}) sec", part),
            requests=_whole(r"Complete requests:\s*(\d{1,15})", part),
            connections=_whole(r"Concurrency Level:\s*(\d{1,15})", part),
            mean_seconds=mean / 1e3 if mean else None,
            percentiles={key_of(one): int(ms) / 1e3 for one, ms in percentiles if one != "100"},
            failures={kind: count for kind, count in failures.items() if count},
        )


def _parts(head: re.Pattern[str], text: str) -> Iterator[str]:
    """The text of each run, from its first line to the next run's."""
    starts = [found.start() for found in head.finditer(text)]
    for begin, end in pairwise([*starts, len(text)]):
        yield text[begin:end]


def _found(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else None


def _number(pattern: str, text: str) -> float | None:
    found = _found(pattern, text)
    try:
        return float(found) if found else None
    except ValueError:
        return None


def _whole(pattern: str, text: str) -> int | None:
    found = _found(pattern, text)
    return int(found) if found else None
