"""Workloads: correct responses that do not come from the app."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest

from whichworker.errors import UsageError
from whichworker.model import Answer
from whichworker.workloads import answers
from whichworker.workloads.answers import (
    constant_list,
    countries,
    owls,
    write_compact,
    write_spaced,
)
from whichworker.workloads.table import ALL, DJANGO, FASTAPI, MIXED, STUDIED, WORKLOADS, workload

EVERY = {**WORKLOADS, **STUDIED}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("app", ALL)
def test_a_built_in_workload_knows_the_whole_answer(name: str, app: str) -> None:
    if app not in EVERY[name].apps:
        return
    found = workload(name, app)
    assert found.name == name and found.requests
    for request in found.requests:
        assert (request.method, request.body) == ("GET", b"")
        assert request.answer.status == 200
        kind = dict(request.answer.headers)["Content-Type"]
        assert request.answer.body
        if kind == "application/json":
            assert json.loads(request.answer.body)
        else:
            assert kind == "text/html; charset=utf-8"


@pytest.mark.parametrize("name", EVERY)
def test_sync_and_async_views_have_the_same_right_answers(name: str) -> None:
    app = EVERY[name].apps[0]
    found = workload(name, app)
    if not found.twin:
        assert any(word in name for word in ("aiohttp", "tortoise")), name
        return
    twin = workload(found.twin, app)
    assert twin.twin == name
    assert [request.answer for request in twin.requests] == [
        request.answer for request in found.requests
    ]
    assert (twin.extras, twin.upstream, twin.minimum_service_seconds) == (
        found.extras,
        found.upstream,
        found.minimum_service_seconds,
    )


def test_the_same_values_in_the_writing_of_each_framework() -> None:
    spaced, compact = (
        workload("query-json", DJANGO).requests[0].answer,
        workload("query-json", FASTAPI).requests[0].answer,
    )
    assert spaced.body is not None and compact.body is not None
    assert json.loads(spaced.body) == json.loads(compact.body)
    assert b", " in spaced.body and b'","' in compact.body
    assert write_spaced("é") == b'"\\u00e9"' and write_compact("é") == '"é"'.encode()
    assert workload("json", MIXED).requests == workload("json", FASTAPI).requests
    assert workload("query-json", MIXED).requests == workload("query-json", DJANGO).requests
    assert (
        workload("json", "/some/folder").requests
        == workload("json").requests
        == workload("json", DJANGO).requests
    )


def test_a_plain_race_needs_nothing_beside_it() -> None:
    assert not any(row.extras or row.upstream or row.seconds for row in WORKLOADS.values())
    assert (
        workload("fanout").upstream
        and workload("fanout").extras
        and workload("fanout").minimum_service_seconds == 0.6
    )
    assert workload("brotli").extras and not workload("brotli").upstream
    assert (
        not workload("gateway-3s").extras and workload("gateway-3s").minimum_service_seconds == 3.0
    )


def test_the_constant_list_to_the_byte() -> None:
    assert len(json.loads(constant_list())) == 20
    assert constant_list().startswith(
        b'[{"id": 0, "name": "item 0", "even": true}, {"id": 1, "name": "item 1", "even": false}, '
    )
    assert constant_list().endswith(b'{"id": 19, "name": "item 19", "even": false}]')


def test_the_owls_are_those_of_the_seed_and_numbered_by_it() -> None:
    birds = read("django_project/aviary/birds.json")
    found = json.loads(owls())
    assert len(birds) == 30
    assert 1 < len(found) < len(birds)
    assert [birds[owl["id"] - 1] for owl in found] == [
        {key: owl[key] for key in owl if key != "id"} for owl in found
    ]
    assert sum(bird["family"] == "owl" for bird in birds) == len(found)
    for owl in found:
        assert (
            f"<td>{owl['name']}</td><td>owl</td><td>{owl['wingspan_cm']}</td>".encode()
            in answers.owl_table()
        )


def test_the_lists_are_those_of_the_seed() -> None:
    rows = read("django_project/circus/rows.json")
    colleges, troupes = (
        json.loads(answers.colleges(write_spaced)),
        json.loads(answers.troupes(write_spaced)),
    )
    assert (colleges["count"], troupes["count"]) == (8, 12)
    assert [row["name"] for row in colleges["results"]] == [row["name"] for row in rows["colleges"]]
    by_id = {row["id"]: row["name"] for row in colleges["results"]}
    assert [row["college__name"] for row in troupes["results"]] == [
        by_id[row["college_id"]] for row in rows["troupes"]
    ]


def test_all_three_countries_are_in_the_page() -> None:
    assert len(countries()) == 253
    for request in (*workload("fanout").requests, *workload("fanout-async-reused").requests):
        numbers = [int(text) for text in request.path.partition("=")[2].split(",")]
        body = (request.answer.body or b"").decode()
        assert len(set(numbers)) == 3
        assert [
            f"{countries()[number]['code']}: {countries()[number]['name']}, number {number}" in body
            for number in numbers
        ] == [True] * 3
        assert not set("'&<>\"") & set(
            "".join(countries()[number]["name"] for number in numbers)
        ), "engines escape them differently"


def test_calls_are_spread_over_several_countries_one_beyond_ascii() -> None:
    found = [
        (request.answer.body or b"").decode()
        for request in workload("http-httpx", FASTAPI).requests
    ]
    assert len(set(found)) == 3
    assert not all(text.isascii() for text in found)


def test_the_compressed_page_is_stored_beside_the_table() -> None:
    page = (files("whichworker.samples") / "calls/page.html").read_bytes()
    body = workload("brotli").requests[0].answer.body
    assert body is not None
    assert 45_000 < len(page) < 55_000
    assert len(body) < len(page) / 2
    assert hashlib.sha256(body).hexdigest() != hashlib.sha256(page).hexdigest()


def test_right_answers_are_made_without_a_framework() -> None:
    code = (
        "import sys; from whichworker.workloads import table; "
        "rows = {**table.WORKLOADS, **table.STUDIED}; "
        "[table.workload(name, row.apps[0]) for name, row in rows.items()]; "
        "sys.exit(bool({'django', 'jinja2', 'fastapi', 'brotli'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", ["/", "/shop?page=2", "/json"])
def test_a_path_is_asked_as_it_is(path: str) -> None:
    found = workload(path)
    assert (found.name, found.requests[0].path) == (path, path)
    assert found.requests[0].answer == Answer(status=200)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("jsn", "did you mean json?"),
        ("query_json", "did you mean query-json?"),
        ("", "one of json, "),
        ("zzz", "or a path such as /"),
    ],
)
def test_an_unknown_name(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no workload is called {name!r}") as caught:
        workload(name)
    assert hint in caught.value.hint


def test_a_workload_that_an_app_lacks() -> None:
    with pytest.raises(
        UsageError, match="builtin:django has no workload 'troupe-tortoise-async'"
    ) as caught:
        workload("troupe-tortoise-async", DJANGO)
    assert "builtin:fastapi" in caught.value.hint


def read(path: str) -> Any:
    return json.loads((files("whichworker.samples") / path).read_text(encoding="utf-8"))
