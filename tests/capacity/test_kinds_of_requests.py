"""Uploads, streams and slow requests at a rate: a time ends with the last byte, none is cut off."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.conftest import changed, faulty_bench
from tests.silent import Silent

from whichworker.bench.running import Bench, running
from whichworker.capacity import waits
from whichworker.capacity.shots import shoot
from whichworker.design.capacity.hunt import ShotPlan
from whichworker.design.capacity.slo import parse
from whichworker.load.generator import Generator
from whichworker.model import Answer, Request
from whichworker.model.histogram import Histogram
from whichworker.store.journal import FILE, Journal
from whichworker.store.open_loop import Paced, Shot
from whichworker.store.records import Prepared

WORK_SECONDS, REPORT_SECONDS = 0.1, 2.0
"""Of an upload and a stream, and of a report, in the app."""
UPLOAD = Request(
    method="POST",
    path="/upload",
    body=b"u" * 1_000_000,
    headers=(("Content-Type", "application/octet-stream"),),
    answer=Answer(body=b"1000000"),
)
STREAM = Request(path="/stream", answer=Answer(body=b"x" * 200_000))
HEALTH = Request(path="/health", weight=19, answer=Answer(body=b"well"))
REPORT = Request(path="/report", answer=Answer(body=b"well"))
ARM = "gunicorn-gthread[threads=16]"


def bench_of(folder: Path, *requests: Request) -> Bench:
    """A bench of one server whose app has all these endpoints."""
    bench = faulty_bench([(ARM, "endpoints")], folder)
    workload = msgspec.structs.replace(bench.question.workload, requests=requests)
    return msgspec.structs.replace(bench, question=changed(bench.question, workload=workload))


def shot(
    bench: Bench, generator: Generator, rate: float, slo: str, response_seconds: float
) -> Shot:
    planned = ShotPlan(phase="search", rate=rate, settle_seconds=0.4, window_seconds=2.0)
    (arm,) = bench.question.arms
    with running(bench, arm) as run:
        return shoot(
            bench,
            generator,
            run,
            arm.name,
            1,
            planned,
            parse(slo),
            (64, 1),
            response_seconds=response_seconds,
        )


@pytest.mark.servers
@pytest.mark.parametrize("request_", [UPLOAD, STREAM], ids=["upload", "stream"])
def test_a_response_time_has_the_upload_and_the_whole_stream(
    tmp_path: Path, generator: Generator, request_: Request
) -> None:
    record = shot(bench_of(tmp_path, request_), generator, 15.0, "p99<5s", WORK_SECONDS)
    times = Histogram.from_hdr(record.response)
    assert record.failures == ()
    assert record.missed == (0,)
    assert times.count == record.count > 15
    assert (times.min or 0) >= 0.95 * WORK_SECONDS * 1e9


@pytest.mark.servers
def test_a_slow_request_beside_fast_ones_is_late_and_not_lost(
    tmp_path: Path, generator: Generator
) -> None:
    bench = bench_of(tmp_path, HEALTH, REPORT)
    record = shot(bench, generator, 40.0, "p90<100ms", REPORT_SECONDS)
    times = Histogram.from_hdr(record.response)
    assert record.failures == ()
    assert times.count == record.count
    assert (times.max or 0) >= REPORT_SECONDS * 1e9
    assert 0 < times.count_above(round(0.99 * REPORT_SECONDS * 1e9)) < 0.2 * times.count


@pytest.mark.servers
def test_all_three_have_response_times(tmp_path: Path, generator: Generator) -> None:
    bench = bench_of(tmp_path, UPLOAD, STREAM, HEALTH)
    (name,) = (arm.name for arm in bench.question.arms)
    ready = Prepared(
        arm=name,
        ladder={1: 20.0},
        response_seconds=WORK_SECONDS,
        cold_start_seconds=0.3,
        command=(ARM,),
    )
    with Journal(tmp_path / FILE) as journal:
        journal.append(ready)
        waits.measure(bench, generator, journal, Silent(), {name: 60.0}, {name: 32}, seconds=10.0)
        records = list(journal.of(Paced))
    assert records
    assert all(record.failures == () and record.lost == 0 for record in records)
