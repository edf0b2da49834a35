"""Foreign files may hold anything: a reader gives requests or a usage error, no traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whichworker.config.layers import read_file
from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.definition import read_definition
from whichworker.workloads.sources import access_log, har, openapi
from whichworker.workloads.sources.mixture import Recorded, is_sendable, mixture

ODD = ["http://[::1", "https://a b/", "²", "\ud800", "\x1b[2J", "/a\nb", "", "/x?y=1", "{id}", "#/"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 600)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(ODD)
    | st.text(max_size=8)
)


def near(*names: str) -> st.SearchStrategy[Any]:
    """Values that have these keys more often than not."""
    keys = st.sampled_from(names) | st.text(max_size=4)
    return st.recursive(
        LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(keys, one, max_size=5)
    )


HAR = near("log", "entries", "request", "url", "method", "headers", "name", "value", "postData")
ENTRIES = st.fixed_dictionaries({"log": st.fixed_dictionaries({"entries": st.lists(HAR)})})
SCHEMA = near("paths", "/a", "/a/{id}", "get", "parameters", "in", "name", "schema", "example")
LINE = near("method", "request", "path", "uri", "url", "status")


def check(read: Callable[[], Iterator[Recorded]]) -> None:
    try:
        found = [one for one in read() if isinstance(one, Request)]
    except UsageError as error:
        assert error.fact and error.hint
        return
    assert all(map(is_sendable, found))


FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(told=HAR | ENTRIES)
def test_any_recording(told: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.har"
    path.write_text(json.dumps(told))
    check(lambda: har.read(path))


@FUZZ
@given(told=SCHEMA | st.fixed_dictionaries({"paths": SCHEMA}), as_yaml=st.booleans())
def test_any_schema(told: Any, as_yaml: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(yaml.safe_dump(told) if as_yaml else json.dumps(told), errors="replace")
    check(lambda: openapi.read(path))


@FUZZ
@given(told=st.lists(LINE, min_size=1, max_size=3))
def test_any_log(told: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("\n".join(map(json.dumps, told)))
    check(lambda: access_log.read(path))


@FUZZ
@given(content=st.binary(max_size=300))
def test_any_bytes(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "whichworker.toml"
    path.write_bytes(content)
    check(lambda: har.read(path))
    check(lambda: openapi.read(path))
    check(lambda: access_log.read(path))
    for read in (lambda: read_definition(path), lambda: read_file(tmp_path)):
        try:
            read()
        except UsageError as error:
            assert error.fact


def test_one_bad_entry_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.har"
    good = {"request": {"method": "get", "url": "http://shop/a?b=1", "headers": None}}
    bad: list[Any] = [
        None,
        [],
        {"request": []},
        {"request": {"url": "http://[::1"}},
        {"request": {"url": "http://shop/a", "method": "G E T"}},
        {"request": {"url": 3}},
    ]
    fine = {"request": {"url": "http://shop/c", "headers": [{"name": "Accept", "value": "x"}]}}
    path.write_text(json.dumps({"log": {"entries": [*bad, good, fine]}}))
    requests, left = mixture(har.read(path), "a.har")
    assert [one.path for one in requests] == ["/a?b=1", "/c"]
    assert left == "left out: 6 of what cannot be read"


@pytest.mark.parametrize("status", ["²", "٢٠٠", "2000", "", "-1", "1e2"])
def test_a_status_is_three_digits(status: str) -> None:
    told = {"method": "GET", "path": "/a", "status": status or "-1"}
    assert not isinstance(access_log.parse_line(json.dumps(told)), Request)
