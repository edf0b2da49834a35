"""Planted bottlenecks, live: the attribution must name each of them, at sizes drawn by chance."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from tests.conftest import PROJECTS, changed
from tests.silent import Silent

from whichworker.design.capacity import slo as objectives
from whichworker.environments.interpreters import inspect, own_base
from whichworker.model import Answer, App, Arm, Budget, Question, Request, Subject, Workload
from whichworker.question.ask import budget_of
from whichworker.race import investigation
from whichworker.result import ArmResult, Result
from whichworker.servers import names
from whichworker.store import places

pytestmark = [pytest.mark.truth, pytest.mark.timeout(600)]

BURN = (
    "import sys, time\nprint(flush=True)\nends = time.monotonic() + float(sys.argv[1])\n"
    "while time.monotonic() < ends: pass"
)
SIZES = random.Random(20261121)


def question_of(
    arms: dict[str, dict[str, str]], *, both: bool = False, seconds: float = 45.0
) -> Question:
    """Arms by name, with environments, on the app of planted bottlenecks; `both`: on all cores."""
    python = own_base()
    label = inspect(python).short_version
    budget = budget_of(seconds)
    if both:
        cores = tuple(sorted(os.sched_getaffinity(0)))
        budget = Budget(
            seconds=seconds, server_cores=cores, generator_cores=cores[-1:], shared=True
        )
    found: list[Arm] = []
    for name, environment in arms.items():
        arm = names.contender(names.parse(name), label, cores=len(budget.server_cores))
        found.append(msgspec.structs.replace(arm, environment=environment))
    app = App(
        name="bottlenecks",
        directory=str(PROJECTS),
        python=python,
        wsgi="bottlenecks:application",
        asgi="bottlenecks:asgi",
    )
    return Question(
        subject=Subject(
            apps={label: app},
            workload=Workload(
                name="ok",
                title="ok",
                requests=(Request(path="/", answer=Answer(status=200, body=b"ok")),),
            ),
        ),
        arms=names.number_copies(found),
        budget=budget,
    )


def carry_out(question: Question, folder: Path) -> Result:
    planned = investigation.plan(question, [], folder, places.cache_folder(), Silent())
    return investigation.carry_out(planned, Silent(), "whichworker race")


def cause_of(arm: ArmResult) -> str:
    print(f"  {arm.name}: {arm.attribution}")
    return arm.attribution.cause if arm.attribution else "none"


def between(low: float, high: float) -> str:
    return f"{SIZES.uniform(low, high):.4f}"


CASES = [
    ("gunicorn-sync[workers=1]", "cpu", "cpu", (0.005, 0.02), False),
    ("gunicorn-sync[workers=2]", "cpu", "cpu", (0.005, 0.02), True),
    ("gunicorn-gthread[workers=1,threads=8]", "cpu", "interpreter lock", (0.005, 0.02), True),
    ("gunicorn-sync[workers=8]", "cpu", "oversubscribed", (0.005, 0.02), True),
    ("uvicorn[workers=1]", "blocking", "blocked event loop", (0.01, 0.05), False),
    ("uvicorn[workers=1]", "pool", "pool or lock limit", (0.02, 0.05), False),
    ("gunicorn-gthread[workers=1,threads=16]", "pool", "pool or lock limit", (0.02, 0.05), False),
    ("gunicorn-gthread[workers=1,threads=4]", "sleep", "worker slots", (0.02, 0.05), False),
]


@pytest.mark.parametrize("round_of_sizes", [1, 2])
@pytest.mark.parametrize(
    ("arm", "bottleneck", "cause", "size", "both"),
    CASES,
    ids=[f"{arm}-{kind}" for arm, kind, *_ in CASES],
)
def test_the_planted_bottleneck_is_named(
    arm: str,
    bottleneck: str,
    cause: str,
    size: tuple[float, float],
    both: bool,
    round_of_sizes: int,
    tmp_path: Path,
    state: Path,
) -> None:
    environment = {
        "BOTTLENECK": bottleneck,
        "SECONDS": between(*size),
        "POOL": str(SIZES.choice([2, 3, 4])),
    }
    print(f"\n{arm} {environment}")
    result = carry_out(question_of({arm: environment}, both=both), tmp_path)
    assert cause_of(result.arms[0]) == cause


@contextmanager
def burning(core: int, seconds: float) -> Iterator[None]:
    """Somebody else's process on a core."""
    argv = ["taskset", "--cpu-list", str(core), sys.executable, "-c", BURN, str(seconds)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            yield
        finally:
            other.kill()


def test_foreign_load_is_named_and_the_session_is_refused(tmp_path: Path, state: Path) -> None:
    question = question_of(
        {"gunicorn-sync[workers=1]": {"BOTTLENECK": "cpu", "SECONDS": "0.01"}}, seconds=30
    )
    with burning(question.budget.server_cores[0], 60):
        result = carry_out(question, tmp_path)
    assert cause_of(result.arms[0]) == "foreign load"
    assert result.validity.state == "invalid"


def test_a_leak_is_told(tmp_path: Path, state: Path) -> None:
    leaking = {
        "waitress": {"BOTTLENECK": "leak", "SECONDS": "0.005"},
        "gunicorn-gthread[workers=1]": {"SECONDS": "0.005"},
    }
    question = changed(question_of(leaking, seconds=100), slo=objectives.parse("p99<500ms"))
    result = carry_out(question, tmp_path)
    print([finding.text for finding in result.findings])
    assert [finding.arm for finding in result.findings if finding.code == "memory-grows"] == [
        "waitress"
    ]


def test_a_drift_is_told(tmp_path: Path, state: Path) -> None:
    environment = {"BOTTLENECK": "drift", "SECONDS": "0.0005"}
    result = carry_out(
        question_of(
            {"waitress": environment, "gunicorn-sync[workers=1]": {"SECONDS": "0.002"}}, seconds=60
        ),
        tmp_path,
    )
    print([finding.text for finding in result.findings])
    assert any(finding.code == "drift" and finding.arm == "waitress" for finding in result.findings)
    assert not any(
        finding.code == "drift" and finding.arm != "waitress" for finding in result.findings
    )
