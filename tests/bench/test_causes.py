"""A worker that ends under load is a failure in the words of the cause."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.conftest import calibrations_of, changed, faulty_bench, faulty_question

from whichworker.bench import overlays
from whichworker.bench.running import Bench, running
from whichworker.conformance import preflight
from whichworker.conformance.attempts import examine
from whichworker.errors import ServerFailed
from whichworker.load.generator import Generator
from whichworker.model import Answer, Request, Workload
from whichworker.store import places
from whichworker.store.records import Failed

pytestmark = pytest.mark.servers

HOLDS = """
import ctypes

async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/holds":
        ctypes.PyDLL(None).usleep(6_500_000)  # PyDLL keeps the interpreter's lock
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
"""


@pytest.mark.parametrize(
    ("server", "fault", "fact", "cure"),
    [
        ("gunicorn-sync[workers=2]", "worker-SIGSEGV", "died of SIGSEGV", "PYTHONFAULTHANDLER"),
        ("gunicorn-gthread[workers=2]", "worker-SIGKILL", "memory ran out", "fewer workers"),
        ("gunicorn-sync", "worker-exits", "ended with status 7", "sys.exit"),
        ("uwsgi[workers=2]", "worker-SIGSEGV", "died of SIGSEGV", "PYTHONFAULTHANDLER"),
        ("uvicorn-a2wsgi[workers=2]", "worker-SIGKILL", "does not say why", "PYTHONFAULTHANDLER"),
    ],
)
def test_a_worker_that_ends(
    server: str, fault: str, fact: str, cure: str, tmp_path: Path, generator: Generator
) -> None:
    bench = faulty_bench([(server, fault)], tmp_path)
    record = calibrations_of(bench, generator)[bench.question.arms[0].name]
    assert isinstance(record, Failed), record
    kinds = {failure.kind: failure for failure in record.failures}
    assert set(kinds) == {"worker"}, record.failures
    assert fact in kinds["worker"].sample.partition("\n")[0]
    assert cure in kinds["worker"].hint


@pytest.mark.parametrize(
    ("fault", "how"), [("worker-SIGKILL", "of SIGKILL"), ("worker-exits", "with status 7")]
)
def test_a_server_that_ends_says_how(
    fault: str, how: str, tmp_path: Path, generator: Generator
) -> None:
    record = calibrations_of(faulty_bench([("waitress", fault)], tmp_path), generator)["waitress"]
    assert isinstance(record, Failed), record
    assert [failure.kind for failure in record.failures] == ["died"]
    assert f"ended under load {how}" in record.failures[0].sample


def holding(folder: Path, server: str) -> Bench:
    """A bench of an app that keeps the interpreter for longer than uvicorn's heartbeat."""
    (folder / "holds.py").write_text(HOLDS)
    asked, cache = faulty_question([(server, "")]), places.cache_folder()
    label = next(iter(asked.apps))
    app = msgspec.structs.replace(
        asked.app, directory=str(folder), wsgi=None, asgi="holds:application"
    )
    what = Workload(
        name="holds",
        title="holds",
        requests=(Request(path="/holds", answer=Answer(status=200, body=b"done")),),
        response_seconds=6.5,
    )
    question = changed(asked, apps={label: app}, workload=what)
    environments, _ = overlays.build(question, cache, lambda _: None)
    return Bench(question, environments, folder, cache)


@pytest.mark.slow
def test_the_heartbeat_of_uvicorn_is_the_cause(tmp_path: Path) -> None:
    bench = holding(tmp_path, "uvicorn[workers=2]")
    with (
        pytest.raises(ServerFailed, match="did not respond to its heartbeat for 5 s") as caught,
        running(bench, bench.question.arms[0]),
    ):
        pass
    assert caught.value.kind == "worker"
    assert "--timeout-worker-healthcheck" in caught.value.hint


@pytest.mark.slow
def test_a_slow_view_passes_where_nothing_ends_it(tmp_path: Path) -> None:
    """6.5 s are longer than the usual deadline of a check, and shorter than what was learnt."""
    bench = holding(tmp_path, "uvicorn")
    arm = bench.question.arms[0]
    cases = preflight.cases_of(bench.question)[:1]
    assert [one.state for one in examine(bench, arm, cases)] == ["passed"]
