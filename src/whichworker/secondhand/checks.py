"""The checks of a run: each gives one finding, with the numbers that it stands on."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from whichworker.model import Finding
from whichworker.model import secondhand_codes as codes
from whichworker.secondhand.printed import Printed
from whichworker.units import show_rate, show_seconds, show_share

MORE_IN_FLIGHT, IDLE = 1.1, 0.7
"""Requests in flight over connections: means are rounded, so a tenth more is not impossible."""
CEILING = 0.95
"""Share of connections ÷ service time from which the tool is what was measured."""
ABOVE = 10
"""Requests above a percentile, for a relative error of about a third."""
LEAST_SECONDS, LEAST_EACH = 10.0, 20
"""Of a test, and requests on each connection: an edge effect of at most a twentieth."""
TARGET = 0.97
"""Share of the wanted rate that counts as reached."""


class Judged(Struct, frozen=True, kw_only=True):
    """A run, the statement that it supports, and the findings."""

    run: Printed
    supports: str
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether nothing contradicts its numbers."""
        return all(finding.severity != "error" for finding in self.findings)


def judge(run: Printed, service_seconds: float | None = None) -> Judged:
    """All checks of one run; `service_seconds` is the known least response time, if any."""
    findings = (
        *_rates(run, service_seconds),
        *_failures(run),
        *_times(run),
        *_amounts(run),
        codes.SINGLE_RUN.finding(),
    )
    return Judged(run=run, supports=_supports(run, findings), findings=findings)


def _rates(run: Printed, service_seconds: float | None) -> Iterator[Finding]:
    flying, connections = run.in_flight, run.connections
    if flying is not None and connections and not run.open_loop:
        seen = f"{show_rate(run.rate or 0)}/s × {show_seconds(run.mean_seconds or 0)}"
        seen += f" = {flying:,.1f} in flight, on {connections:,} connections"
        if flying > MORE_IN_FLIGHT * connections:
            yield codes.LITTLE_BROKEN.finding(seen)
        elif flying < IDLE * connections:
            why = f"; {run.reconnects:,} new connections" if run.reconnects else ""
            yield codes.CONNECTIONS_IDLE.finding(f"{seen}{why}")
    if service_seconds and connections and run.rate is not None:
        most = connections / service_seconds
        seen = f"{show_rate(run.rate)}/s; {connections:,} connections ÷"
        seen += f" {show_seconds(service_seconds)} = {show_rate(most)}/s"
        if run.rate > most * MORE_IN_FLIGHT:
            yield codes.CEILING_BEATEN.finding(seen)
        elif run.rate >= CEILING * most:
            yield codes.CEILING_REACHED.finding(seen)
    if run.target and run.rate is not None and run.rate < TARGET * run.target:
        seen = f"{show_rate(run.rate)}/s of {show_rate(run.target)}/s"
        yield codes.TARGET_MISSED.finding(seen)


def _failures(run: Printed) -> Iterator[Finding]:
    if not run.failed:
        return
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in run.failures.items())
    whole = max(run.requests or 0, run.failed)
    share = run.failed / whole
    seen = f"{kinds}: {show_share(share)} of {whole:,} requests"
    if run.rate is not None and run.requests:
        seen += f"; at most {show_rate(run.rate * (1 - share))}/s were correct"
    yield codes.FAILURES_COUNTED.finding(seen)


def _times(run: Printed) -> Iterator[Finding]:
    if run.latency_lost:
        seen = f"{run.requests:,} responses were counted, and no response time was printed"
        yield codes.TIMES_LOST.finding(seen)
    elif run.dropped:
        yield codes.TIMES_LOST.finding(f"{run.dropped:,} requests took longer than its time limit")
    if not run.percentiles:
        return
    high = {name: value for name, value in run.percentiles.items() if float(name[1:]) >= 90}
    same = [name for name, value in high.items() if value == run.mean_seconds]
    if same:
        seen = f"{', '.join(same)} and the mean are {show_seconds(run.mean_seconds or 0)}"
        yield codes.PERCENTILE_IS_MEAN.finding(seen)
    if not run.open_loop:
        seen = ""
        if run.connections and run.rate:
            wait = show_seconds(run.connections / run.rate)
            seen = f"{run.connections:,} connections ÷ {show_rate(run.rate)}/s = {wait}:"
            seen += " with fewer connections the same server responds sooner"
        yield codes.CLOSED_LOOP_TIMES.finding(seen)


def _amounts(run: Printed) -> Iterator[Finding]:
    if run.requests:
        few = [
            name
            for name in run.percentiles
            if run.requests * (1 - min(1.0, float(name[1:]) / 100)) < ABOVE
        ]
        if few:
            text = f"{', '.join(few)} of {run.requests:,} requests"
            yield codes.TOO_FEW_REQUESTS.finding(text)
        if run.connections and run.requests < LEAST_EACH * run.connections:
            each = run.requests / run.connections
            text = f"{run.requests:,} requests on {run.connections:,} connections: {each:.1f} each"
            yield codes.WHOLE_WAVES.finding(text)
    if run.seconds is not None and run.seconds < LEAST_SECONDS:
        yield codes.TOO_SHORT.finding(f"It took {show_seconds(run.seconds)}")


def _supports(run: Printed, findings: tuple[Finding, ...]) -> str:
    """The statement that is left."""
    wrong = [finding.title for finding in findings if finding.severity == "error"]
    if wrong:
        return f"nothing: {'; '.join(f'{one[0].lower()}{one[1:]}' for one in wrong)}"
    rate = f"{show_rate(run.rate)}/s" if run.rate is not None else "an unknown rate"
    if any(finding.code == codes.CEILING_REACHED.name for finding in findings):
        return f"at least {rate}: the load tool could not ask for more"
    if run.open_loop:
        return f"the response times at {rate}, once, on that machine"
    return (
        f"about {rate} at full load, once, on that machine; no response time that a user would see"
    )
