"""The summary that k6 writes with --summary-export: metrics by their names there, times in milliseconds."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from whichworker.report.exports.influx import NAMES
from whichworker.report.exports.measured import Measured
from whichworker.result import Distribution

MS = 1e3
EXPECTED = "http_req_duration{expected_response:true}"
STATISTICS = {
    "avg": "mean",
    "min": "min",
    "med": "p50",
    "max": "max",
    "p(90)": "p90",
    "p(95)": "p95",
    "p(99)": "p99",
}

Metric = dict[str, float]


def render(measured: Measured) -> tuple[str]:
    """The summary as JSON; a statistic that the sample cannot support is not in it."""
    summary = {"root_group": _root(measured), "metrics": dict(sorted(_metrics(measured).items()))}
    return (json.dumps(summary, indent=4, ensure_ascii=False) + "\n",)


def _metrics(measured: Measured) -> dict[str, Metric]:
    result = measured.result
    metrics = {
        "http_reqs": _counter(measured, measured.tried),
        "data_received": _counter(measured, result.bytes_received),
        "data_sent": _counter(measured, result.bytes_sent),
        "vus_max": _gauge(result.question.connections),
    }
    if measured.closed:
        metrics["vus"] = _gauge(result.question.connections)
    if measured.tried:
        # "passes" counts what the metric is about, and that is failing.
        metrics["http_req_failed"] = _rate(measured.failed, result.requests)
    if result.checks:
        metrics["checks"] = _rate(
            sum(check.passes for check in result.checks),
            sum(check.fails for check in result.checks),
        )
    if result.iterations is not None:
        metrics["iterations"] = _counter(measured, result.iterations)
    if result.scheduled is not None:
        metrics["dropped_iterations"] = _counter(measured, result.dropped)
    for name, times in measured.times.items():
        metrics[NAMES[name]] = _trend(times)
    if "service" in measured.times:
        metrics[EXPECTED] = _trend(measured.times["service"])
    return metrics


def _root(measured: Measured) -> dict[str, Any]:
    checks = {}
    for check in measured.result.checks:
        path = f"::{check.name}"
        checks[check.name] = {
            "name": check.name,
            "path": path,
            "id": _id(path),
            "passes": check.passes,
            "fails": check.fails,
        }
    return {"name": "", "path": "", "id": _id(""), "groups": {}, "checks": checks}


def _id(path: str) -> str:
    """As k6 makes them, so that its readers can tell checks apart."""
    return hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()


def _counter(measured: Measured, count: int) -> Metric:
    rate = measured.rate(count)
    return {"count": count} if rate is None else {"count": count, "rate": rate}


def _gauge(value: float) -> Metric:
    return {"value": value, "min": value, "max": value}


def _rate(passes: int, fails: int) -> Metric:
    whole = passes + fails
    return (
        {"value": passes / whole, "passes": passes, "fails": fails}
        if whole
        else {"passes": passes, "fails": fails}
    )


def _trend(times: Distribution) -> Metric:
    values = {statistic: getattr(times, name) for statistic, name in STATISTICS.items()}
    return {statistic: value * MS for statistic, value in values.items() if value is not None}
