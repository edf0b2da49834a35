"""Shots at a real server whose slow route starves the fast one."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
from tests.capacity.test_contest import arm_of
from tests.conftest import changed, faulty_bench
from tests.projects.two_routes import REPORT_SECONDS
from tests.silent import Silent

from whichworker.bench.running import Bench, running
from whichworker.capacity import contest, shots
from whichworker.capacity.shots import shoot
from whichworker.design.capacity.hunt import ShotPlan
from whichworker.design.capacity.slo import parse
from whichworker.judge.second_stage import SecondStage
from whichworker.load.generator import Generator
from whichworker.model import Answer, Request, Workload
from whichworker.model.histogram import Histogram
from whichworker.store.journal import FILE, Journal
from whichworker.store.open_loop import Shot
from whichworker.store.records import Prepared

pytestmark = [pytest.mark.alone, pytest.mark.servers, pytest.mark.timeout(200)]

ARM = "waitress[threads=4]"
SLO = parse("p99<100ms on /health, p99<3s on /report, errors<1%")
PATHS = ("/health", "/report")
MIX = tuple(Request(path=path, answer=Answer(body=path.encode())) for path in PATHS)
SECONDS = 75.0
"""For the search, and for windows that test a rate."""
FULL_LOAD = 2 * 4 / REPORT_SECONDS
"""Requests per second: four threads, and every other request is a report."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """The app on one server, with both routes equally often."""
    made = faulty_bench([(ARM, "")], tmp_path)
    (label, app), *_ = made.question.apps.items()
    question = changed(
        made.question,
        slo=SLO,
        budget=msgspec.structs.replace(made.question.budget, seconds=2 * SECONDS),
        apps={label: msgspec.structs.replace(app, wsgi="two_routes:application")},
        workload=Workload(name="two", title="two routes", requests=MIX),
    )
    return msgspec.structs.replace(made, question=question)


def test_reports_that_use_all_threads_make_the_health_check_late(
    bench: Bench, generator: Generator
) -> None:
    with running(bench, bench.question.arms[0]) as run:

        def at(rate: float) -> Shot:
            plan = ShotPlan(phase="search", rate=rate, settle_seconds=0.5, window_seconds=3.0)
            return shoot(bench, generator, run, ARM, 1, plan, SLO, (64, 5))

        calm, starved = at(0.2 * FULL_LOAD), at(2 * FULL_LOAD)
    for shot in (calm, starved):
        health, report = (shot.routes[f"GET {path}"] for path in PATHS)
        assert health.due + report.due == shot.count
        assert shot.counts == (health.due, report.due, shot.count)
        assert (Histogram.from_hdr(report.response).min or 0) >= REPORT_SECONDS * 1e9
        assert shot.missed[2] == 0, "all responses are correct"
        assert shot.good == shot.count - shot.missed[0] - shot.missed[1]
        assert sum(count for count, _ in shot.slices) == report.due, "of the clause with most time"
    assert calm.missed[0] < 0.3 * calm.counts[0]
    assert starved.missed[0] > 0.7 * starved.counts[0]


@pytest.mark.slow
def test_the_health_check_decides_the_capacity(
    bench: Bench, generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The app sleeps, so other programs on the cores change little, and need not be waited for.
    monkeypatch.setattr(shots, "shot_refusal", lambda *_, **__: "")
    ready = Prepared(
        arm=ARM,
        ladder={1: 6.0, 4: FULL_LOAD},
        response_seconds=REPORT_SECONDS,
        cold_start_seconds=0.3,
        command=(ARM,),
    )
    ends = time.monotonic() + SECONDS
    with Journal(tmp_path / FILE) as journal:
        journal.append(ready)
        contest.contest(
            bench,
            generator,
            journal,
            Silent(),
            {ARM: FULL_LOAD},
            4,
            lambda: ends - time.monotonic(),
        )
        found = SecondStage(bench.question, journal).add_to(arm_of(ARM)).capacity_per_second
    assert found is not None
    assert found.binding == "p99<100ms on /health"
    assert found.low < 0.8 * FULL_LOAD, "reports alone could use nearly all of it"
    names = [route.name for route in found.routes]
    assert names == (["GET /health", "GET /report"] if found.routes_rate_per_second else [])
