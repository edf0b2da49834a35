"""The three tables that locust writes with --csv: totals, history and failures, times in milliseconds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from whichworker.report.exports.measured import Measured

MS = 1e3
ENDINGS = ("_stats.csv", "_stats_history.csv", "_failures.csv")
PERCENTILES = {
    "50%": 0.5,
    "66%": 0.66,
    "75%": 0.75,
    "80%": 0.8,
    "90%": 0.9,
    "95%": 0.95,
    "98%": 0.98,
    "99%": 0.99,
    "99.9%": 0.999,
    "99.99%": 0.9999,
}
"""The last column, 100%, is the greatest value."""
COUNTS = ("Request Count", "Failure Count")
TIMES = (
    "Median Response Time",
    "Average Response Time",
    "Min Response Time",
    "Max Response Time",
    "Average Content Size",
)
RATES = ("Requests/s", "Failures/s")
STATS = ("Type", "Name", *COUNTS, *TIMES, *RATES, *PERCENTILES, "100%")
HISTORY = (
    "Timestamp",
    "User Count",
    "Type",
    "Name",
    *RATES,
    *PERCENTILES,
    "100%",
    *(f"Total {name}" for name in (*COUNTS, *TIMES)),
)
FAILURES = ("Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen")
NONE = "N/A"
"""What locust itself writes for a percentile that it does not know; other unknown numbers are left empty."""
WHOLE = "Aggregated"

Cell = str | int
METHOD = re.compile(r"([A-Z]+) (/.*)", re.DOTALL)


def render(measured: Measured) -> tuple[str, str, str]:
    """The tables in the order of their endings."""
    return (
        _table(STATS, _stats(measured)),
        _table(HISTORY, _history(measured)),
        _table(FAILURES, _failures(measured)),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _stats(measured: Measured) -> Iterable[list[Cell]]:
    """What is known of each request: where there are several, only how many right answers it had."""
    whole: list[Cell] = [
        measured.tried,
        measured.failed,
        *_times(measured),
        *_rates(measured),
        *_percentiles(measured),
    ]
    result = measured.result
    for title, count in result.per_request.items():
        if len(result.per_request) == 1:
            yield [*_name(title), *whole]
        else:
            unknown = [""] * len(TIMES)
            yield [
                *_name(title),
                count,
                "",
                *unknown,
                _rate(measured, count),
                "",
                *[NONE] * (len(PERCENTILES) + 1),
            ]
    yield ["", WHOLE, *whole]


def _history(measured: Measured) -> Iterable[list[Cell]]:
    """Right answers second by second; failures and times are known of the whole, so they are in the last row."""
    users: Cell = measured.result.question.connections if measured.closed else ""
    seconds = measured.per_second()
    total = 0.0
    for place, (at, count) in enumerate(seconds):
        total += count
        last = place == len(seconds) - 1
        rate = measured.result.per_second[place]
        row: list[Cell] = [int(at), users, "", WHOLE, f"{rate:f}", ""]
        row += _percentiles(measured) if last else [NONE] * (len(PERCENTILES) + 1)
        row += (
            [measured.tried, measured.failed, *_times(measured)]
            if last
            else [int(total), "", *[""] * len(TIMES)]
        )
        yield row


def _failures(measured: Measured) -> Iterable[list[Cell]]:
    """Failures by kind, with the first sample; which request it was of is known where there is one only."""
    titles = list(measured.result.per_request)
    name = _name(titles[0]) if len(titles) == 1 else ["", ""]
    for failure in measured.result.failures:
        yield [
            *name,
            f"{failure.kind}: {failure.sample.partition(chr(10))[0]}",
            failure.count,
            "",
            "",
        ]


def _name(title: str) -> list[Cell]:
    match = METHOD.fullmatch(title)
    return [match[1], match[2]] if match else ["", title]


def _times(measured: Measured) -> list[Cell]:
    """Bytes are not counted by answer, so the content size is not known."""
    times = measured.times.get("response" if not measured.closed else "service")
    if times is None:
        return [""] * len(TIMES)
    return [_ms(times.p50), _ms(times.mean), _ms(times.min), _ms(times.max), ""]


def _rates(measured: Measured) -> list[Cell]:
    return [_rate(measured, measured.tried), _rate(measured, measured.failed)]


def _rate(measured: Measured, count: int) -> str:
    rate = measured.rate(count)
    return "" if rate is None else str(rate)


def _percentiles(measured: Measured) -> list[Cell]:
    name = "service" if measured.closed else "response"
    spread, times = measured.spread(name), measured.times.get(name)
    if spread is None or times is None:
        return [NONE] * (len(PERCENTILES) + 1)
    known = [spread.percentile(q) for q in PERCENTILES.values()]
    # The highest value of a slot can be a little more than the greatest value there was.
    return [
        *(NONE if value is None else _ms(min(value, times.max)) for value in known),
        _ms(times.max),
    ]


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * MS:.3f}"
