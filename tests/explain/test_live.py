"""Real servers, counted from the inside: configured limits, and unlimited threads."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import processes_with
from whichworker.bench import overlays
from whichworker.bench.running import Bench, running
from whichworker.errors import ServerFailed
from whichworker.explain import endings, knobs
from whichworker.explain.beside import calling, connections_for
from whichworker.explain.counting import limit_in
from whichworker.explain.explanation import ask
from whichworker.explain.inside import WAIT_SECONDS, WAITS, overlap_inside, patched_in
from whichworker.explain.plan import ExplainRun
from whichworker.explain.scene import Scene
from whichworker.explain.staircase import climb, stair, weigh
from whichworker.explain.volley import Stay
from whichworker.result.explain import ExplainedArm
from whichworker.store import places

pytestmark = pytest.mark.servers
MARK = "WHICHWORKER_EXPLAIN_TEST"


class Quiet:
    """A watcher that does nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def explained(self, arm: ExplainedArm) -> None:
        """Nothing."""


def bench_of(worker: str, folder: Path) -> Bench:
    """A bench with this worker on the built-in project."""
    cache = places.cache_folder()
    question = ask(ExplainRun(workers=(worker,), command="", folder=folder, cache=cache), Quiet())
    environments, without = overlays.build(question, cache, lambda _: None)
    assert not without, without
    return Bench(question, environments, folder, cache)


@contextmanager
def scene_of(worker: str, folder: Path) -> Iterator[Scene]:
    """This worker, running."""
    bench = bench_of(worker, folder)
    (arm,) = bench.question.arms
    with running(bench, arm) as run:
        yield Scene(bench, arm, run)


BOUNDED = [
    ("sync", 1),
    ("gthread", 4),
    ("gthread[threads=2]", 2),
    ("granian-wsgi", 4),
    ("waitress", 4),
    pytest.param("gunicorn-sync[workers=2]", 2, marks=pytest.mark.slow),
    pytest.param("gevent", 20, marks=pytest.mark.slow),
    pytest.param(
        "uwsgi",
        4,
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(not shutil.which("cc"), reason="uWSGI is built from its sources"),
        ],
    ),
]


@pytest.mark.parametrize(("worker", "limit"), BOUNDED)
def test_the_limit_that_is_found_is_the_one_that_is_configured(
    worker: str, limit: int, tmp_path: Path
) -> None:
    with scene_of(worker, tmp_path) as scene:
        assert scene.limit == limit
        stairs = climb(scene, "sync", scene.limit)
        processes = scene.workers(scene.fire("/wait?seconds=0", 1).processes)
    assert limit_in(stairs) == limit, stairs
    assert all(stair.answered == stair.at_once for stair in stairs)
    assert len(processes) == 1, "the process that answered is one of those seen from outside"


@pytest.mark.parametrize("worker", ["asgi", "uvicorn"])
def test_under_asgi_sync_views_take_a_thread_each_without_bound(
    worker: str, tmp_path: Path
) -> None:
    with scene_of(worker, tmp_path) as scene:
        few, many = stair(scene, "sync", 2), stair(scene, "sync", 64)
        weights = weigh(scene, None)
    assert (few.overlapped, many.overlapped) == (2, 64)
    assert many.threads - few.threads >= 60
    assert weights.worker is not None and weights.worker.threads >= 2
    assert weights.request is not None and weights.request.threads > 0.9


def test_gevent_patches_the_standard_library_and_others_do_not(tmp_path: Path) -> None:
    with scene_of("gevent", tmp_path) as scene:
        patched = {name.module: name.origin for name in patched_in(scene)}
        inside = overlap_inside(scene, repeats=1)
        weights = weigh(scene, scene.limit)
    assert {"socket", "ssl", "select", "time", "threading"} <= set(patched)
    assert all(origin.startswith("gevent") for origin in patched.values())
    assert (
        inside.by_threads_seconds is not None and inside.by_threads_seconds < WAITS * WAIT_SECONDS
    )
    assert weights.request is not None and abs(weights.request.threads) < 0.5, (
        "a greenlet is no thread"
    )
    with scene_of("gthread", tmp_path) as scene:
        assert patched_in(scene) == ()


@pytest.mark.slow
def test_threads_beside_one_sync_worker_make_it_another_class(tmp_path: Path) -> None:
    bench = bench_of("sync", tmp_path)
    (arm,) = bench.question.arms
    with running(bench, arm) as run:
        plain = stair(Scene(bench, arm, run), "sync", 4)
    found = {
        change.knob: knobs.turn(bench, arm, change, plain)
        for change in knobs.TURNED["gunicorn-sync"]
    }
    assert (found["--threads 4"].effect, found["--threads 4"].overlapped_with) == ("more", 4)
    assert found["--worker-connections 2"].effect == "none"


@pytest.mark.parametrize("how", ["sleeping", "holding", "releasing"])
def test_blocking_calls_go_on_while_the_block_lasts(how: str, tmp_path: Path) -> None:
    with scene_of("sync", tmp_path) as scene:
        assert connections_for(scene) == 1
        before = threading.active_count()
        with calling(scene, f"/block/{how}") as calls:
            scene.fire("/wait?seconds=0.5", 1)
        assert threading.active_count() == before
    assert calls and all(isinstance(call, Stay) for call in calls), calls


def test_a_server_that_ends_is_a_failure_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    with pytest.raises(ServerFailed, match="ended"), scene_of("sync", tmp_path) as scene:
        scene.run.launch.kill()
        scene.fire("/wait?seconds=0", 1)
    assert not processes_with(f"{MARK}={tmp_path}")


def test_what_happens_at_a_stop_is_asked(tmp_path: Path) -> None:
    bench = bench_of("waitress", tmp_path)
    (arm,) = bench.question.arms
    stop, reload = endings.ending(bench, arm, "stop"), endings.ending(bench, arm, "reload")
    assert reload.outcome == "undeclared"
    assert (stop.signal, stop.outcome) == ("SIGINT", "drains")
    assert stop.seconds is not None
