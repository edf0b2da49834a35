"""From what a generator counted to the result of a load: nothing here measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from whichworker import units
from whichworker.design import load_validity, quantiles
from whichworker.design.load_validity import Seen
from whichworker.load import pacer
from whichworker.load.histogram import Histogram
from whichworker.load.native import engine as native
from whichworker.loadtest.plan import LoadPlan
from whichworker.model import PHASES, Finding, Machine, Tally
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
SPINS_ABOVE = 10_000.0
MOST_RECONNECTS = 0.10
LEAST_NS = 1000
SHORT = 0.99
LAG_AT = (0.99, 0.95, 0.9, 0.5)


class Counted:
    """The histograms of a tally, read once."""

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
        """What the slices are of: response times, in closed loop service times."""
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
    """The seconds that rates are counted over: what was planned where the clock says when requests are due, else what it came to.

    An open loop may end with the answer to its last request; that nothing was due afterwards is a part of its rate. Where answers
    came after the window, as the server was too slow for the rate, the time that they took is a part of it, too.
    """
    pace = plan.load.pace
    random_end = pace is not None and pace.arrivals == "poisson" and plan.asked.requests is not None
    return (
        tally.seconds
        if pace is None or random_end
        else max(tally.seconds, plan.load.window_seconds)
    ) + tally.drained_seconds


def distribution(histogram: Histogram | None) -> Distribution | None:
    """A histogram of nanoseconds as a distribution of seconds; None where it holds nothing."""
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
    """Each percentile with its 95 % interval, in seconds; ends that the run cannot support are None."""
    return {name: _interval(whole, slices, q) for name, q in PERCENTILES.items()}


def per_second(buckets: Sequence[int]) -> tuple[float, ...]:
    """Right answers per second from counts of 50 ms; the last second may be a part of one."""
    seconds = [
        buckets[start : start + BUCKETS_PER_SECOND]
        for start in range(0, len(buckets), BUCKETS_PER_SECOND)
    ]
    return tuple(sum(second) * BUCKETS_PER_SECOND / len(second) for second in seconds)


def histograms(tally: Tally) -> Iterator[tuple[str, str]]:
    """Every histogram that was taken, by its name in the result."""
    whole = {
        "response": tally.response,
        "service": tally.service,
        "send_lag": tally.send_lag,
        "receive_delay": tally.receive_delay,
        "iteration": tally.iteration,
        **{name: tally.phases.get(name) for name in PHASES},
    }
    yield from ((name, text) for name, text in whole.items() if text)


def seen(plan: LoadPlan, tally: Tally, counted: Counted, *, finished: bool) -> Seen:
    """What the gates of validity look at."""
    mean, service_p99 = counted.service.mean, counted.service.percentile(0.99)
    lag, at = send_lag(counted.send_lag)
    return Seen(
        seconds=tally.seconds,
        threads=plan.load.threads,
        requests=tally.requests,
        failures=sum(failure.count for failure in tally.failures),
        unconnected=sum(
            failure.count for failure in tally.failures if failure.kind in ("connect", "tls")
        ),
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
        spins=_spins(plan),
        mean_in_flight=tally.mean_in_flight,
        most_in_flight=tally.most_in_flight,
        mean_service_seconds=None if mean is None else mean / 1e9,
        service_p99_seconds=None if service_p99 is None else service_p99 / 1e9,
        drained_seconds=tally.drained_seconds,
    )


def due_in_window(plan: LoadPlan, tally: Tally) -> int:
    """How many requests the pacer has for the window, whatever the engine made of them; 0 where it ended early."""
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
    """The send lag at p99 in seconds, or at the highest percentile below that the sample supports; None where there is none."""
    for q in LAG_AT:
        if histogram is not None and (lag := histogram.supported_percentile(q)) is not None:
            return lag, q
    return None, LAG_AT[0]


def findings(plan: LoadPlan, tally: Tally, counted: Counted) -> Iterable[Finding]:
    """What else there is to say about how the numbers came about."""
    if plan.load.pace is None:
        text = "closed loop: it waits for answers, so it tells the highest rate, and times at saturation only"
        yield Finding(
            code="closed-loop",
            severity="info",
            text=text,
            hint="for the time users wait ask at a rate, such as --rate 200/s",
        )
    if plan.load.engine == "auto" and not native.available():
        fact, _, cure = native.missing_reason().partition("; ")
        text = f"the load came from the slower engine, {tally.engine}: {fact}"
        yield Finding(code="engine-native-missing", severity="info", text=text, hint=cure)
    if counted.service.min is not None and counted.service.min < LEAST_NS:
        text = f"an answer came after {counted.service.min} ns: no server is that quick, so a clock or the count is wrong"
        yield Finding(
            code="answers-too-fast",
            severity="warning",
            text=text,
            hint="report it, with the JSON of this run",
        )
    closed = tally.reconnects - sum(
        failure.count for failure in tally.failures
    )  # after a failure it was the generator that closed it
    if closed >= MOST_RECONNECTS * max(1, tally.attempts):
        share = closed / max(1, tally.attempts)
        text = f"the server closed connections: {closed:,} were opened again, {units.show_share(share)} of the requests"
        hint = "is keep-alive off? then much of this is the cost of connections"
        yield Finding(code="reconnects", severity="warning", text=text, hint=hint)
    if seconds_of(plan, tally) < SHORT * plan.load.window_seconds and plan.asked.requests is None:
        text = f"the load ended after {tally.seconds:.3g} s of {plan.load.window_seconds:g} s"
        yield Finding(code="ended-early", severity="warning", text=text)
    if tally.seconds < load_validity.LEAST_SECONDS and tally.requests:
        text = f"the window lasted {units.show_seconds(tally.seconds)} only: too short to see whether the generator was the bottleneck"
        yield Finding(
            code="window-short", severity="warning", text=text, hint="more --requests, or --time"
        )
    yield from _waited(counted)
    yield from _unsupported(counted)


def _waited(counted: Counted) -> Iterator[Finding]:
    if counted.receive_delay is None:
        return
    delay, whole = counted.receive_delay.percentile(0.5), counted.main.percentile(0.5)
    if delay is not None and whole:
        text = f"{units.show_share(min(1.0, delay / whole))} of the median response time is the generator's own receive queue"
        yield Finding(code="receive-delay", severity="info", text=text)


def _unsupported(counted: Counted) -> Iterator[Finding]:
    main = counted.main
    missing = [
        name.replace("_", ".")
        for name, q in PERCENTILES.items()
        if main.supported_percentile(q) is None
    ]
    if missing and main.count:
        text = f"{main.count:,} answers are too few for {', '.join(missing)}: fewer than ten lie beyond"
        yield Finding(
            code="percentiles-unsupported",
            severity="info",
            text=text,
            hint="a longer --time, or more --requests",
        )
    filled = sum(part.count > 0 for part in counted.slices)
    if main.count and filled < quantiles.LEAST_SLICES:
        text = f"answers came in {filled} of {len(counted.slices)} stretches of the planned time only, so percentiles have no intervals"
        yield Finding(
            code="intervals-unsupported",
            severity="info",
            text=text,
            hint="bound the load by a --time that it fills",
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


def _spins(plan: LoadPlan) -> bool:
    """Whether the generator burns its cores between arrivals: asked to, or by itself above 10 000/s on each."""
    pace = plan.load.pace
    if pace is None or pace.spin is not None:
        return bool(pace and pace.spin)
    return (
        max(max(stage.start_rate, stage.end_rate) for stage in pace.stages) / plan.load.threads
        > SPINS_ABOVE
    )


def _read(text: str | None) -> Histogram | None:
    return Histogram.from_hdr(text) if text else None
