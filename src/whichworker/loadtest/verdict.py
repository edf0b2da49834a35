"""From the counts of a generator to the result of a load: nothing here measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from whichworker import units
from whichworker.design import load_validity, quantiles
from whichworker.design.load_validity import LoadFacts
from whichworker.load import exhaustion, pacer
from whichworker.load.native import engine as native
from whichworker.loadtest.plan import LoadPlan
from whichworker.model import PHASES, Finding, Machine, Tally, codes
from whichworker.model.histogram import Histogram
from whichworker.result import (
    PERCENTILES,
    Distribution,
    Estimate,
    Intervals,
    LoadResult,
    Run,
    Validity,
)

BUCKETS_PER_SECOND = 20
"""As the generator counts: buckets of 50 ms."""
MOST_RECONNECTS = 0.10
"""Share of requests with a new connection, from which on a finding names the cost."""
LEAST_NS = 1000
"""One microsecond: less than a system call and a context switch take."""
SHORT = 0.99
"""Share of the planned window below which a load ended early."""
LAG_AT = (0.99, 0.95, 0.9, 0.5)
"""Percentiles of the send lag to try, from the strictest on."""


class Counted:
    """The histograms of a tally, decoded once."""

    def __init__(self, tally: Tally) -> None:
        self.service = Histogram.from_hdr(tally.service)
        self.response = _read(tally.response)
        self.send_lag = _read(tally.send_lag)
        self.receive_delay = _read(tally.receive_delay)
        self.iteration = _read(tally.iteration)
        self.phases = {name: _read(tally.phases.get(name)) for name in PHASES}
        self.slices = [Histogram.from_hdr(text) for text in tally.slices]

    @property
    def main(self) -> Histogram:
        """The histogram of the slices: response times, in a closed loop service times."""
        return self.service if self.response is None else self.response


def judge(plan: LoadPlan, tally: Tally, machine: Machine, run: Run) -> LoadResult:
    """The result of a load, valid or not; it keeps every number."""
    counted = Counted(tally)
    reasons = load_validity.reasons(seen(plan, tally, counted, finished=run.finished))
    intervals = intervals_of(counted.main, counted.slices)
    opened = plan.load.pace is not None
    seconds = seconds_of(plan, tally)
    return LoadResult(
        engine=tally.engine,
        engine_reason=plan.engine_reason,
        question=plan.asked,
        machine=machine,
        run=run,
        validity=Validity(state="invalid" if reasons else "valid", reasons=reasons),
        findings=(*plan.findings, *findings(plan, tally, counted)),
        seconds=seconds,
        requests=tally.requests,
        attempts=tally.attempts,
        errors={failure.kind: failure.count for failure in tally.failures},
        failures=tally.failures,
        statuses=tally.statuses,
        rate_per_second=tally.requests / seconds,
        intended_rate_per_second=_intended(plan, tally, seconds - tally.drained_seconds),
        response_seconds=distribution(counted.response),
        service_seconds=distribution(counted.service),
        send_lag_seconds=distribution(counted.send_lag),
        receive_delay_seconds=distribution(counted.receive_delay),
        phases={name: distribution(histogram) for name, histogram in counted.phases.items()},
        response_intervals=intervals if opened else None,
        service_intervals=None if opened else intervals,
        iterations=tally.iterations,
        iteration_seconds=distribution(counted.iteration),
        checks=tally.checks,
        per_request=tally.per_request,
        scheduled=tally.scheduled,
        dropped=tally.dropped,
        most_backlog=tally.most_backlog,
        mean_in_flight=tally.mean_in_flight,
        most_in_flight=tally.most_in_flight,
        reconnects=tally.reconnects,
        bytes_received=tally.bytes_received,
        bytes_sent=tally.bytes_sent,
        cpu_seconds=tally.cpu_seconds,
        run_delay_seconds=tally.run_delay_seconds,
        cpu_seconds_per_request=tally.total_cpu_seconds / tally.total_requests
        if tally.total_requests
        else None,
        memory_bytes=tally.memory_bytes or None,
        per_second=per_second(tally.per_bucket),
        histograms=dict(histograms(tally)),
    )


def seconds_of(plan: LoadPlan, tally: Tally) -> float:
    """The seconds that rates are counted over: the planned window, or the actual one.

    The planned window counts if the clock decides when requests are due, as an open loop may end
    with an early last response. The time of responses after the window counts as well, because the
    server was too slow for the rate.
    """
    pace = plan.load.pace
    random_end = pace is not None and pace.arrivals == "poisson" and plan.asked.requests is not None
    return (
        tally.seconds
        if pace is None or random_end
        else max(tally.seconds, plan.load.window_seconds)
    ) + tally.drained_seconds


def distribution(histogram: Histogram | None) -> Distribution | None:
    """A histogram of nanoseconds as a distribution in seconds; None if it is empty."""
    if (
        histogram is None
        or histogram.min is None
        or histogram.max is None
        or histogram.mean is None
        or histogram.stdev is None
    ):
        return None
    return Distribution(
        count=histogram.count,
        min=histogram.min / 1e9,
        mean=histogram.mean / 1e9,
        stdev=histogram.stdev / 1e9,
        max=histogram.max / 1e9,
        **{name: histogram.supported_percentile(q) for name, q in PERCENTILES.items()},
    )


def intervals_of(whole: Histogram, slices: Sequence[Histogram]) -> Intervals:
    """Each percentile with its 95 % interval in seconds; None for unsupported ends."""
    return {name: _interval(whole, slices, q) for name, q in PERCENTILES.items()}


def per_second(buckets: Sequence[int]) -> tuple[float, ...]:
    """Correct responses per second from buckets of 50 ms; the last second may be incomplete."""
    seconds = [
        buckets[start : start + BUCKETS_PER_SECOND]
        for start in range(0, len(buckets), BUCKETS_PER_SECOND)
    ]
    return tuple(sum(second) * BUCKETS_PER_SECOND / len(second) for second in seconds)


def histograms(tally: Tally) -> Iterator[tuple[str, str]]:
    """Every recorded histogram, by its name in the result."""
    whole = {
        "response": tally.response,
        "service": tally.service,
        "send_lag": tally.send_lag,
        "receive_delay": tally.receive_delay,
        "iteration": tally.iteration,
        **{name: tally.phases.get(name) for name in PHASES},
    }
    yield from ((name, text) for name, text in whole.items() if text)


def seen(plan: LoadPlan, tally: Tally, counted: Counted, *, finished: bool) -> LoadFacts:
    """The facts for the gates of validity."""
    mean, service_p99 = counted.service.mean, counted.service.percentile(0.99)
    lag, at = send_lag(counted.send_lag)
    return LoadFacts(
        seconds=tally.seconds,
        threads=plan.load.threads,
        requests=tally.requests,
        failures=sum(failure.count for failure in tally.failures),
        unconnected=sum(
            failure.count
            for failure in tally.failures
            if failure.kind in ("connect", "tls", exhaustion.EXHAUSTED)
        ),
        exhausted=": ".join(filter(None, exhaustion.exhausted(tally.failures))),
        attempts=tally.attempts,
        scheduled=None
        if tally.scheduled is None
        else max(tally.scheduled, due_in_window(plan, tally) if finished else 0),
        dropped=tally.dropped,
        backlog=plan.load.pace.backlog if plan.load.pace else 0,
        send_lag_seconds=lag,
        send_lag_at=at,
        cpu_seconds=tally.cpu_seconds,
        run_delay_seconds=tally.run_delay_seconds,
        spins=plan.load.spins,
        mean_in_flight=tally.mean_in_flight,
        most_in_flight=tally.most_in_flight,
        mean_service_seconds=None if mean is None else mean / 1e9,
        service_p99_seconds=None if service_p99 is None else service_p99 / 1e9,
        drained_seconds=tally.drained_seconds,
    )


def due_in_window(plan: LoadPlan, tally: Tally) -> int:
    """How many requests the pacer plans for the window; 0 if the load ended early."""
    load = plan.load
    if load.pace is None or tally.seconds < SHORT * load.window_seconds:
        return 0
    opens = round((load.stagger_seconds + load.settle_seconds) * 1e9)
    closes = opens + round(load.window_seconds * 1e9)
    return sum(
        int(((due >= opens) & (due < closes)).sum())
        for due in pacer.arrivals(load.pace, load.seed, load.limit)
    )


def send_lag(histogram: Histogram | None) -> tuple[float | None, float]:
    """The send lag in seconds at the highest supported percentile up to p99; None if empty."""
    for q in LAG_AT:
        if histogram is not None and (lag := histogram.supported_percentile(q)) is not None:
            return lag, q
    return None, LAG_AT[0]


def findings(plan: LoadPlan, tally: Tally, counted: Counted) -> Iterable[Finding]:
    """Findings about how the numbers were obtained."""
    if plan.load.pace is None:
        yield codes.CLOSED_LOOP.finding()
    if plan.load.engine == "auto" and not native.available():
        fact, _, cure = native.missing_reason().partition("; ")
        text = f"The slower engine made the load, {tally.engine}: {fact}"
        yield codes.ENGINE_NATIVE_MISSING.finding(text, hint=cure)
    if counted.service.min is not None and counted.service.min < LEAST_NS:
        yield codes.ANSWERS_TOO_FAST.finding(
            f"A response came after {counted.service.min} ns; no server is that fast"
        )
    # after a failure the generator closed the connection
    closed = tally.reconnects - sum(failure.count for failure in tally.failures)
    if closed >= MOST_RECONNECTS * max(1, tally.attempts):
        share = units.show_share(closed / max(1, tally.attempts))
        yield codes.RECONNECTS.finding(
            f"The server closed {closed:,} connections, so {share} of the requests needed a new one"
        )
    if seconds_of(plan, tally) < SHORT * plan.load.window_seconds and plan.asked.requests is None:
        planned = f"{plan.load.window_seconds:g} s"
        yield codes.ENDED_EARLY.finding(f"The load ended after {tally.seconds:.3g} s of {planned}")
    if tally.seconds < load_validity.LEAST_SECONDS and tally.requests:
        yield codes.WINDOW_SHORT.finding(
            f"The measurement lasted only {units.show_seconds(tally.seconds)}, too short to see if"
            " the load generator was the bottleneck"
        )
    yield from _waited(counted)
    yield from _unsupported(counted)


def _waited(counted: Counted) -> Iterator[Finding]:
    if counted.receive_delay is None:
        return
    delay, whole = counted.receive_delay.percentile(0.5), counted.main.percentile(0.5)
    if delay is not None and whole:
        share = units.show_share(min(1.0, delay / whole))
        yield codes.RECEIVE_DELAY.finding(
            f"{share} of the median response time is the receive queue of the load generator"
        )


def _unsupported(counted: Counted) -> Iterator[Finding]:
    main = counted.main
    missing = [
        name.replace("_", ".")
        for name, q in PERCENTILES.items()
        if main.supported_percentile(q) is None
    ]
    if missing and main.count:
        yield codes.PERCENTILES_UNSUPPORTED.finding(
            f"{main.count:,} responses are too few for {', '.join(missing)}: fewer than ten are"
            " slower"
        )
    filled = sum(part.count > 0 for part in counted.slices)
    if main.count and filled < quantiles.LEAST_SLICES:
        yield codes.INTERVALS_UNSUPPORTED.finding(
            f"Responses came in only {filled} of {len(counted.slices)} parts of the planned time,"
            " so percentiles have no intervals"
        )


def _interval(whole: Histogram, slices: Sequence[Histogram], q: float) -> Estimate | None:
    value, at = whole.supported_percentile(q), whole.percentile(q)
    if value is None or at is None:
        return None
    totals = [one.count for one in slices]
    phi = quantiles.design_effect([one.count_above(at) for one in slices], totals)
    filled = sum(total > 0 for total in totals)
    shares = (
        quantiles.rank_shares(whole.count, q, quantiles.widened(phi, filled))
        if phi is not None
        else None
    )
    low, high = (whole.percentile(share) for share in shares) if shares else (None, None)
    if low is None or high is None:
        return Estimate(value=value)
    return Estimate(value=value, low=low / 1e9, high=high / 1e9)


def _intended(plan: LoadPlan, tally: Tally, seconds: float) -> float | None:
    if plan.asked.rate_per_second is not None or tally.scheduled is None:
        return plan.asked.rate_per_second
    return tally.scheduled / seconds


def _read(text: str | None) -> Histogram | None:
    return Histogram.from_hdr(text) if text else None
