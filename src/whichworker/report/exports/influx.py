"""InfluxDB line protocol: a point for each second of the window, and points at its end that sum it up.

A measurement that has a counterpart in k6 bears its name and counts in milliseconds, as k6 does. `value` is what a sum or a mean over the
measurement is meant for; percentiles, which cannot be added up, are in fields of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from whichworker.report.exports.measured import Measured
from whichworker.result import Distribution

MS = 1e3
NAMES = {
    "service": "http_req_duration",
    "response": "response_duration",
    "iteration": "iteration_duration",
    "blocked": "http_req_blocked",
    "connecting": "http_req_connecting",
    "tls": "http_req_tls_handshaking",
    "sending": "http_req_sending",
    "waiting": "http_req_waiting",
    "receiving": "http_req_receiving",
    "send_lag": "send_lag",
    "receive_delay": "receive_delay",
}
"""Measurements of times; the five that k6 does not have are called as they are here."""
FIELDS = {
    "avg": "mean",
    "min": "min",
    "max": "max",
    "stdev": "stdev",
    "med": "p50",
    "p90": "p90",
    "p95": "p95",
    "p99": "p99",
    "p99_9": "p99_9",
}

Field = float | bool | str


class Point(Struct, frozen=True):
    """One line: `seconds` since the epoch."""

    measurement: str
    fields: Mapping[str, Field]
    seconds: float
    tags: Mapping[str, str]


def render(measured: Measured) -> tuple[str]:
    """All lines, their times in nanoseconds."""
    return ("".join(map(_line, points(measured))),)


def points(measured: Measured) -> Iterator[Point]:
    """Every point of a load; what was not measured has none."""
    result = measured.result
    tags = {"run": result.run.id, "url": result.question.url}
    for seconds, count in measured.per_second():
        yield Point("http_reqs", {"value": count}, seconds, tags)
        if measured.closed:  # all of them are busy then; how many are in an open loop is known of the whole window only
            yield Point("vus", {"value": float(result.question.connections)}, seconds, tags)
    ends = measured.began + result.seconds
    for name, fields, more in _ends(measured):
        yield Point(name, fields, ends, {**tags, **more})


def _ends(measured: Measured) -> Iterator[tuple[str, dict[str, Field], dict[str, str]]]:
    result = measured.result
    yield "whichworker_load", _summary(measured), {}
    if measured.tried:
        failed: dict[str, Field] = {
            "value": measured.failed / measured.tried,
            "count": float(measured.failed),
        }
        yield "http_req_failed", failed, {}
    for kind, count in result.errors.items():
        yield "failures", {"count": float(count)}, {"kind": kind}
    for status, count in result.statuses.items():
        yield "statuses", {"count": float(count)}, {"status": status}
    for check in result.checks:
        if whole := check.passes + check.fails:
            passed: dict[str, Field] = {
                "value": check.passes / whole,
                "passes": float(check.passes),
                "fails": float(check.fails),
            }
            yield "checks", passed, {"check": check.name}
    if result.iterations is not None:
        yield "iterations", {"value": float(result.iterations)}, {}
    if result.scheduled is not None:
        yield "dropped_iterations", {"value": float(result.dropped)}, {}
    yield "vus_max", {"value": float(result.question.connections)}, {}
    yield "data_received", {"value": float(result.bytes_received)}, {}
    yield "data_sent", {"value": float(result.bytes_sent)}, {}
    if measured.valid:
        most: dict[str, Field] = (
            {"most": float(result.most_in_flight)} if result.most_in_flight else {}
        )
        yield "in_flight", {"mean": result.mean_in_flight, **most}, {}
    for name, times in measured.times.items():
        yield NAMES[name], _times(times), {}


def _summary(measured: Measured) -> dict[str, Field]:
    result = measured.result
    counts: dict[str, Field] = {
        "valid": measured.valid,
        "requests": float(result.requests),
        "attempts": float(result.attempts),
        "seconds": result.seconds,
    }
    if result.validity.reasons:
        counts["reasons"] = "; ".join(result.validity.reasons)
    rates = {
        "rate": measured.rate(result.requests),
        "intended_rate": result.intended_rate_per_second if measured.valid else None,
    }
    return {**counts, **{name: rate for name, rate in rates.items() if rate is not None}}


def _times(times: Distribution) -> dict[str, Field]:
    values = {field: getattr(times, name) for field, name in FIELDS.items()}
    return {
        "count": float(times.count),
        **{field: value * MS for field, value in values.items() if value is not None},
    }


def _line(point: Point) -> str:
    written = {name: _escape(text) for name, text in sorted(point.tags.items())}
    tags = "".join(
        f",{name}={text}" for name, text in written.items() if text
    )  # an empty value is not one
    fields = ",".join(f"{name}={_value(value)}" for name, value in point.fields.items())
    return f"{point.measurement}{tags} {fields} {round(point.seconds * 1e6) * 1000}\n"


def _escape(text: str) -> str:
    """A line ends with its newline; a backslash cannot be written so that every reader takes it for one."""
    return (
        " ".join(text.splitlines())
        .replace("\\", "/")
        .replace(",", "\\,")
        .replace("=", "\\=")
        .replace(" ", "\\ ")
    )


def _value(value: Field) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + " ".join(value.splitlines()).replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(float(value))
