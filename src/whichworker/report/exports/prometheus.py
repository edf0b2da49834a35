"""One scrape in Prometheus' text format 0.0.4: base units, cumulative buckets, and percentiles with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from whichworker.report.exports.measured import HISTOGRAMS, Measured
from whichworker.result import PERCENTILES, Estimate

PREFIX = "whichworker_load_"
BUCKETS = (
    *(float(f"{factor}e{power}") for power in range(-6, 1) for factor in ("1", "2.5", "5")),
    10.0,
    30.0,
    60.0,
)
"""Upper bounds in seconds."""

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


def render(measured: Measured) -> tuple[str]:
    """The whole exposition; nothing in it has a timestamp, so that a textfile collector takes it."""
    blocks = [*_about(measured), *_counts(measured), *_times(measured), *_percentiles(measured)]
    return ("".join(blocks),)


def _about(measured: Measured) -> Iterator[str]:
    result, asked = measured.result, measured.result.question
    labels = {
        "run": result.run.id,
        "url": asked.url,
        "engine": result.engine,
        "loop": "closed" if measured.closed else "open",
    }
    yield _family(
        "info", "gauge", "Which run this is.", [({**labels, "version": result.run.version}, 1.0)]
    )
    yield _family(
        "valid",
        "gauge",
        "Whether the run may be believed; of one that may not there are only counts.",
        [({}, measured.valid)],
    )
    yield _family("window_seconds", "gauge", "Length of the window.", [({}, result.seconds)])
    yield _family(
        "connections",
        "gauge",
        "Connections, in open loop at most so many.",
        [({}, asked.connections)],
    )
    if measured.valid:
        yield _family(
            "in_flight_mean",
            "gauge",
            "Requests in flight, mean over the window.",
            [({}, result.mean_in_flight)],
        )
        if result.most_in_flight:
            yield _family(
                "in_flight_most", "gauge", "Most requests in flight.", [({}, result.most_in_flight)]
            )
        yield _optional(
            "intended_rate",
            "gauge",
            "What was due per second of the window.",
            result.intended_rate_per_second,
        )
        yield _optional(
            "generator_memory_bytes",
            "gauge",
            "Peak resident set of the generator.",
            result.memory_bytes,
        )
        yield _family(
            "generator_cpu_seconds_total",
            "counter",
            "CPU of the generator in the window.",
            [({}, result.cpu_seconds)],
        )


def _counts(measured: Measured) -> Iterator[str]:
    result = measured.result
    right = [({"request": title}, float(count)) for title, count in result.per_request.items()] or [
        ({}, float(result.requests))
    ]
    yield _family("right_answers_total", "counter", "Right answers in the window.", right)
    yield _family(
        "attempts_total", "counter", "Requests sent in the window.", [({}, result.attempts)]
    )
    statuses = [({"status": status}, float(count)) for status, count in result.statuses.items()]
    yield _family("responses_total", "counter", "Answers by status.", statuses)
    failures = [({"kind": kind}, float(count)) for kind, count in result.errors.items()]
    yield _family("failures_total", "counter", "Failures of the whole run by kind.", failures)
    checks = [
        ({"check": check.name, "result": word}, float(count))
        for check in result.checks
        for word, count in (("pass", check.passes), ("fail", check.fails))
    ]
    yield _family("checks_total", "counter", "Named checks by result.", checks)
    yield _optional(
        "iterations_total",
        "counter",
        "Iterations of sessions, complete and right.",
        result.iterations,
    )
    if result.scheduled is not None:
        yield _family(
            "scheduled_total", "counter", "What was due in the window.", [({}, result.scheduled)]
        )
        yield _family(
            "dropped_total", "counter", "What the backlog had no room for.", [({}, result.dropped)]
        )
    yield _family(
        "reconnects_total",
        "counter",
        "Connections that were opened again.",
        [({}, result.reconnects)],
    )
    yield _family(
        "received_bytes_total",
        "counter",
        "Bytes received in the window.",
        [({}, result.bytes_received)],
    )
    yield _family(
        "sent_bytes_total", "counter", "Bytes sent in the window.", [({}, result.bytes_sent)]
    )


HELP = {
    "response": "From the intended time to the last byte.",
    "service": "From the send to the last byte; in closed loop at saturation.",
    "iteration": "Iterations of sessions.",
    "send_lag": "The generator's own delay.",
    "receive_delay": "Time of answers in the generator's receive queue.",
    "blocked": "Wait for a free connection.",
    "connecting": "TCP handshakes of connections opened.",
    "tls": "TLS handshakes of connections opened.",
    "sending": "From the first send to the last byte handed over.",
    "waiting": "From there to the first byte of the answer.",
    "receiving": "From there to its last byte.",
}


def _times(measured: Measured) -> Iterator[str]:
    for name in HISTOGRAMS:
        spread = measured.spread(name)
        if spread is None:
            continue
        samples = [
            ("_bucket", {"le": _number(bound)}, float(spread.count_up_to(bound)))
            for bound in BUCKETS
        ]
        samples += [
            ("_bucket", {"le": "+Inf"}, float(spread.count)),
            ("_sum", {}, spread.total),
            ("_count", {}, float(spread.count)),
        ]
        metric = f"{PREFIX}{name}_seconds"
        lines = "".join(_line(metric + ending, labels, value) for ending, labels, value in samples)
        yield _head(metric, "histogram", HELP[name]) + lines


def _percentiles(measured: Measured) -> Iterator[str]:
    """Percentiles are gauges: beside a histogram of the name there can be no summary, and they cannot be added up anyway."""
    values: list[Sample] = []
    for name, times in measured.times.items():
        for word, q in PERCENTILES.items():
            if (value := getattr(times, word)) is not None:
                values.append(({"time": name, "quantile": _number(q)}, value))
    yield _family(
        "quantile_seconds",
        "gauge",
        "Percentiles; those with fewer than ten values beyond are left out.",
        values,
    )
    for end in ("low", "high"):
        text = f"The {end} end of the 95 % interval of a percentile."
        yield _family(f"quantile_{end}_seconds", "gauge", text, list(_ends(measured, end)))


def _ends(measured: Measured, end: str) -> Iterator[Sample]:
    result = measured.result
    for name, intervals in (
        ("response", result.response_intervals),
        ("service", result.service_intervals),
    ):
        for word, estimate in (intervals or {}).items() if measured.valid else ():
            value = getattr(estimate, end) if isinstance(estimate, Estimate) else None
            if value is not None:
                yield {"time": name, "quantile": _number(PERCENTILES[word])}, value


def _optional(name: str, kind: str, text: str, value: float | None) -> str:
    return "" if value is None else _family(name, kind, text, [({}, value)])


def _family(name: str, kind: str, text: str, samples: Sequence[Sample]) -> str:
    """A family with its samples; without samples, nothing."""
    if not samples:
        return ""
    return _head(PREFIX + name, kind, text) + "".join(
        _line(PREFIX + name, labels, value) for labels, value in samples
    )


def _head(name: str, kind: str, text: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def _line(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {_number(value)}\n" if inside else f"{name} {_number(value)}\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    """All digits, and whole numbers without a point."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
