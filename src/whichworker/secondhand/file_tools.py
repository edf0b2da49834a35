"""Readers of files that k6, oha, locust and HttpArena write."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from whichworker.secondhand.printed import NUMBER, Printed, key_of, seconds_of

K6_LINE = re.compile(r"^\s*(?:✓|✗)?\s*(\w+)\.*:\s*(.+)$", re.MULTILINE)


def k6_text(text: str) -> Iterator[Printed]:
    """The summary that k6 prints at the end."""
    lines = dict(K6_LINE.findall(text))
    times = dict(
        re.findall(
            r"([\w()]+)=((?:[0-9.]+(?:µs|us|ms|ns|s|m|h))+)", lines.get("http_req_duration", "")
        )
    )
    found = re.match(rf"([0-9]{{1,15}})\s+({NUMBER})/s", lines.get("http_reqs", ""))
    requests, rate = (int(found[1]), float(found[2])) if found else (None, None)
    failed = re.match(rf"({NUMBER})%", lines.get("http_req_failed", ""))
    lost = round(float(failed[1]) / 100 * requests) if failed and requests else 0
    users = re.match(r"([0-9]{1,9})", lines.get("vus_max", ""))
    yield _of_k6(
        {name: seconds_of(value) for name, value in times.items()},
        requests,
        rate,
        lost,
        int(users[1]) if users else None,
    )


def k6_json(whole: Mapping[str, Any]) -> Iterator[Printed]:
    """The file of `k6 run --summary-export`, or of a handleSummary."""
    metrics = _table(whole.get("metrics"))

    def values(name: str) -> Mapping[str, Any]:
        metric = _table(metrics.get(name))
        return _table(metric.get("values")) or metric

    times = {name: _scaled(value) for name, value in values("http_req_duration").items()}
    requests, rate = _real(values("http_reqs").get("count")), _real(values("http_reqs").get("rate"))
    failures = values("http_req_failed")
    share = _real(failures.get("rate", failures.get("value"))) or 0.0
    users = _real(values("vus_max").get("max", values("vus_max").get("value")))
    yield _of_k6(
        times,
        int(requests) if requests else None,
        rate,
        round(share * requests) if requests else 0,
        int(users) if users else None,
    )


def _of_k6(
    times: Mapping[str, float | None],
    requests: int | None,
    rate: float | None,
    failed: int,
    users: int | None,
) -> Printed:
    known = {name: value for name, value in times.items() if value is not None}
    percentiles = {key_of(name[2:-1]): known[name] for name in known if re.match(r"p\(", name)}
    if "med" in known:
        percentiles["p50"] = known["med"]
    return Printed(
        tool="k6",
        rate=rate,
        seconds=requests / rate if requests and rate else None,
        requests=requests,
        connections=users,
        mean_seconds=known.get("avg"),
        percentiles=percentiles,
        failures={"failed": failed} if failed else {},
    )


def oha_json(whole: Mapping[str, Any]) -> Iterator[Printed]:
    """The file of `oha --output-format json`."""
    summary = _table(whole.get("summary"))
    statuses = {
        str(code): _real(n) or 0 for code, n in _table(whole.get("statusCodeDistribution")).items()
    }
    errors = {
        str(why)[:60]: _real(n) or 0 for why, n in _table(whole.get("errorDistribution")).items()
    }
    failures = {f"status {code}": n for code, n in statuses.items() if code >= "400"} | errors
    yield Printed(
        tool="oha",
        rate=_real(summary.get("requestsPerSec")),
        seconds=_real(summary.get("total")),
        requests=int(sum(statuses.values())) or None,
        mean_seconds=_real(summary.get("average")),
        percentiles={
            key_of(name[1:]): known
            for name, value in _table(whole.get("latencyPercentiles")).items()
            if (known := _real(value)) is not None
        },
        failures={kind: int(count) for kind, count in failures.items() if count},
    )


def locust(text: str) -> Iterator[Printed]:
    """The aggregated line of a `_stats.csv`."""
    for row in csv.DictReader(io.StringIO(text)):
        if row.get("Name") != "Aggregated":
            continue
        requests, failed = _whole(row.get("Request Count")), _whole(row.get("Failure Count"))
        rate = _float(row.get("Requests/s"))
        mean = _float(row.get("Average Response Time"))
        yield Printed(
            tool="locust",
            rate=rate,
            seconds=requests / rate if requests and rate else None,
            requests=requests,
            mean_seconds=mean / 1e3 if mean else None,
            percentiles={
                key_of(name[:-1]): value / 1e3
                for name, text_of in row.items()
                if name and name.endswith("%") and name != "100%"
                if (value := _float(text_of)) is not None
            },
            failures={"failed": failed} if failed else {},
        )


def arena(whole: Mapping[str, Any]) -> Iterator[Printed]:
    """A file of HttpArena: the results of one framework by test."""
    for name, one in _table(whole.get("results")).items():
        row = _table(one)
        counts = {kind: _real(row.get(f"status_{kind}")) or 0.0 for kind in ("2xx", "4xx", "5xx")}
        p99 = seconds_of(str(row.get("p99_latency", "")))
        target = _real(row.get("target_rate"))
        reconnects = _real(row.get("reconnects"))
        connections = _real(row.get("connections"))
        yield Printed(
            tool="HttpArena",
            name=f"{row.get('framework', '')} {name}".strip(),
            rate=_real(row.get("rps")),
            seconds=seconds_of(str(row.get("duration", ""))),
            requests=int(sum(counts.values())) or None,
            connections=int(connections) if connections else None,
            mean_seconds=seconds_of(str(row.get("avg_latency", ""))),
            percentiles={"p99": p99} if p99 is not None else {},
            failures={kind: int(n) for kind, n in counts.items() if kind != "2xx" and n},
            target=target,
            open_loop=target is not None,
            reconnects=int(reconnects) if reconnects else None,
        )


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _real(value: Any) -> float | None:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fine and value >= 0 else None


def _scaled(value: Any) -> float | None:
    """Seconds of k6's milliseconds."""
    known = _real(value)
    return known / 1e3 if known is not None else None


def _float(text: str | None) -> float | None:
    try:
        return _real(float(text or ""))
    except ValueError:
        return None


def _whole(text: str | None) -> int | None:
    known = _float(text)
    return int(known) if known is not None else None
