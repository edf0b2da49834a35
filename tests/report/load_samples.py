"""Results of loads as real ones leave them, built without sending anything."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from whichworker.model import PHASES, CheckCount, Failure, Stage, codes
from whichworker.model.histogram import Histogram
from whichworker.result import (
    PERCENTILES,
    AskedLoad,
    Distribution,
    Estimate,
    LoadResult,
    Run,
    Validity,
)

from . import samples


def spread(p50: float, *, count: int = 20_000) -> Distribution:
    """A distribution with a tail, in seconds."""
    factors = {"p50": 1.0, "p90": 1.9, "p95": 2.6, "p99": 5.2, "p99_9": 11.0}
    known = {
        name: p50 * factor if count * (1 - PERCENTILES[name]) >= 10 else None
        for name, factor in factors.items()
    }
    return Distribution(
        count=count, min=p50 / 3, mean=p50 * 1.2, stdev=p50 * 0.9, max=p50 * 17, **known
    )


def intervals(distribution: Distribution) -> Mapping[str, Estimate | None]:
    """Intervals of all but the farthest percentile, which has none."""
    found: dict[str, Estimate | None] = {}
    for name in PERCENTILES:
        value = getattr(distribution, name)
        found[name] = (
            None if value is None else Estimate(value=value, low=value * 0.96, high=value * 1.07)
        )
    return {**found, "p99_9": Estimate(value=distribution.p99_9)} if distribution.p99_9 else found


def question() -> AskedLoad:
    """An open loop against a local server."""
    return AskedLoad(
        url="http://localhost:8000/books?page=2",
        address="127.0.0.1:8000",
        requests=None,
        time_seconds=10.0,
        connections=64,
        rate_per_second=2000.0,
        arrivals="poisson",
        backlog=100_000,
        spin=None,
        threads=1,
        generator_cores=(1,),
        engine="auto",
        seed=7,
        expect=("status=200", "contains=books"),
        deadline_seconds=5.0,
        warmup_seconds=1.0,
        ramp_seconds=0.0,
    )


def opened() -> LoadResult:
    """A valid open loop in which every answer was right."""
    response, service = spread(0.0012), spread(0.0009)
    return LoadResult(
        engine="native",
        engine_reason="the faster engine",
        question=question(),
        machine=samples.machine(),
        run=Run(
            id="20250304-123005-7f3a",
            started="2025-03-04T12:30:05+00:00",
            command="whichworker load http://localhost:8000/books?page=2"
            " --rate 2000/s --arrivals poisson",
            version="0.1.0",
            seconds=11.3,
            finished=True,
        ),
        validity=Validity(state="valid"),
        seconds=10.0,
        requests=20_000,
        attempts=20_000,
        statuses={"200": 20_000},
        rate_per_second=2000.0,
        intended_rate_per_second=2000.0,
        response_seconds=response,
        service_seconds=service,
        send_lag_seconds=spread(0.000012),
        receive_delay_seconds=None,
        phases={
            name: None if name == "tls" else spread(2e-6 * 5**place)
            for place, name in enumerate(PHASES)
        },
        response_intervals=dict(intervals(response)),
        per_request={"GET /books?page=2": 20_000},
        scheduled=20_000,
        most_backlog=3,
        mean_in_flight=2.2,
        most_in_flight=19,
        bytes_received=31_400_000,
        bytes_sent=1_200_000,
        cpu_seconds=0.22,
        run_delay_seconds=0.01,
        cpu_seconds_per_request=11.4e-6,
        memory_bytes=34_100_000,
        per_second=(2000.0,) * 10,
        histograms={"response": encoded(1_200_000), "service": encoded(900_000)},
    )


def encoded(nanoseconds: int) -> str:
    """A histogram of a few values around this one."""
    histogram = Histogram()
    histogram.record_all([nanoseconds * factor for factor in range(1, 6)])
    return histogram.to_hdr()


def closed() -> LoadResult:
    """A short closed loop: no response times, some percentiles unsupported."""
    service = spread(0.021, count=640)
    asked = replace(
        question(),
        rate_per_second=None,
        arrivals=None,
        backlog=None,
        requests=640,
        time_seconds=600.0,
        warmup_seconds=0.0,
    )
    finding = codes.CLOSED_LOOP.finding()
    return replace(
        opened(),
        question=asked,
        findings=(finding,),
        seconds=0.213,
        requests=640,
        attempts=640,
        statuses={"200": 640},
        rate_per_second=3004.7,
        intended_rate_per_second=None,
        response_seconds=None,
        service_seconds=service,
        send_lag_seconds=None,
        response_intervals=None,
        service_intervals=dict(intervals(service)),
        scheduled=None,
        phases=dict.fromkeys(PHASES),
    )


def failing() -> LoadResult:
    """A valid load of a file with stages in which some answers were wrong."""
    failures = (
        Failure(
            kind="status", count=312, sample="expected status 200, got 503; body starts 'busy'"
        ),
        Failure(
            kind="timeout", count=2, sample="no complete response within 5 s\nTraceback of nobody"
        ),
    )
    asked = replace(
        question(),
        rate_per_second=None,
        file="shop.toml",
        sessions=("buyer",),
        stages=(Stage(5.0, 0.0, 2000.0), Stage(5.0, 2000.0, 2000.0)),
        expect=(),
    )
    return replace(
        opened(),
        question=asked,
        requests=14_686,
        errors={failure.kind: failure.count for failure in failures},
        failures=failures,
        statuses={"200": 14_686, "503": 312},
        iterations=7343,
        iteration_seconds=spread(0.0031, count=7343),
        checks=(
            CheckCount(name="list has rows", passes=7343, fails=0),
            CheckCount(
                name="cart is empty", passes=7331, fails=12, sample="expected count 0, got 3"
            ),
        ),
        per_request={"front page": 7343, "cart": 7343},
    )


def invalid() -> LoadResult:
    """A load whose generator could not keep up."""
    reasons = (
        "only 61.2% of 20,000 scheduled requests were sent, 99% are needed: use fewer requests/s",
        (
            "the generator used 97% of its core (80% is allowed):"
            " these numbers show the generator, not the server"
        ),
    )
    return replace(failing(), validity=Validity(state="invalid", reasons=reasons))


def unanswered() -> LoadResult:
    """A load without one right answer."""
    refused = Failure(kind="connect", count=40, sample="Connection refused at 127.0.0.1:8000")
    return replace(
        opened(),
        validity=Validity(
            state="invalid", reasons=("there was no correct response: look at the failures",)
        ),
        requests=0,
        statuses={},
        errors={"connect": 40},
        failures=(refused,),
        rate_per_second=0.0,
        response_seconds=None,
        service_seconds=None,
        send_lag_seconds=None,
        response_intervals=dict.fromkeys(PERCENTILES),
        phases=dict.fromkeys(PHASES),
        per_request={},
        cpu_seconds_per_request=None,
        memory_bytes=None,
        per_second=(),
        histograms={},
    )
