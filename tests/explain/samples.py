"""Explanations for tests: a worker with one request at a time, a loop, and a missing one."""

from __future__ import annotations

from msgspec.structs import replace

from whichworker.model import Failure, Machine, codes
from whichworker.result.envelope import Run, Validity
from whichworker.result.explain import (
    AskedExplain,
    Blocking,
    ExplainedArm,
    ExplainResult,
    InsideRequest,
    KnobEffect,
    Patched,
    PerRequest,
    PerWorker,
    Situation,
    SituationName,
    Stair,
    View,
)


def climbed(view: View, limit: int | None, most: int) -> tuple[Stair, ...]:
    counts = [2**step for step in range(most.bit_length())]
    return tuple(
        Stair(
            view=view,
            at_once=count,
            overlapped=min(count, limit or count),
            answered=count,
            wait_seconds=0.2,
            seconds=0.2,
            threads=2 if limit else 2 + count,
        )
        for count in counts
    )


def latency(
    name: SituationName, view: View | None, p95: float | None, p99: float | None = None
) -> Situation:
    beside = name != "alone"
    return Situation(
        name=name,
        view=view,
        requests=300,
        p50=0.002,
        p95=p95,
        p99=p99,
        calls=5 * beside,
        call_seconds=0.3 if beside else None,
    )


def one_at_a_time() -> ExplainedArm:
    situations = (
        latency("alone", None, 0.004),
        latency("sleeping", "sync", 0.31),
        latency("holding", "sync", 0.25),
        latency("releasing", "sync", 0.28),
    )
    return ExplainedArm(
        name="gunicorn-sync",
        server="gunicorn-sync",
        kind="sync",
        interface="wsgi",
        version="27.0.1",
        python="3.13.5",
        settings={"workers": 1},
        command=("gunicorn", "--worker-class", "sync"),
        limit_configured=1,
        limit_found=1,
        overlapped_most=1,
        staircase=climbed("sync", 1, 4),
        blocking=Blocking(
            fast_view="sync", rate_per_second=100.0, connections=1, situations=situations
        ),
        overlap=InsideRequest(
            waits=3, wait_seconds=0.1, by_threads_seconds=0.102, by_gather_seconds=0.101
        ),
        patched=(),
        knobs=(KnobEffect(knob="--worker-connections 2", effect="none", text="no effect"),),
        per_worker=PerWorker(workers=1, threads=1.0, pss_bytes=35e6, uss_bytes=31e6),
        seconds=30.0,
    )


def looping() -> ExplainedArm:
    situations = (
        latency("alone", None, 0.004, 0.008),
        latency("sleeping", "sync", 0.005, 0.009),
        latency("holding", "sync", 0.25, 0.29),
        latency("releasing", "sync", 0.02, 0.03),
        latency("sleeping", "async", 0.29, 0.3),
        latency("holding", "async", 0.29, 0.3),
        latency("releasing", "async", 0.29, 0.3),
    )
    return replace(
        one_at_a_time(),
        name="gunicorn-asgi",
        server="gunicorn-asgi",
        kind="asgi",
        interface="asgi",
        limit_configured=None,
        limit_found=None,
        overlapped_most=256,
        overlapped_most_async=256,
        staircase=(*climbed("sync", None, 256), *climbed("async", None, 256)),
        blocking=Blocking(
            fast_view="async", rate_per_second=100.0, connections=8, situations=situations
        ),
        per_request=PerRequest(low=1, high=64, threads=1.0, uss_bytes=88e3),
        per_request_async=PerRequest(low=1, high=64, threads=0.0, uss_bytes=-100.0),
    )


def greenlets() -> ExplainedArm:
    return replace(
        one_at_a_time(),
        name="gunicorn-gevent<script>",
        server="gunicorn-gevent",
        settings={"workers": 1, "connections": 20},
        limit_configured=20,
        limit_found=20,
        overlapped_most=20,
        staircase=climbed("sync", 20, 64),
        patched=(Patched(module="time", attribute="sleep", origin="gevent.hub"),),
        blocking=None,
    )


def out() -> ExplainedArm:
    return ExplainedArm(
        name="uwsgi",
        server="uwsgi",
        kind="threads",
        interface="wsgi",
        settings={"workers": 1, "threads": 4},
        state="failed",
        limit_configured=4,
        failures=(Failure(kind="install", count=1, sample="no C compiler\nhint: install one"),),
    )


def result(*arms: ExplainedArm) -> ExplainResult:
    return ExplainResult(
        question=AskedExplain(
            workers=tuple(arm.name for arm in arms),
            app="builtin:django",
            quick=True,
            server_cores=(0,),
            generator_cores=(1,),
        ),
        machine=Machine(
            fingerprint="f",
            system="Linux",
            cpu="a processor",
            cores=2,
            usable_cores=(0, 1),
            memory_bytes=2**33,
        ),
        run=Run(
            id="1",
            started="2026-01-02T03:04:05+00:00",
            command="whichworker explain",
            version="0",
            seconds=60.0,
            finished=True,
        ),
        validity=Validity(state="valid"),
        findings=(codes.NAME_TAKEN.finding("asgi means gunicorn-asgi here"),),
        arms=arms,
    )
