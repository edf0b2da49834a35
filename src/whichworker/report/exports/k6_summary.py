"""The summary that k6 writes with --summary-export: k6's names, times in milliseconds."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from whichworker.report.exports.measured import K6_TIMES, Measured, in_milliseconds

STATISTICS = {"avg": "mean", "min": "min", "med": "p50", "max": "max"} | {
    f"p({percent})": f"p{percent}" for percent in (90, 95, 99)
}


def render(measured: Measured) -> tuple[str]:
    """The summary as JSON, without statistics that the sample cannot support."""
    checks = {
        check.name: {**_group(check.name), "passes": check.passes, "fails": check.fails}
        for check in measured.result.checks
    }
    root = {**_group(""), "groups": {}, "checks": checks}
    summary = {"root_group": root, "metrics": dict(sorted(_metrics(measured).items()))}
    return (json.dumps(summary, indent=4, ensure_ascii=False) + "\n",)


def _group(name: str) -> dict[str, Any]:
    """With k6's identity of a group, by which readers distinguish checks."""
    path = f"::{name}" if name else ""
    identity = hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()
    return {"name": name, "path": path, "id": identity}


def _metrics(measured: Measured) -> dict[str, dict[str, float]]:
    result = measured.result
    metrics: dict[str, dict[str, float]] = {}
    for name, count in {"http_reqs": measured.tried, **measured.counts}.items():
        rate = measured.rate(count)
        metrics[name] = {"count": count} if rate is None else {"count": count, "rate": rate}
    for name, users in (("vus_max", result.question.connections), ("vus", measured.users)):
        if users is not None:
            metrics[name] = dict.fromkeys(("value", "min", "max"), users)
    if measured.tried:
        # "passes" counts what the metric is about, and that is failing.
        metrics["http_req_failed"] = _share(measured.failed, result.requests)
    if result.checks:
        passes = sum(check.passes for check in result.checks)
        metrics["checks"] = _share(passes, sum(check.fails for check in result.checks))
    for name, times in measured.times.items():
        trend = metrics[K6_TIMES.get(name, name)] = in_milliseconds(times, STATISTICS)
        if name == "service":
            metrics["http_req_duration{expected_response:true}"] = trend
    return metrics


def _share(passes: int, fails: int) -> dict[str, float]:
    whole = passes + fails
    return {**({"value": passes / whole} if whole else {}), "passes": passes, "fails": fails}
