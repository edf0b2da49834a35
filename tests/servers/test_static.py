"""The arms that serve static files do so on both interfaces, and serve the app as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.bench import overlays
from whichworker.bench.running import Bench, running
from whichworker.config.options import RaceOptions
from whichworker.load.http1 import fetch, judge_answer
from whichworker.model import Answer, Request
from whichworker.question.ask import ask, discover
from whichworker.store import places

ASKED = (
    Request(
        path="/static/admin/css/base.css",
        answer=Answer(status=200, headers=(("Content-Type", "text/css"),)),
    ),
    Request(path="/static/none.css", answer=Answer(status=404)),
    Request(path="/none", answer=Answer(status=404)),
)


@pytest.mark.servers
@pytest.mark.parametrize("server", ["uvicorn-static", "uvicorn-a2wsgi-static"])
def test_static_files_are_served_by_the_app(server: str, tmp_path: Path) -> None:
    cache = places.cache_folder()
    question = discover(
        ask(
            "builtin:django",
            RaceOptions(servers=server, workload="json", seed=1),
            Path.cwd(),
            cache,
        )
    ).question
    environments, without = overlays.build(question, cache, lambda _: None)
    assert not without, without
    with running(Bench(question, environments, tmp_path, cache), question.arms[0]) as run:
        for request in ASKED:
            assert (
                judge_answer(request.answer, fetch(run.address, request, "localhost", 10)) is None
            ), request.path
