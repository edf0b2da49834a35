"""Names and settings of the workers that are explained, and what a turned knob is found to do."""

from __future__ import annotations

import pytest

from whichworker.errors import UsageError
from whichworker.explain import knobs
from whichworker.explain.plan import small_arm
from whichworker.model import SettingValue
from whichworker.result.explain import Stair
from whichworker.servers import table
from whichworker.servers.names import parse


@pytest.mark.parametrize(
    ("worker", "server"),
    [
        ("sync", "gunicorn-sync"),
        ("gthread", "gunicorn-gthread"),
        ("asgi", "gunicorn-asgi"),
        ("uvicorn", "uvicorn"),
        ("granian-asgi", "granian-asgi"),
        ("waitress", "waitress"),
    ],
)
def test_a_class_of_several_servers_is_gunicorns(worker: str, server: str) -> None:
    assert parse(worker).server == server


def test_settings_and_versions_are_kept_where_gunicorn_is_meant() -> None:
    found = parse("asgi@27.0.1/3.12[workers=2]")
    assert (found.server, found.version, found.python, found.settings) == (
        "gunicorn-asgi",
        "27.0.1",
        "3.12",
        {"workers": "2"},
    )


@pytest.mark.parametrize(
    ("worker", "said"),
    [("unicorn", "did you mean"), ("wsgi-asgi", "no server"), ("sync[threads=2]", "no setting")],
)
def test_unknown_workers_and_settings_are_refused_as_everywhere(worker: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        small_arm(parse(worker), "3.13")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("worker", "settings"),
    [
        ("sync", {"workers": 1}),
        ("gthread", {"workers": 1, "threads": 4}),
        ("gevent", {"workers": 1, "connections": 20}),
        ("gevent[connections=7,workers=2]", {"workers": 2, "connections": 7}),
        ("daphne", {}),
    ],
)
def test_settings_are_small_unless_said(worker: str, settings: dict[str, SettingValue]) -> None:
    assert small_arm(parse(worker), "3.13").settings == settings


def stair(overlapped: int, threads: int = 2) -> Stair:
    return Stair(
        view="sync",
        at_once=8,
        overlapped=overlapped,
        answered=8,
        wait_seconds=0.2,
        seconds=0.4,
        threads=threads,
    )


@pytest.mark.parametrize(
    ("without", "found", "effect"), [(4, 4, "none"), (4, 2, "fewer"), (1, 4, "more")]
)
def test_a_knob_does_what_the_same_stair_shows(without: int, found: int, effect: str) -> None:
    judged = knobs.judge("--threads 4", stair(without), stair(found, threads=9))
    assert (judged.effect, judged.overlapped_without, judged.overlapped_with) == (
        effect,
        without,
        found,
    )
    assert (judged.threads_without, judged.threads_with) == (2, 9)


@pytest.mark.parametrize(("limit", "at_once"), [(1, 4), (4, 8), (20, 40), (1000, 64), (None, 16)])
def test_a_knob_is_tried_with_twice_what_overlaps(limit: int | None, at_once: int) -> None:
    assert knobs.at_once_for(limit) == at_once


def test_the_tables_name_servers_that_there_are() -> None:
    assert {*knobs.TURNED, *knobs.DECLARED} <= set(table.names())
