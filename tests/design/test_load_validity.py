"""The gates of a load: each finds its own fault only, and names the limit and the cure."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from whichworker.design import load_validity
from whichworker.design.load_validity import LoadFacts, reasons

SOUND = LoadFacts(
    seconds=10.0,
    threads=1,
    requests=20_000,
    failures=0,
    attempts=20_000,
    scheduled=20_000,
    dropped=0,
    backlog=100_000,
    send_lag_seconds=50e-6,
    send_lag_at=0.99,
    cpu_seconds=2.0,
    run_delay_seconds=0.1,
    spins=False,
    mean_in_flight=2.0,
    most_in_flight=12,
    mean_service_seconds=0.001,
    service_p99_seconds=0.004,
)
CLOSED = replace(SOUND, scheduled=None, send_lag_seconds=None, backlog=0)


@pytest.mark.parametrize("seen", [SOUND, CLOSED])
def test_a_sound_load_is_valid(seen: LoadFacts) -> None:
    assert reasons(seen) == ()


@pytest.mark.parametrize(
    ("gate", "broken", "words"),
    [
        ("unanswered", {"requests": 0}, ("no correct response",)),
        ("unsent", {"attempts": 19_799}, ("99.0% of 20,000", "99% are needed", "--connections")),
        (
            "overflowed",
            {"dropped": 3},
            ("3 requests were dropped", "100,000 already waited", "fewer requests/s"),
        ),
        (
            "late",
            {"send_lag_seconds": 0.00101},
            ("1.01 ms late at p99", "1 ms is allowed", "native engine"),
        ),
        ("full", {"cpu_seconds": 8.1}, ("81% of its core", "80% is allowed", "--threads")),
        ("full", {"cpu_seconds": 17.0, "threads": 2}, ("85% of its 2 cores",)),
        ("waiting", {"run_delay_seconds": 2.6}, ("26% of the time", "25% is allowed")),
        ("unlawful", {"mean_in_flight": 2.2}, ("2.2 requests were in flight", "is 2", "5% apart")),
        ("unlawful", {"mean_in_flight": 1.8}, ("1.8 requests",)),
    ],
)
def test_each_gate_sees_its_own_fault(
    gate: str, broken: dict[str, Any], words: tuple[str, ...]
) -> None:
    seen = replace(SOUND, **broken)
    reason = getattr(load_validity, gate)(seen)
    assert reason in reasons(seen)
    assert (": " in reason and reason[0].islower()) or reason[0].isdigit()
    for word in words:
        assert word in reason


@pytest.mark.parametrize(
    "allowed",
    [
        {"attempts": 19_800},
        {"send_lag_seconds": 0.001},
        {"cpu_seconds": 8.0},
        {"cpu_seconds": 15.9, "threads": 2},
        {"cpu_seconds": 10.0, "spins": True},
        {"run_delay_seconds": 2.5},
        {"seconds": 0.19, "cpu_seconds": 0.3, "run_delay_seconds": 0.1, "mean_in_flight": 105.3},
        {"run_delay_seconds": 4.9, "threads": 2},
        {"mean_in_flight": 2.1},
        {"mean_in_flight": 3.0, "failures": 1},
        {"mean_in_flight": 0.5, "requests": 999, "attempts": 20_000},
        {"mean_in_flight": 3.0, "mean_service_seconds": None},
        {"scheduled": 0, "attempts": 0},
    ],
)
def test_what_is_within_the_limit_passes(allowed: dict[str, Any]) -> None:
    assert reasons(replace(SOUND, **allowed)) == ()


def test_what_the_edges_of_a_window_cut_through_is_no_breach_of_little_s_law() -> None:
    """64 connections, responses after 1 s, a window of 10 s: 640 begin in it, 576 of them end."""
    slow = replace(
        CLOSED,
        requests=5760,
        attempts=6400,
        mean_in_flight=640.0,
        most_in_flight=640,
        mean_service_seconds=1.0,
    )
    assert reasons(replace(slow, service_p99_seconds=1.0)) == ()
    assert reasons(replace(slow, service_p99_seconds=1e-6)) != ()


def test_every_fault_is_told() -> None:
    assert len(reasons(replace(SOUND, dropped=1, cpu_seconds=9.0, run_delay_seconds=5.0))) == 3


def test_what_found_no_server_is_a_failure_and_not_unsent() -> None:
    gone = replace(SOUND, attempts=10_000, failures=10_000)
    assert reasons(gone)
    assert reasons(replace(gone, unconnected=10_000)) == ()
