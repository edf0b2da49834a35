"""Every server of the table on the built-in app: correct, loopback only, nothing left at the end.

`make conformance` measures the whole matrix of servers and cases on several Djangos and Pythons.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tests.conftest import processes_with

from whichworker.bench import overlays
from whichworker.bench.running import Bench, running
from whichworker.bench.window import load_and_probe, load_of
from whichworker.config.options import RaceOptions
from whichworker.conformance.attempts import examine
from whichworker.conformance.cases import CASES
from whichworker.conformance.preflight import unfit
from whichworker.load.generator import Generator
from whichworker.load.http1 import fetch, judge_answer
from whichworker.model import Question
from whichworker.process.launch import LAUNCH_VARIABLE
from whichworker.process.sockets import owned
from whichworker.question.ask import ask, discover
from whichworker.servers import table
from whichworker.store import places
from whichworker.workloads.table import WORKLOADS, workload

pytestmark = pytest.mark.servers


def question(server: str, what: str = "json") -> Question:
    """One server on the built-in app."""
    return discover(
        ask(
            "builtin:django",
            RaceOptions(servers=server, workload=what, seed=1),
            Path.cwd(),
            places.cache_folder(),
        )
    ).question


ASKED = [name for name in table.SERVERS if not table.load(name).opt_in]
FAMILIES = {table.load(name).family: name for name in (*ASKED, *table.CONTENDERS)}
"""One server of each family: how it ends does not depend on loops and parsers."""
BODY_AFTER_HEAD = ("waitress", "uwsgi")
"""They send the body of a HEAD response, which Django leaves to the server to remove."""


COMMON = {*table.CONTENDERS, *FAMILIES.values()}


@pytest.fixture(
    params=[
        name if name in COMMON else pytest.param(name, marks=pytest.mark.truth) for name in ASKED
    ]
)
def server(request: pytest.FixtureRequest) -> str:
    """Servers that build in less than minutes: the contenders and one of each family, or all."""
    name: str = request.param
    return name


@pytest.fixture
def bench(server: str, tmp_path: Path) -> Bench:
    """A bench with this server and its environment."""
    asked = question(server)
    environments, without = overlays.build(asked, places.cache_folder(), lambda _: None)
    if without and server not in table.CONTENDERS:
        pytest.skip(f"cannot be installed here: {without[0].failures[0].sample}")
    assert not without, without
    return Bench(asked, environments, tmp_path, places.cache_folder())


def test_every_workload_is_answered_rightly_and_only_on_loopback(
    bench: Bench, server: str, generator: Generator
) -> None:
    if any(finding.code == "django-500" for finding in table.load(server).known):
        pytest.skip("known not to serve Django")
    arm = bench.question.arms[0]
    with running(bench, arm) as run:
        mark = f"{LAUNCH_VARIABLE}={run.launch.token}"
        assert run.cold_start_seconds > 0
        for name in WORKLOADS:
            if "async" in name and any(
                finding.code == "async-views-fail" for finding in table.load(server).known
            ):
                continue  # concurrent async views fail under gevent; a race refuses them
            request = workload(name).requests[0]
            assert (
                judge_answer(
                    request.answer, fetch(run.address, request, bench.question.app.host, 10)
                )
                is None
            ), name
        listeners = owned(run.launch.pids())
        assert run.address.port in {found.port for found in listeners}
        assert all(found.loopback for found in listeners)
        tally, probes = load_and_probe(
            bench, generator, run, load_of(bench, run, 4, 0.5, settle=0.1)
        )
        assert tally.requests > 20
        assert not tally.failures
        assert probes.server_cpu_seconds
        assert 5e6 < (probes.memory_bytes or 0) < 1e9
    assert not processes_with(mark)
    left = [path.name for path in (bench.folder / "launches").iterdir()]
    assert not left, "a launch that went well leaves no file"


HOLDER = """
import sys, time
from pathlib import Path
import msgspec
from whichworker.conformance.preflight import unfit
from whichworker.bench.running import Bench, running
from whichworker.model import Environment, Question
plan = tuple[Question, dict[str, Environment], str, str]
question, environments, folder, cache = msgspec.json.decode(
    Path(sys.argv[1]).read_bytes(), type=plan)
with running(Bench(question, environments, Path(folder), Path(cache)), question.arms[0]) as run:
    print(run.launch.token, run.launch._warden.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("server", table.CONTENDERS, indirect=True)
def test_contenders_answer_every_case(bench: Bench, server: str) -> None:
    arm = bench.question.arms[0]
    outcomes = examine(bench, arm, CASES)
    assert [outcome.case for outcome in outcomes] == [case.name for case in CASES]
    assert unfit(bench.question, arm, CASES, outcomes) == []
    found = {outcome.case: outcome for outcome in outcomes}
    assert (found["head"].state == "failed") == (server in BODY_AFTER_HEAD)
    assert found["keep-alive"].note == ("closes" if server == "gunicorn-sync" else "reuses"), found[
        "keep-alive"
    ]
    assert (found["reload"].state == "not applicable") == (table.load(server).reload_signal is None)


@pytest.mark.parametrize("server", sorted(FAMILIES.values()), indirect=True)
@pytest.mark.parametrize("victim", ["tool", "warden"])
def test_nothing_survives_a_kill(bench: Bench, victim: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_bytes(
        msgspec.json.encode(
            (bench.question, bench.environments, str(bench.folder), str(bench.cache))
        )
    )
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(plan)], stdout=subprocess.PIPE, text=True
    ) as tool:
        assert tool.stdout is not None
        try:
            token, warden = tool.stdout.readline().split()
            mark = f"{LAUNCH_VARIABLE}={token}"
            assert processes_with(mark)
            os.kill(tool.pid if victim == "tool" else int(warden), signal.SIGKILL)
            deadline = time.monotonic() + 2
            while processes_with(mark) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert not processes_with(mark)
        finally:
            tool.kill()


def test_the_table_is_complete() -> None:
    assert len(table.CONTENDERS) == 12
    assert set(table.CONTENDERS) <= set(table.SERVERS)
    for name in table.SERVERS:
        adapter = table.load(name)
        assert set(adapter.settings(2)) == {
            knob.name for knob in adapter.knobs if not knob.unset
        }, name
