"""From a tally to a result: every number in its place, none invented, findings for oddities."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from whichworker.load.native import engine as native
from whichworker.loadtest.plan import LoadPlan
from whichworker.loadtest.verdict import distribution, intervals_of, judge, per_second, send_lag
from whichworker.model import (
    PHASES,
    Address,
    CheckCount,
    Failure,
    Finding,
    Load,
    Machine,
    Pace,
    Request,
    Stage,
    Tally,
)
from whichworker.model.histogram import Histogram
from whichworker.result import PERCENTILES, AskedLoad, LoadResult, Run

REQUESTS = 20_000
MS = 1_000_000
MACHINE = Machine(
    fingerprint="f", system="Linux", cpu="c", cores=2, usable_cores=(0, 1), memory_bytes=1
)
RUN = Run(
    id="r",
    started="2025-03-04T12:30:05+00:00",
    command="c",
    version="0",
    seconds=1.0,
    finished=True,
)
ADDRESS = Address("127.0.0.1", 8000)
PACE = Pace(stages=(Stage(10.0, 2000.0, 2000.0),))


def histogram(values: Sequence[int]) -> Histogram:
    made = Histogram()
    made.record_all(values)
    return made


def times(count: int = REQUESTS, scale: float = 1.0) -> list[int]:
    rng = random.Random(1)
    return [round(scale * MS * (0.5 + rng.random())) for _ in range(count)]


def plan_of(*, pace: Pace | None = PACE, **changes: Any) -> LoadPlan:
    load = Load(
        address=ADDRESS,
        host="localhost",
        requests=(Request(),),
        connections=64,
        settle_seconds=0.0,
        window_seconds=10.0,
        pace=pace,
    )
    asked = AskedLoad(
        url="http://localhost:8000/",
        address=str(ADDRESS),
        requests=None,
        time_seconds=10.0,
        connections=64,
        rate_per_second=2000.0 if pace else None,
        arrivals="constant" if pace else None,
        threads=1,
        generator_cores=(1,),
        engine="auto",
        seed=1,
        deadline_seconds=5.0,
        warmup_seconds=0.0,
        ramp_seconds=0.0,
    )
    plan = LoadPlan(
        load=load,
        asked=asked,
        addresses=(ADDRESS,),
        engine="epoll",
        engine_reason="asked for",
        cores=(1,),
    )
    return replace(plan, **changes)


def tally_of(**changes: Any) -> Tally:
    """A sound open loop: 2000/s for ten seconds, service of 1 ms."""
    values = times()
    parts = [values[start::20] for start in range(20)]
    tally = Tally(
        engine="epoll",
        seconds=10.0,
        requests=REQUESTS,
        statuses={"200": REQUESTS},
        failures=(),
        service=histogram(values).to_hdr(),
        response=histogram([value + MS // 5 for value in values]).to_hdr(),
        send_lag=histogram([20_000] * REQUESTS).to_hdr(),
        phases={"waiting": histogram(values).to_hdr(), "tls": Histogram().to_hdr()},
        slices=tuple(histogram([value + MS // 5 for value in part]).to_hdr() for part in parts),
        per_bucket=(100,) * 200,
        attempts=REQUESTS,
        scheduled=REQUESTS,
        mean_in_flight=2.0,
        most_in_flight=9,
        per_request={"GET /": REQUESTS},
        cpu_seconds=1.0,
        total_cpu_seconds=2.0,
        total_requests=REQUESTS + 5000,
        memory_bytes=30_000_000,
    )
    return replace(tally, **changes)


def judged(plan: LoadPlan | None = None, **changes: Any) -> LoadResult:
    return judge(plan or plan_of(), tally_of(**changes), MACHINE, RUN)


def closed(**changes: Any) -> LoadResult:
    return judged(plan_of(pace=None), response=None, send_lag=None, scheduled=None, **changes)


def codes(result: LoadResult) -> set[str]:
    return {finding.code for finding in result.findings} - {"engine-native-missing"}


def test_a_sound_open_loop() -> None:
    found = judged()
    assert found.validity.state == "valid" and found.validity.reasons == ()
    assert found.rate_per_second == found.intended_rate_per_second == 2000.0
    assert found.response_seconds is not None and found.service_seconds is not None
    assert found.response_seconds.count == REQUESTS
    assert found.response_seconds.p50 == pytest.approx(0.0012, rel=0.02)
    assert found.service_seconds.mean == pytest.approx(0.001, rel=0.02)
    assert found.cpu_seconds_per_request == 2.0 / (REQUESTS + 5000)
    assert found.memory_bytes == 30_000_000
    assert found.per_second == (2000.0,) * 10
    assert set(found.phases) == set(PHASES)
    assert (
        found.phases["waiting"] is not None
        and found.phases["tls"] is None
        and found.phases["blocked"] is None
    )
    assert set(found.histograms) == {"service", "response", "send_lag", "waiting", "tls"}
    assert codes(found) == set()


def test_percentiles_have_intervals_around_them() -> None:
    intervals = judged().response_intervals
    assert intervals is not None and set(intervals) == set(PERCENTILES)
    for name in ("p50", "p90", "p99"):
        estimate = intervals[name]
        assert estimate is not None and estimate.low is not None and estimate.high is not None
        assert estimate.low < estimate.value < estimate.high < 1.05 * estimate.value


def test_slices_that_differ_make_intervals_wide() -> None:
    calm, busy = times(), [value * 3 for value in times(1000)]
    together = intervals_of(
        histogram(calm + busy),
        [*(histogram(calm[start::19]) for start in range(19)), histogram(busy)],
    )
    apart = intervals_of(
        histogram(calm + busy), [histogram((calm + busy)[start::20]) for start in range(20)]
    )
    assert together["p95"] is not None and apart["p95"] is not None
    wide, narrow = together["p95"], apart["p95"]
    assert wide.low is None or (narrow.low is not None and wide.low < narrow.low)


def test_without_slices_there_is_a_value_but_no_interval() -> None:
    estimate = intervals_of(histogram(times()), [])["p99"]
    assert estimate is not None and estimate.value > 0
    assert estimate.low is None and estimate.high is None


def test_a_closed_loop_has_no_response_time_and_says_why() -> None:
    found = closed()
    absent = (
        found.response_seconds,
        found.send_lag_seconds,
        found.response_intervals,
        found.intended_rate_per_second,
    )
    assert absent == (None,) * 4
    assert found.service_intervals is not None
    assert codes(found) == {"closed-loop"}
    assert "full load" in found.findings[0].text


def test_the_intended_rate_of_stages_is_what_was_due() -> None:
    plan = plan_of()
    plan = replace(plan, asked=replace(plan.asked, rate_per_second=None, stages=PACE.stages))
    assert judged(plan, scheduled=19_990).intended_rate_per_second == 1999.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"requests": 0}, "no correct response"),
        ({"attempts": 15_000}, "75.0% of 20,000 scheduled"),
        ({"dropped": 7}, "7 requests were dropped because 100,000"),
        ({"send_lag": histogram([2 * MS] * REQUESTS).to_hdr()}, "2 ms late at p99"),
        ({"cpu_seconds": 9.0}, "90% of its core"),
        ({"run_delay_seconds": 3.0}, "30% of the time"),
        ({"mean_in_flight": 4.0}, "4 requests were in flight"),
    ],
)
def test_an_invalid_load_keeps_its_numbers(changes: dict[str, Any], words: str) -> None:
    found = judged(**changes)
    assert found.validity.state == "invalid"
    assert words in found.validity.reasons[0]
    assert found.service_seconds is not None


@pytest.mark.parametrize(
    ("spin", "rate", "threads", "valid"),
    [
        (True, 100.0, 1, True),
        (None, 10_001.0, 1, True),
        (None, 15_000.0, 2, False),
        (False, 20_000.0, 1, False),
    ],
)
def test_a_generator_that_spins_on_purpose_is_not_full(
    spin: bool | None, rate: float, threads: int, valid: bool
) -> None:
    plan = plan_of(pace=Pace(stages=(Stage(10.0, rate, rate),), spin=spin))
    plan = replace(plan, load=replace(plan.load, threads=threads))
    due = round(10.0 * rate)
    assert (
        judged(plan, cpu_seconds=9.9 * threads, scheduled=due, attempts=due).validity.state
        == "valid"
    ) == valid


def test_a_peak_above_the_limit_is_no_excuse_as_the_engine_sleeps_by_the_mean() -> None:
    stages = (Stage(1.0, 24_000.0, 24_000.0), Stage(9.0, 3000.0, 3000.0))
    plan = plan_of(pace=Pace(stages=stages))
    found = judged(plan, cpu_seconds=9.9, scheduled=51_000, attempts=51_000)
    assert "the generator used 99% of its core" in found.validity.reasons[0]


def test_what_the_engine_never_knew_of_is_unsent_all_the_same() -> None:
    plan = plan_of(pace=Pace(stages=(Stage(10.0, 2500.0, 2500.0),)))
    assert (
        "only 80.0% of 25,000 scheduled requests were sent"
        in judged(plan, scheduled=20_000).validity.reasons[0]
    )


def test_failures_are_told_and_leave_the_load_valid() -> None:
    failures = (
        Failure(kind="status", count=3, sample="expected status 200, got 500"),
        Failure(kind="timeout", count=1, sample="x"),
    )
    found = judged(
        failures=failures,
        mean_in_flight=3.0,
        checks=(CheckCount(name="c", passes=1, fails=2, sample="s"),),
    )
    assert found.validity.state == "valid"
    assert found.errors == {"status": 3, "timeout": 1}
    assert found.failures == failures
    assert found.checks[0].fails == 2


def test_nothing_answered_leaves_no_number_behind() -> None:
    empty = Histogram().to_hdr()
    found = judged(
        requests=0,
        statuses={},
        service=empty,
        response=empty,
        send_lag=empty,
        slices=(),
        total_requests=0,
        memory_bytes=0,
    )
    assert found.validity.state == "invalid"
    absent = (
        found.response_seconds,
        found.service_seconds,
        found.cpu_seconds_per_request,
        found.memory_bytes,
    )
    assert absent == (None,) * 4
    assert found.response_intervals == dict.fromkeys(PERCENTILES)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"reconnects": 2000}, "reconnects", "2,000 connections, so 10 % of the requests"),
        (
            {"slices": (histogram(times()).to_hdr(), *[Histogram().to_hdr()] * 19)},
            "intervals-unsupported",
            "in only 1 of 20 parts",
        ),
        ({"seconds": 0.15}, "window-short", "only 150 ms"),
        ({"service": histogram([*times(), 200]).to_hdr()}, "answers-too-fast", "200 ns"),
        (
            {"receive_delay": histogram([MS // 4] * REQUESTS).to_hdr()},
            "receive-delay",
            "of the median response time",
        ),
        (
            {"response": histogram(times(500)).to_hdr()},
            "percentiles-unsupported",
            "500 responses are too few for p99, p99.9",
        ),
    ],
)
def test_what_is_odd_is_found(changes: dict[str, Any], code: str, words: str) -> None:
    finding = next(finding for finding in judged(**changes).findings if finding.code == code)
    assert words in finding.text


def test_a_closed_loop_that_ended_early_is_told_unless_it_was_bounded_by_requests() -> None:
    assert "ended-early" in codes(closed(seconds=4.0))
    plan = plan_of(pace=None)
    bounded = replace(plan, asked=replace(plan.asked, requests=REQUESTS))
    found = judged(bounded, response=None, send_lag=None, scheduled=None, seconds=4.0)
    assert "ended-early" not in codes(found)
    assert found.rate_per_second == REQUESTS / 4.0


def test_an_open_loop_that_ends_with_its_last_answer_is_counted_over_what_was_planned() -> None:
    found = judged(seconds=9.4)
    assert (found.seconds, found.rate_per_second) == (10.0, 2000.0)
    assert "ended-early" not in codes(found)


def test_random_arrivals_bounded_by_requests_are_counted_over_what_it_came_to() -> None:
    plan = plan_of(pace=replace(PACE, arrivals="poisson"))
    found = judged(replace(plan, asked=replace(plan.asked, requests=REQUESTS)), seconds=9.4)
    assert found.seconds == 9.4


def test_a_few_reconnects_are_normal() -> None:
    assert "reconnects" not in codes(judged(reconnects=1999))


@pytest.mark.parametrize("there", [True, False])
def test_a_missing_native_engine_is_said_with_the_cure(
    there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "available", lambda: there)
    monkeypatch.setattr(native, "missing_reason", lambda: "it was not built; build it")
    found = [finding for finding in judged().findings if finding.code == "engine-native-missing"]
    assert bool(found) != there
    assert there or (found[0].hint == "build it" and found[0].text.endswith("it was not built"))


def test_findings_of_the_plan_come_first() -> None:
    noted = Finding(code="answer-unchecked", severity="info", text="t")
    assert closed_with(noted).findings[0] == noted


def closed_with(noted: Finding) -> LoadResult:
    return judged(
        plan_of(pace=None, findings=(noted,)), response=None, send_lag=None, scheduled=None
    )


@pytest.mark.parametrize(
    ("buckets", "seconds"),
    [
        ((), ()),
        ((5,) * 20, (100.0,)),
        ((5,) * 30, (100.0, 100.0)),
        ((1,) * 20 + (3,) * 5, (20.0, 60.0)),
    ],
)
def test_right_answers_per_second(buckets: tuple[int, ...], seconds: tuple[float, ...]) -> None:
    assert per_second(buckets) == seconds


def test_a_distribution_of_nothing_is_none() -> None:
    assert distribution(None) is None
    assert distribution(Histogram()) is None


@pytest.mark.parametrize(
    ("count", "at"), [(1000, 0.99), (999, 0.95), (150, 0.9), (20, 0.5), (19, None)]
)
def test_the_send_lag_is_judged_where_the_sample_supports_it(count: int, at: float | None) -> None:
    lag, q = send_lag(histogram([1000] * count))
    assert (lag is None) == (at is None)
    assert at is None or q == at
