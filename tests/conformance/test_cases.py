"""The cases as a table, and how outcomes are judged: pure code, no server."""

from __future__ import annotations

import pytest

from whichworker.conformance import cases as table
from whichworker.conformance.cases import (
    CASES,
    Outcome,
    bound_seconds,
    judge_reload,
    judge_together,
    keeps_out,
    own_cases,
    quick_cases,
)
from whichworker.model import Interface
from whichworker.workloads.table import workload

BY_NAME = {case.name: case for case in CASES}


def test_names_are_unique_and_every_case_asks_something() -> None:
    assert len(BY_NAME) == len(CASES)
    assert all(case.requests and case.title and case.right for case in CASES)


def test_the_body_is_200_kilobytes_of_every_value() -> None:
    assert len(table.BODY) == 200_000
    assert set(table.BODY) == set(range(256))


@pytest.mark.parametrize(
    ("limit", "rounds"), [(None, 1), (1000, 1), (8, 1), (4, 2), (3, 3), (1, 8)]
)
def test_quick_slow_views_take_less_than_half_a_second_together(
    limit: int | None, rounds: int
) -> None:
    assert table.rounds(table.TOGETHER, limit) == rounds
    together = [case for case in quick_cases(limit) if case.way == "together"]
    assert len(together) == 2
    assert all(case.each_seconds * rounds <= table.QUICK_SECONDS + 1e-9 for case in together)
    assert all(
        f"seconds={case.each_seconds}" in request.path
        for case in together
        for request in case.requests
    )
    assert {request.path.partition("?")[0] for request in together[1].requests} == {
        "/conformance/slow-async"
    }


def test_nothing_that_stops_a_server_is_quick() -> None:
    assert {case.way for case in quick_cases(None)}.isdisjoint({"stop", "reload"})


@pytest.mark.parametrize(
    ("limit", "least", "serial"), [(None, 0.2, 1.6), (8, 0.2, 1.6), (4, 0.4, 1.6), (2, 0.8, 1.6)]
)
def test_a_server_that_takes_them_one_by_one_is_seen(
    limit: int | None, least: float, serial: float
) -> None:
    assert least < bound_seconds(8, 0.2, limit) < serial


def test_one_at_a_time_is_right_where_the_limit_is_one() -> None:
    assert bound_seconds(8, 0.2, 1) > 1.6


@pytest.mark.parametrize(
    ("seconds", "limit", "state"),
    [(0.25, None, "passed"), (1.7, None, "failed"), (1.7, 1, "passed"), (0.5, 4, "passed")],
)
def test_together(seconds: float, limit: int | None, state: str) -> None:
    outcome = judge_together(BY_NAME["slow"], seconds, limit)
    assert outcome.state == state
    assert outcome.kind == ("" if state == "passed" else "slow")


@pytest.mark.parametrize(
    ("answered", "failures", "ended", "renewed", "state", "note"),
    [
        ([0.01, 0.02], [], False, True, "passed", "rolls"),
        ([0.01, 0.9], [], False, True, "passed", "restarts"),
        ([0.01], [("reset", "closed")], False, True, "failed", "restarts"),
        ([0.01], [], False, False, "failed", "ignores"),
        ([0.01], [("connect", "refused")], True, False, "failed", "kills"),
    ],
)
def test_reload(
    answered: list[float],
    failures: list[tuple[str, str]],
    ended: bool,
    renewed: bool,
    state: str,
    note: str,
) -> None:
    outcome = judge_reload(
        BY_NAME["reload"],
        answered=answered,
        failures=failures,
        ended=ended,
        renewed=renewed,
        seconds=3.0,
    )
    assert (outcome.state, outcome.note) == (state, note)


@pytest.mark.parametrize(
    ("case", "kind", "interface", "async_raced", "out"),
    [
        ("json", "body", "wsgi", False, True),
        ("post", "timeout", "asgi", False, True),
        ("head", "framing", "wsgi", False, False),
        ("slow", "status", "wsgi", False, True),
        ("slow", "slow", "wsgi", False, False),
        ("slow-async", "status", "wsgi", False, False),
        ("slow-async", "status", "wsgi", True, True),
        ("slow-async", "status", "asgi", False, True),
        ("chunked", "body", "wsgi", False, False),
        ("stop", "reset", "asgi", False, False),
        ("reload", "died", "asgi", False, False),
        ("keep-alive", "reset", "asgi", False, False),
    ],
)
def test_what_keeps_an_arm_out(
    case: str, kind: str, interface: Interface, async_raced: bool, out: bool
) -> None:
    outcome = Outcome(case=case, state="timeout" if kind == "timeout" else "failed", kind=kind)
    assert keeps_out(BY_NAME[case], outcome, interface, async_raced=async_raced) is out
    assert not keeps_out(BY_NAME[case], Outcome(case=case), interface, async_raced=async_raced)


def test_an_own_app_is_asked_its_workload_and_what_holds_of_any_app() -> None:
    cases = own_cases(workload("/books"))
    assert [case.name for case in cases] == ["answers", "head", "keep-alive", "stop"]
    assert all(request.path == "/books" for case in cases for request in case.requests)
    assert not any(case.under_way_seconds for case in cases)
