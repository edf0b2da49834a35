"""What is made of py-spy's stacks, and a real one."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from tests.conftest import PROJECTS, changed, faulty_bench, faulty_question

from whichworker.bench import overlays
from whichworker.bench.profile import innermost, profile, shares
from whichworker.bench.running import Bench
from whichworker.load.generator import Generator
from whichworker.model import Answer, Request, Workload
from whichworker.store import places
from whichworker.store.records import Profiled

RAW = """process 12:"python app.py";run (app.py:3);handle (/srv/app/views.py:12) 30
process 12:"python app.py";run (app.py:3);handle (/srv/app/views.py:14) 10
process 13:"python app.py";run (app.py:3);json.dumps (json/__init__.py:231) 60
nonsense
"""


def test_innermost_functions_are_counted_whatever_their_line() -> None:
    assert innermost(RAW) == {"handle (views.py)": 40, "json.dumps (__init__.py)": 60}
    assert shares(innermost(RAW)) == {"json.dumps (__init__.py)": 0.6, "handle (views.py)": 0.4}


@pytest.mark.alone
@pytest.mark.servers
def test_a_real_server_is_sampled(tmp_path: Path, generator: Generator) -> None:
    bench = faulty_bench([("waitress", "")], tmp_path)
    found = profile(bench, generator, "waitress", 4)
    if not isinstance(found, Profiled):
        assert os.geteuid(), (
            found.finding.text
        )  # root may look; others only where the kernel lets them
        return
    assert found.samples > 10
    assert sum(found.functions.values()) <= 1.001
    of_waitress = ("wasyncore.py", "task.py", "channel.py", "parser.py")
    assert any(file in function for file in of_waitress for function in found.functions)


@pytest.mark.servers
def test_a_loop_that_is_blocked_is_late(tmp_path: Path, generator: Generator) -> None:
    question = faulty_question([("uvicorn", "")])
    blocked = {"directory": str(PROJECTS), "wsgi": None, "asgi": "bottlenecks:asgi"}
    environment = {"BOTTLENECK": "blocking", "SECONDS": "0.02"}
    apps = {
        label: msgspec.structs.replace(app, **blocked, environment=environment)
        for label, app in question.apps.items()
    }
    ok = Workload(
        name="ok", title="ok", requests=(Request(path="/", answer=Answer(status=200, body=b"ok")),)
    )
    question = changed(question, apps=apps, workload=ok)
    environments, without = overlays.build(question, places.cache_folder(), lambda _: None)
    assert not without
    found = profile(
        Bench(question, environments, tmp_path, places.cache_folder()), generator, "uvicorn", 4
    )
    if not isinstance(found, Profiled):
        assert os.geteuid(), found.finding.text
        return
    assert found.loop_lag_seconds is not None
    assert found.loop_lag_seconds[1] > 0.01
