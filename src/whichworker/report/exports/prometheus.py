"""One scrape in Prometheus' text format 0.0.4: base units, cumulative buckets, percentiles."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric, generate_latest
from prometheus_client.core import HistogramMetricFamily

from whichworker.report.exports.measured import HISTOGRAMS, NS, Measured
from whichworker.result import PERCENTILES, Estimate

PREFIX = "whichworker_load_"
BUCKETS = (*(f * 10.0**power for power in range(-6, 1) for f in (1, 2.5, 5)), 10.0, 30.0, 60.0)
"""Upper bounds in seconds."""
HELP = {
    "response": "From the intended time to the last byte.",
    "service": "From the send to the last byte; in closed loop under full load.",
    "iteration": "Iterations of sessions.",
    "send_lag": "The generator's own delay.",
    "receive_delay": "Time of responses in the generator's receive queue.",
    "blocked": "Wait for a free connection.",
    "connecting": "TCP handshakes of connections opened.",
    "tls": "TLS handshakes of connections opened.",
    "sending": "From the first to the last byte of the request.",
    "waiting": "From the last byte of the request to the first byte of the response.",
    "receiving": "From the first to the last byte of the response.",
}

Samples = list[tuple[dict[str, str], float]]
Row = tuple[str, str, float | Samples | None]
"""A family: name, help, and a value (None: not measured) or one for each set of labels.

Names of counters end in `_total`.
"""


def render(measured: Measured) -> tuple[str]:
    """The whole exposition, without timestamps: a textfile collector rejects them."""
    return (generate_latest(_Scrape(measured)).decode(),)


class _Scrape:
    def __init__(self, measured: Measured) -> None:
        self.measured = measured

    def collect(self) -> Iterator[Metric]:
        """Every family that has a sample."""
        for name, text, value in (*_about(self.measured), *_percentiles(self.measured)):
            samples: Samples = value if isinstance(value, list) else [({}, value or 0.0)]
            if samples and value is not None:
                kind = "counter" if name.endswith("_total") else "gauge"
                family = Metric(PREFIX + name.removesuffix("_total"), text, kind)
                for labels, number in samples:
                    family.add_sample(PREFIX + name, labels, float(number))
                yield family
        for name in HISTOGRAMS:
            if times := self.measured.histogram(name):
                above = [(bound, times.count_above(round(bound * NS))) for bound in BUCKETS]
                counts = [(f"{bound:g}", float(times.count - more)) for bound, more in above]
                yield HistogramMetricFamily(
                    f"{PREFIX}{name}_seconds",
                    HELP[name],
                    buckets=[*counts, ("+Inf", float(times.count))],
                    sum_value=(times.mean or 0.0) * times.count / NS,
                )


def _about(measured: Measured) -> Iterator[Row]:
    result, asked = measured.result, measured.result.question
    run = {
        "run": result.run.id,
        "url": asked.url,
        "engine": result.engine,
        "loop": "open" if measured.users is None else "closed",
        "version": result.run.version,
    }
    yield "info", "Which run this is.", [(run, 1)]
    believed = "1 if the run may be believed; an invalid run has only counts."
    yield "valid", believed, measured.valid
    yield "window_seconds", "Length of the window.", result.seconds
    yield "connections", "Connections; in open loop the most.", asked.connections
    if measured.valid:
        yield "in_flight_mean", "Requests in flight, mean over the window.", result.mean_in_flight
        yield "in_flight_most", "Most requests in flight.", result.most_in_flight or None
        due = "Requests due per second of the window."
        yield "intended_rate", due, result.intended_rate_per_second
        peak = "Peak resident set of the generator."
        yield "generator_memory_bytes", peak, result.memory_bytes
        spent = "CPU of the generator in the window."
        yield "generator_cpu_seconds_total", spent, result.cpu_seconds
    right = _by("request", result.per_request) or [({}, result.requests)]
    yield "right_answers_total", "Correct responses in the window.", right
    yield "attempts_total", "Requests sent in the window.", result.attempts
    yield "responses_total", "Responses by status.", _by("status", result.statuses)
    yield "failures_total", "Failures of the whole run by kind.", _by("kind", result.errors)
    checks: Samples = [
        ({"check": check.name, "result": word}, count)
        for check in result.checks
        for word, count in (("pass", check.passes), ("fail", check.fails))
    ]
    yield "checks_total", "Named checks by result.", checks
    whole = "Iterations of sessions, complete and correct."
    yield "iterations_total", whole, result.iterations
    yield "scheduled_total", "Requests due in the window.", result.scheduled
    dropped = measured.counts.get("dropped_iterations")
    yield "dropped_total", "Requests dropped because the backlog was full.", dropped
    yield "reconnects_total", "Connections that were opened again.", result.reconnects
    yield "received_bytes_total", "Bytes received in the window.", result.bytes_received
    yield "sent_bytes_total", "Bytes sent in the window.", result.bytes_sent


def _by(label: str, counts: dict[str, int]) -> Samples:
    return [({label: text}, count) for text, count in counts.items()]


def _percentiles(measured: Measured) -> Iterator[Row]:
    """Percentiles are gauges: a summary cannot stand beside a histogram of the same name."""
    values: Samples = [
        ({"time": name, "quantile": f"{q:g}"}, value)
        for name, times in measured.times.items()
        for word, q in PERCENTILES.items()
        if (value := getattr(times, word)) is not None
    ]
    few = "Percentiles; those with fewer than ten values beyond are left out."
    yield "quantile_seconds", few, values
    result = measured.result
    intervals = {"response": result.response_intervals, "service": result.service_intervals}
    for end in ("low", "high"):
        ends: Samples = [
            ({"time": name, "quantile": f"{PERCENTILES[word]:g}"}, value)
            for name, of in intervals.items()
            for word, estimate in (of or {}).items()
            if measured.valid and isinstance(estimate, Estimate)
            if (value := getattr(estimate, end)) is not None
        ]
        text = f"The {end} end of the 95 % interval of a percentile."
        yield f"quantile_{end}_seconds", text, ends
