"""The three tables that locust writes with --csv: totals, history, failures, in milliseconds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from whichworker.report.exports.measured import MS, Measured

PERCENTILES = {
    f"{percent}%": percent / 100 for percent in (50, 66, 75, 80, 90, 95, 98, 99, 99.9, 99.99)
}
QUANTILES = (*PERCENTILES, "100%")
"""The last column is the greatest value."""
COUNTS = ("Request Count", "Failure Count")
TIMES = {
    "Median Response Time": "p50",
    "Average Response Time": "mean",
    "Min Response Time": "min",
    "Max Response Time": "max",
}
TOTALS = (*COUNTS, *TIMES, "Average Content Size")
"""Bytes are not counted by response, so the content size is unknown."""
RATES = ("Requests/s", "Failures/s")
STATS = ("Type", "Name", *TOTALS, *RATES, *QUANTILES)
HISTORY = ("Timestamp", "User Count", "Type", "Name", *RATES, *QUANTILES)
FAILURES = ("Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen")
UNKNOWN = dict.fromkeys(QUANTILES, "N/A")
"""Locust writes this for an unknown percentile; other unknown numbers are left empty."""
METHOD = re.compile(r"([A-Z]+) (/.*)", re.DOTALL)

Row = dict[str, str | int]


def render(measured: Measured) -> tuple[str, str, str]:
    """The tables in the order of their endings."""
    return (
        _table(STATS, _stats(measured)),
        _table((*HISTORY, *(f"Total {name}" for name in TOTALS)), _history(measured)),
        _table(FAILURES, _failures(measured)),
    )


def _table(head: Sequence[str], rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, head)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _stats(measured: Measured) -> Iterator[Row]:
    """The numbers of each request: with several requests, only the count of correct responses."""
    counts = (measured.tried, measured.failed)
    rates = dict(zip(RATES, (_rate(measured, count) for count in counts), strict=True))
    whole = {**_totals(measured), **rates, **_quantiles(measured)}
    requests = measured.result.per_request
    for title, count in requests.items():
        alone: Row = {"Request Count": count, "Requests/s": _rate(measured, count), **UNKNOWN}
        yield {**_named("Type", title), **(whole if len(requests) == 1 else alone)}
    yield {"Name": "Aggregated", **whole}


def _history(measured: Measured) -> Iterator[Row]:
    """Correct responses by second; failures and times are known in total, in the last row."""
    seconds = measured.per_second()
    total = 0.0
    for place, (at, count) in enumerate(seconds):
        total += count
        last = place == len(seconds) - 1
        totals: Row = _totals(measured) if last else {"Request Count": int(total)}
        yield {
            "Timestamp": int(at),
            "User Count": measured.users or "",
            "Name": "Aggregated",
            "Requests/s": f"{measured.result.per_second[place]:f}",
            **(_quantiles(measured) if last else UNKNOWN),
            **{f"Total {name}": value for name, value in totals.items()},
        }


def _failures(measured: Measured) -> Iterator[Row]:
    """Failures by kind, with the first sample, and the request if there is only one."""
    titles = list(measured.result.per_request)
    for failure in measured.result.failures:
        error = f"{failure.kind}: {failure.sample.partition(chr(10))[0]}"
        name = _named("Method", titles[0]) if len(titles) == 1 else {}
        yield {**name, "Error": error, "Occurrences": failure.count}


def _named(method: str, title: str) -> Row:
    match = METHOD.fullmatch(title)
    return {method: match[1], "Name": match[2]} if match else {"Name": title}


def _totals(measured: Measured) -> Row:
    found: Row = dict(zip(COUNTS, (measured.tried, measured.failed), strict=True))
    if times := measured.times.get(_kind(measured)):
        found |= {title: _ms(getattr(times, name)) for title, name in TIMES.items()}
    return found


def _rate(measured: Measured, count: int) -> str:
    rate = measured.rate(count)
    return "" if rate is None else str(rate)


def _quantiles(measured: Measured) -> Row:
    histogram, times = measured.histogram(_kind(measured)), measured.times.get(_kind(measured))
    if histogram is None or times is None:
        return {**UNKNOWN}
    known = {name: histogram.supported_percentile(q) for name, q in PERCENTILES.items()}
    # The highest value of a slot can be a little more than the largest value itself.
    supported = {name: _ms(min(value, times.max)) for name, value in known.items() if value}
    return {**UNKNOWN, **supported, "100%": _ms(times.max)}


def _kind(measured: Measured) -> str:
    return "service" if measured.users else "response"


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * MS:.3f}"
