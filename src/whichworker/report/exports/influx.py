"""InfluxDB line protocol: a point for each second of the window, and sums at its end.

A measurement that k6 also has takes its k6 name and counts in milliseconds, as in k6. `value` is
for sums and means over the measurement; percentiles cannot be added up and are separate fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import NamedTuple

from whichworker.report.exports.measured import K6_TIMES, Measured, in_milliseconds

STATISTICS = {"avg": "mean", "med": "p50"} | {
    name: name for name in ("min", "max", "stdev", "p90", "p95", "p99", "p99_9")
}
ESCAPED = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", "\\": "/"})
"""InfluxDB's escapes; a backslash is replaced, because readers differ about it."""

Fields = dict[str, float | bool | str]


class Point(NamedTuple):
    """One line: `seconds` since the epoch."""

    measurement: str
    fields: Fields
    seconds: float
    tags: Mapping[str, str]


def render(measured: Measured) -> tuple[str]:
    """All lines, their times in nanoseconds."""
    return ("".join(map(_line, points(measured))),)


def dashboard(_: Measured | None = None) -> tuple[str]:
    """The Grafana dashboard for the output of `render`: JSON to import, the same for every run."""
    return (files(__package__).joinpath("grafana.json").read_text(encoding="utf-8"),)


def points(measured: Measured) -> Iterator[Point]:
    """Every point of a load; values that were not measured have none."""
    result = measured.result
    tags = {"run": result.run.id, "url": result.question.url}
    for seconds, count in measured.per_second():
        yield Point("http_reqs", {"value": count}, seconds, tags)
        if measured.users:  # in an open loop, busy connections are known for the whole window only
            yield Point("vus", {"value": measured.users}, seconds, tags)
    for name, fields, more in _ends(measured):
        yield Point(name, fields, measured.began + result.seconds, {**tags, **more})


def _ends(measured: Measured) -> Iterator[tuple[str, Fields, dict[str, str]]]:
    result = measured.result
    yield "whichworker_load", _summary(measured), {}
    if measured.tried:
        share = measured.failed / measured.tried
        yield "http_req_failed", {"value": share, "count": measured.failed}, {}
    for kind, count in result.errors.items():
        yield "failures", {"count": count}, {"kind": kind}
    for status, count in result.statuses.items():
        yield "statuses", {"count": count}, {"status": status}
    for check in result.checks:
        if whole := check.passes + check.fails:
            passed = {"passes": check.passes, "fails": check.fails}
            yield "checks", {"value": check.passes / whole, **passed}, {"check": check.name}
    for name, count in {**measured.counts, "vus_max": result.question.connections}.items():
        yield name, {"value": count}, {}
    if measured.valid:
        most = {"most": result.most_in_flight} if result.most_in_flight else {}
        yield "in_flight", {"mean": result.mean_in_flight, **most}, {}
    for name, times in measured.times.items():
        statistics = in_milliseconds(times, STATISTICS)
        yield K6_TIMES.get(name, name), {"count": times.count, **statistics}, {}


def _summary(measured: Measured) -> Fields:
    result = measured.result
    fields: dict[str, float | bool | str | None] = {
        "valid": measured.valid,
        "requests": result.requests,
        "attempts": result.attempts,
        "seconds": result.seconds,
        "reasons": "; ".join(result.validity.reasons) or None,
        "rate": measured.rate(result.requests),
        "intended_rate": result.intended_rate_per_second if measured.valid else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _line(point: Point) -> str:
    """A line ends with its newline, so there is none in it; a tag without a value is not one."""
    written = {name: " ".join(text.splitlines()) for name, text in sorted(point.tags.items())}
    tags = [f",{name}={text.translate(ESCAPED)}" for name, text in written.items() if text]
    fields = ",".join(f"{name}={_value(value)}" for name, value in point.fields.items())
    at = round(point.seconds * 1e6) * 1000
    return f"{point.measurement}{''.join(tags)} {fields} {at}\n"


def _value(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + " ".join(value.splitlines()).replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(float(value))
