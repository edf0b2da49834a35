"""A load from options to result: refusals before it, the target, and one on a real server."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.origin import GREETING, Origin, serving

from whichworker.config.load_options import LoadOptions
from whichworker.errors import UsageError
from whichworker.loadtest import carry_out as laboratory
from whichworker.loadtest.plan import MOST_REQUESTS, LoadPlan, plan
from whichworker.model import Address, Finding, Stage
from whichworker.result import LoadResult

URL = "http://127.0.0.1:9/"


class Watcher:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.seen: list[tuple[float, int, int]] = []

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)

    def progress(self, seconds: float, right: int, failures: int) -> None:
        self.seen.append((seconds, right, failures))


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving() as server:
        yield server


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3})


def planned(
    text: str = URL, *, owned: bool = False, origin: str = "--", **options: Any
) -> LoadPlan:
    """The plan of options that were all given on the command line (or where `origin` says)."""
    origins = {
        name: f"{origin}{name}" if name in options else "default"
        for name in LoadOptions.__struct_fields__
    }
    return plan(text, LoadOptions(**options), origins, owned=owned)


def written(folder: Path, text: str) -> str:
    path = folder / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_url_and_nothing_else(two_cores: None) -> None:
    found = planned("http://localhost:8000/a?b=c")
    load = found.load
    assert load.host == "localhost:8000"
    assert (load.requests[0].method, load.requests[0].path, load.requests[0].body) == (
        "GET",
        "/a?b=c",
        b"",
    )
    assert (load.connections, load.window_seconds, load.settle_seconds, load.stagger_seconds) == (
        64,
        10.0,
        0.0,
        0.0,
    )
    assert load.pace is None and load.tls is None and load.flood is None
    assert load.limit == MOST_REQUESTS, "a count is always bounded"
    assert found.cores == found.asked.generator_cores == (3,)
    assert [finding.code for finding in found.findings] == ["answer-unchecked"]


def test_a_request_is_what_the_options_say(tmp_path: Path, two_cores: None) -> None:
    (tmp_path / "body").write_bytes(b"\x00\xff")
    found = planned(
        header=("Accept: text/html", "X-A:b: c"),
        body=f"@{tmp_path / 'body'}",
        expect=("status=201", "contains=made"),
    )
    request = found.load.requests[0]
    assert (request.method, request.headers, request.body) == (
        "POST",
        (("Accept", "text/html"), ("X-A", "b: c")),
        b"\x00\xff",
    )
    assert request.answer.status == 201 and request.answer.contains == (b"made",)
    assert found.findings == ()
    assert planned(body="x", method="put").load.requests[0].method == "PUT"


def test_seeds_are_drawn_and_recorded() -> None:
    assert planned(seed=7).load.seed == planned(seed=7).asked.seed == 7
    drawn = planned()
    assert drawn.load.seed == drawn.asked.seed
    assert drawn.load.seed != planned().load.seed


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"connections": 0}, "between 1 and 65,000"),
        ({"connections": 65_001}, "between 1 and 65,000"),
        ({"requests": 0}, "between 1 and 100,000,000"),
        ({"requests": 100_000_001}, "between 1 and 100,000,000"),
        ({"threads": 0}, "--threads must be between 1 and 64"),
        ({"threads": 2, "connections": 1}, "--threads must be between 1 and 1"),
        ({"threads": 64}, "can be used"),
        ({"rate": 5.0, "backlog": 0}, "--backlog must be between"),
        ({"seed": -1}, "--seed must be between"),
        ({"deadline": 601.0}, "--deadline must be at most 600 s"),
        ({"header": ("",)}, "not a header"),
        ({"header": (": x",)}, "not a header"),
        ({"header": ("Accept",)}, "not a header"),
        ({"body": "@/no/such/file"}, "cannot be read"),
        ({"ca": "x.pem"}, "--ca is for https only"),
        ({"insecure": True}, "--insecure is for https only"),
        ({"url": "http://localhost/"}, "two URLs"),
        ({"expect": ("ok",)}, "ok"),
        ({"arrivals": "poisson"}, "--arrivals needs a rate"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error_with_a_hint(
    options: dict[str, Any], fact: str
) -> None:
    with pytest.raises(UsageError) as caught:
        planned(**options)
    assert fact in caught.value.fact
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "localhost:8000/x",
        "ftp://localhost/",
        "http://",
        "no-such-file.toml",
        "http://name.invalid/",
    ],
)
def test_what_is_no_target_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/", "http://[2001:db8::1]:80/", "http://10.0.0.1:8000/x"]
)
def test_a_target_elsewhere_must_be_one_s_own(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(url)
    assert "is not on this machine" in caught.value.fact
    assert "--i-own-this-target" in caught.value.hint
    assert planned(url, owned=True).load.address.port in (80, 8000)


def test_one_foreign_address_of_a_name_is_enough_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "whichworker.loadtest.plan.resolve",
        lambda target: [Address("127.0.0.1", 9), Address("192.0.2.1", 9)],
    )
    with pytest.raises(UsageError, match="not on this machine"):
        planned()
    assert len(planned(owned=True).addresses) == 2


@pytest.mark.parametrize(
    "url", [URL, "http://[::1]:9/", "http://127.9.9.9/", "unix:/run/app.sock:/x"]
)
def test_this_machine_needs_no_word(url: str) -> None:
    assert planned(url).addresses


def test_https_is_checked_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    trusting = planned("https://localhost:9/", ca=str(tmp_path / "ca.pem")).load.tls
    assert trusting is not None
    assert (trusting.server_name, trusting.ca_file, trusting.verify) == (
        "localhost",
        str(tmp_path / "ca.pem"),
        True,
    )
    careless = planned("https://localhost:9/", insecure=True).load.tls
    assert careless is not None and not careless.verify
    with pytest.raises(UsageError, match="no file"):
        planned("https://localhost:9/", ca="missing.pem")


def test_a_site_is_asked_by_its_name(tmp_path: Path) -> None:
    load = planned(host="shop.example:8443").load
    assert (load.host, load.address) == ("shop.example:8443", Address("127.0.0.1", 9))
    encrypted = planned("https://127.0.0.1:9/", host="shop.example").load
    assert encrypted.tls is not None
    assert (encrypted.host, encrypted.tls.server_name) == ("shop.example", "shop.example")
    file = written(
        tmp_path, 'url = "http://127.0.0.1:9"\nhost = "a.example"\n[[request]]\npath = "/"'
    )
    assert planned(file).load.host == "a.example"
    assert planned(file, host="b.example").load.host == "b.example"
    for wrong in ("a b", "http://shop.example", "shop.example/x"):
        with pytest.raises(UsageError, match="host"):
            planned(host=wrong)


def test_what_is_configured_for_other_loads_is_no_reason_to_refuse_this_one(tmp_path: Path) -> None:
    general = str(tmp_path / "whichworker.toml")
    options: dict[str, Any] = {
        "ca": "x.pem",
        "url": "http://localhost:7/",
        "arrivals": "poisson",
        "spin": True,
        "backlog": 7,
    }
    found = planned(origin=general, **options)
    assert (found.asked.url, found.load.tls, found.load.pace) == (URL, None, None)
    both = LoadOptions(rate=5.0, stage=("2s@9/s",))
    origins = dict.fromkeys(LoadOptions.__struct_fields__, "default")
    said_rate = plan(URL, both, {**origins, "rate": "--rate", "stage": general}, owned=False)
    said_stage = plan(URL, both, {**origins, "rate": general, "stage": "--stage"}, owned=False)
    assert (said_rate.asked.rate_per_second, said_rate.asked.stages) == (5.0, ())
    assert (said_stage.asked.rate_per_second, said_stage.asked.stages) == (
        None,
        (Stage(2.0, 9.0, 9.0),),
    )


def test_all_cores_for_the_generator_is_worth_saying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5})
    found = planned()
    assert found.cores == (5,)
    assert "cores-shared" in {finding.code for finding in found.findings}


FILE = """
url = "http://127.0.0.1:9"
connections = 5
deadline = "2s"
rate = "50/s"
time = "3s"

[[request]]
path = "/a"
expect = ["status=200", "contains=x"]

[[request]]
path = "/b"
weight = 3
"""


def test_a_file_says_what_the_options_do_not(tmp_path: Path) -> None:
    file = written(tmp_path, FILE)
    found = planned(file)
    assert [request.path for request in found.load.requests] == ["/a", "/b"]
    assert (found.load.connections, found.load.window_seconds, found.asked.rate_per_second) == (
        5,
        3.0,
        50.0,
    )
    assert found.load.deadline_seconds == 2.0
    assert found.asked.file == file and found.asked.url == "http://127.0.0.1:9"
    stronger = planned(file, connections=6, rate=70.0, url="http://127.0.0.1:10")
    assert (
        stronger.load.connections,
        stronger.asked.rate_per_second,
        stronger.load.address.port,
    ) == (6, 70.0, 10)
    assert planned(file, connections=6, origin="WHICHWORKER_LOAD_").load.connections == 6
    assert planned(file, connections=6, origin="/some/whichworker.toml").load.connections == 5


def test_stages_on_the_command_line_replace_the_rate_of_a_file(tmp_path: Path) -> None:
    text = FILE.replace('time = "3s"', "")
    assert planned(written(tmp_path, text), stage=("2s@9/s",)).asked.stages == (
        Stage(2.0, 9.0, 9.0),
    )


@pytest.mark.parametrize(
    "options",
    [{"method": "PUT"}, {"header": ("A: b",)}, {"body": "x"}, {"expect": ("status=200",)}],
)
def test_requests_of_a_file_are_changed_in_the_file(
    options: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="cannot change the requests"):
        planned(written(tmp_path, FILE), **options)


def test_a_file_without_a_url_needs_one(tmp_path: Path) -> None:
    file = written(tmp_path, '[[request]]\npath = "/"\n')
    with pytest.raises(UsageError, match="names no url"):
        planned(file)
    with pytest.raises(UsageError, match="a path in"):
        planned(file, url=f"{URL}x")
    assert planned(file, url=URL).load.address.port == 9


def test_the_first_address_that_answers_is_used(origin: Origin) -> None:
    port = int(origin.server_address[1])
    found = replace(planned(), addresses=(Address("::1", port), Address("127.0.0.1", port)))
    reached = laboratory.reach(found)
    assert reached.load.address == Address("127.0.0.1", port)
    assert reached.asked.address == f"127.0.0.1:{port}"


def test_nothing_there_is_a_usage_error_that_says_where(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    missing = Address("", 0, str(tmp_path / "no.sock"))
    for address, word in ((Address("127.0.0.1", port), "refused"), (missing, "No such file")):
        with pytest.raises(UsageError) as caught:
            laboratory.reach(replace(planned(), addresses=(address,)))
        assert f"no server listens at {address}" in caught.value.fact
        assert word in caught.value.seen and caught.value.hint


def test_a_wrong_answer_is_said_before_the_load(origin: Origin) -> None:
    right = laboratory.reach(planned(f"{origin.url}/"))
    assert list(laboratory.look(right)) == []
    wrong = laboratory.reach(planned(f"{origin.url}/teapot"))
    (finding,) = laboratory.look(wrong)
    assert (finding.code, finding.severity) == ("reference-wrong", "warning")
    assert "GET /teapot" in finding.text and "got 418" in finding.evidence


@pytest.mark.parametrize(("method", "asked"), [("GET", 1), ("POST", 0)])
def test_what_may_write_is_sent_by_the_load_alone(method: str, asked: int, origin: Origin) -> None:
    reached = laboratory.reach(planned(f"{origin.url}/", method=method))
    assert list(laboratory.look(reached)) == []
    assert origin.handler.asked == asked


def carried_out(text: str, **options: Any) -> tuple[LoadResult, Watcher]:
    watcher = Watcher()
    return laboratory.carry_out(planned(text, **options), watcher, "whichworker load"), watcher


@pytest.mark.alone
@pytest.mark.parametrize("engine", ["epoll", "auto"])
def test_an_open_loop_counts_what_was_due(engine: str, origin: Origin) -> None:
    result, watcher = carried_out(
        f"{origin.url}/", engine=engine, rate=200.0, time=1.2, expect=(f"body={GREETING.decode()}",)
    )
    assert (result.requests, result.scheduled, result.errors) == (240, 240, {})
    assert origin.handler.asked == 241, "the load, and one to look"
    assert result.statuses == {"200": 240}
    assert result.response_seconds is not None and result.response_seconds.count == 240
    assert result.send_lag_seconds is not None
    assert result.per_request == {"GET /": 240}
    assert watcher.findings == []
    assert watcher.seen and watcher.seen[0][0] >= 1.0
    assert result.run.seconds >= 1.2


def test_a_closed_loop_stops_at_its_requests(origin: Origin) -> None:
    result, _ = carried_out(f"{origin.url}/", requests=100, connections=4)
    assert result.requests == 100
    assert origin.handler.asked == 101
    assert result.response_seconds is None and result.service_seconds is not None
    assert result.question.time_seconds == 600.0 and result.seconds < 60


def test_wrong_answers_are_counted_and_the_load_goes_on(origin: Origin) -> None:
    result, watcher = carried_out(f"{origin.url}/half", requests=100, connections=2)
    assert result.requests + result.errors["status"] == 100
    assert result.errors["status"] > 20 and result.requests > 20
    assert "expected status 200, got 418" in result.failures[0].sample
    assert len(watcher.findings) <= 1
