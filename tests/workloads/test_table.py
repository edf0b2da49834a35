"""Workloads: right answers that owe nothing to the app that gives them."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files

import pytest

from whichworker.errors import UsageError
from whichworker.model import Answer
from whichworker.workloads.table import WORKLOADS, constant_list, owls, workload


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_built_in_workload_asks_once_and_knows_the_whole_answer(name: str) -> None:
    found = workload(name)
    (request,) = found.requests
    assert found.name == name
    assert (request.method, request.body) == ("GET", b"")
    assert request.path.startswith(f"/{name}")
    assert (request.answer.status, request.answer.headers) == (200, (("Content-Type", "application/json"),))
    assert request.answer.body is not None and json.loads(request.answer.body)


@pytest.mark.parametrize(("sync", "asynchronous"), [("json", "json-async"), ("query-json", "query-json-async")])
def test_sync_and_async_views_have_the_same_right_answer(sync: str, asynchronous: str) -> None:
    assert workload(sync).requests[0].answer == workload(asynchronous).requests[0].answer


def test_the_constant_list_to_the_byte() -> None:
    assert len(json.loads(constant_list())) == 20
    assert constant_list().startswith(b'[{"id": 0, "name": "item 0", "even": true}, {"id": 1, "name": "item 1", "even": false}, ')
    assert constant_list().endswith(b'{"id": 19, "name": "item 19", "even": false}]')


def test_the_owls_are_those_of_the_seed_and_numbered_by_it() -> None:
    birds = json.loads((files("whichworker.apps.samples") / "django_project/aviary/birds.json").read_text(encoding="utf-8"))
    found = json.loads(owls())
    assert len(birds) == 30
    assert 1 < len(found) < len(birds)
    assert [birds[owl["id"] - 1] for owl in found] == [{key: owl[key] for key in owl if key != "id"} for owl in found]
    assert sum(bird["family"] == "owl" for bird in birds) == len(found)


def test_right_answers_are_made_without_django() -> None:
    code = (
        "import sys; from whichworker.workloads import table; [table.workload(name) for name in table.WORKLOADS]; "
        "sys.exit('django' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", ["/", "/shop?page=2", "/json"])
def test_a_path_is_asked_as_it_is(path: str) -> None:
    found = workload(path)
    assert (found.name, found.requests[0].path) == (path, path)
    assert found.requests[0].answer == Answer(status=200)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("jsn", "did you mean json?"), ("query_json", "did you mean query-json?"), ("", "one of json, "), ("zzz", "or a path such as /")],
)
def test_an_unknown_name(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no workload is called {name!r}") as caught:
        workload(name)
    assert hint in caught.value.hint
