"""The requests to the user's own app: named sources, and the responses still to be learnt."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.model import App, Request
from whichworker.question.own import host_of, workload_of

APP = App(name="shop", directory="/srv/shop", python="python3", wsgi="shop:app")
SESSION = """
[[session]]
[[session.step]]
path = "/"
[[session.step]]
path = "/login"
capture = { token = 'regex:token=(\\w+)' }
[[session.step]]
path = "/cart"
headers = { "X-Token" = "${token}" }
"""


def asked(options: RaceOptions, here: Path) -> dict[str, Request]:
    workload, _ = workload_of(options, APP, None, here)
    return {request.path: request for request in workload.requests}


def test_a_status_that_a_load_file_says_is_kept_and_any_other_is_learnt(tmp_path: Path) -> None:
    (tmp_path / "load.toml").write_text(
        '[[request]]\npath = "/old"\nexpect = "status=301"\n[[request]]\npath = "/"\n'
    )
    found = asked(RaceOptions(request_file="load.toml"), tmp_path)
    assert (found["/old"].answer.status, found["/"].answer.status) == (301, None)


def test_of_a_session_only_what_stands_alone_is_raced(tmp_path: Path) -> None:
    (tmp_path / "load.toml").write_text(SESSION)
    assert list(asked(RaceOptions(request_file="load.toml"), tmp_path)) == ["/"]


def test_two_sources_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--url and --from-log both name"):
        asked(RaceOptions(url=("/",), from_log="access.log"), tmp_path)


def test_what_is_expected_on_the_command_line_is_expected_of_each(tmp_path: Path) -> None:
    found = asked(RaceOptions(url=("/", "/a"), expect=("status=204",)), tmp_path)
    assert [request.answer.status for request in found.values()] == [204, 204]


def test_the_host_is_an_option_or_a_header() -> None:
    header = RaceOptions(header=("host: shop.example:8443", "Accept: */*"), url=("/",))
    assert host_of(header) == host_of(RaceOptions(host="shop.example:8443")) == "shop.example:8443"
    assert host_of(RaceOptions()) == ""
    assert asked(header, Path())["/"].headers == (("Accept", "*/*"),)
    with pytest.raises(UsageError, match="several hosts"):
        host_of(RaceOptions(host="a.example", header=("Host: b.example",)))
    with pytest.raises(UsageError, match="not a host"):
        host_of(RaceOptions(host="a b"))


def test_a_recorded_path_that_servers_read_differently_is_left_out(tmp_path: Path) -> None:
    line = '203.0.113.9 - - [x] "GET {} HTTP/1.1" 200 5\n'
    (tmp_path / "a.log").write_text(line.format("//a") + line.format("/b"))
    workload, findings = workload_of(RaceOptions(from_log="a.log"), APP, None, tmp_path)
    assert [one.path for one in workload.requests] == ["/b"]
    assert "GET //a, which servers read differently" in findings[0].text
    (tmp_path / "a.log").write_text(line.format("//a"))
    assert list(asked(RaceOptions(from_log="a.log"), tmp_path)) == ["//a"]
    assert list(asked(RaceOptions(url=("//a", "/b")), tmp_path)) == ["//a", "/b"]
