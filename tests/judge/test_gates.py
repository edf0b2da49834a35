"""Each gate sees its own fault, and a clean arm passes all of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.capacity.test_contest import shot, sought
from tests.report import samples

from whichworker.design.validity import arm_fault, refusal, shot_refusal, too_fast
from whichworker.judge.gates import gates_of
from whichworker.model import Answer, Failure, Probes, Reading, Request, Tally, Workload
from whichworker.model.histogram import Histogram
from whichworker.result import Gate
from whichworker.store.open_loop import Shot
from whichworker.store.records import Prepared

TIMES = Histogram()
TIMES.record_all([20_000_000] * 1000)
WORKLOAD = Workload(
    name="w", title="w", requests=(Request(answer=Answer(body=b"")),), minimum_service_seconds=0.019
)
TALLY = Tally(
    engine="epoll",
    seconds=1.0,
    requests=1000,
    statuses={"200": 1000},
    failures=(),
    service=TIMES.to_hdr(),
    mean_in_flight=20.0,
    most_in_flight=20,
    cpu_seconds=0.3,
    run_delay_seconds=0.01,
)
PROBES = Probes(
    seconds=1.0,
    server_cpu_seconds=0.9,
    memory_bytes=1,
    processes=1,
    threads=1,
    foreign_share=0.01,
    steal_share=0.0,
    listen_overflows=0,
    retransmits=0,
)
READY = Prepared(
    arm="waitress", ladder={1: 100.0}, response_seconds=0.01, cold_start_seconds=0.1, command=()
)
CONFIRMED = shot("confirm", 300, 900, (2, 0), lag_seconds=0.0002)


def gates(
    tally: dict[str, Any] | None = None,
    probes: dict[str, Any] | None = None,
    confirmed: dict[str, Any] | None = None,
    *,
    stall: float = 0.001,
    tried: tuple[int, int] = (0, 4),
    connections: int = 64,
) -> dict[str, bool]:
    reading = Reading(
        tally=msgspec.structs.replace(TALLY, **(tally or {})),
        probes=msgspec.structs.replace(PROBES, **(probes or {})),
        cold_start_seconds=0.1,
        connections=connections,
    )
    shots: list[Shot] = [msgspec.structs.replace(CONFIRMED, **(confirmed or {}))]
    return {
        gate.name: gate.passed
        for gate in gates_of(WORKLOAD, READY, [reading], tried, sought(stall=stall), shots)
    }


def test_a_clean_arm_passes_every_gate() -> None:
    found = gates()
    assert len(found) >= 12
    assert all(found.values()), found


FAST = Histogram()
FAST.record_all([1_000_000] * 1000)
FAULTS: dict[str, dict[str, Any]] = {
    "wrong responses": {"tally": {"failures": (Failure(kind="body", count=1, sample=""),)}},
    "generator CPU": {"tally": {"cpu_seconds": 0.9}},
    "generator run delay": {"tally": {"run_delay_seconds": 0.4}},
    "foreign CPU": {"probes": {"foreign_share": 0.5}},
    "Little's law": {"tally": {"mean_in_flight": 40.0}},
    "listen overflows": {"probes": {"listen_overflows": 3}},
    "retransmits": {"probes": {"retransmits": 2}},
    "fastest response": {"tally": {"service": FAST.to_hdr(), "mean_in_flight": 1.0}},
    "windows refused": {"tried": (5, 8)},
    "share of the ceiling": {"connections": 10},
    "send lag": {"confirmed": {"lag_seconds": 0.05}},
    "sent of what was due": {"confirmed": {"sent_share": 0.9}},
    "stalls of the machine": {"stall": 0.09},
}


@pytest.mark.parametrize("gate", FAULTS)
def test_each_gate_sees_its_fault_and_no_other_does(gate: str) -> None:
    found = gates(**FAULTS[gate])
    assert [name for name, passed in found.items() if not passed] == [gate]


def test_a_server_that_serves_one_connection_for_long_is_no_contradiction() -> None:
    """Four connections of 16 get 1,000 responses of 4 ms; the others wait for the whole second."""
    unfair = Histogram()
    unfair.record_all([4_000_000] * 1000 + [900_000_000] * 5)
    tally = {"service": unfair.to_hdr(), "mean_in_flight": 16.0, "most_in_flight": 16}
    assert gates(tally)["Little's law"]
    steady = Histogram()
    steady.record_all([4_000_000] * 1005)
    assert not gates({**tally, "service": steady.to_hdr()})["Little's law"]


def test_what_could_not_be_read_is_not_passed() -> None:
    assert not gates(probes={"foreign_share": None})["foreign CPU"]


def test_an_arm_without_a_window_has_no_gates() -> None:
    assert not list(gates_of(WORKLOAD, READY, [], (0, 0), None, []))


@pytest.mark.parametrize(
    ("kind", "gate", "seen"),
    [
        ("body", "wrong responses", 3),
        ("status", "wrong responses", 3),
        ("overflow", "listen overflows", 3),
        ("generator", "generator CPU", None),
    ],
)
def test_a_window_that_was_thrown_out_is_a_gate_not_passed(
    kind: str, gate: str, seen: int | None
) -> None:
    failures = (Failure(kind=kind, count=3, sample=""),)
    (found,) = gates_of(WORKLOAD, READY, [], (0, 0), None, [], failures=failures)
    assert (found.name, found.seen, found.passed) == (gate, seen, False)
    reading = Reading(tally=TALLY, probes=PROBES, cold_start_seconds=0.1, connections=64)
    beside = [
        one
        for one in gates_of(WORKLOAD, READY, [reading], (0, 4), None, [], failures=failures)
        if one.name == gate
    ]
    assert [one.passed for one in beside] == [False], "told once"


def test_an_answer_sooner_than_the_work_is_impossible() -> None:
    fault = too_fast(1_000_000_000, 3.0)
    assert fault is not None
    assert fault[0] == "impossible"
    assert too_fast(3_000_000_000, 3.0) is None
    assert too_fast(None, 3.0) is None
    assert too_fast(1, 0.0) is None


@pytest.mark.parametrize(
    ("lag", "tally", "said"),
    [
        (0.0005, {}, ""),
        (0.02, {}, "late"),
        (0.009, {}, ""),
        (0.0005, {"cpu_seconds": 0.95}, "of its core"),
    ],
)
def test_a_late_or_full_generator_refuses_a_shot(
    lag: float, tally: dict[str, Any], said: str
) -> None:
    found = shot_refusal(PROBES, msgspec.structs.replace(TALLY, **tally), lag, 0.2, shared=False)
    assert (said in found) if said else not found


def test_the_gates_of_windows_still_decide() -> None:
    assert not refusal(PROBES, TALLY, shared=False)
    assert arm_fault(PROBES, TALLY, shared=False) is None


@pytest.mark.parametrize(
    ("name", "seen", "busy", "spoilt"),
    [
        ("Little's law", 2.91, 0.0, True),
        ("Little's law", 2.91, 0.6, False),  # the machine was busy: it says nothing of the arm
        ("retransmits", 3.0, 0.0, False),
        ("wrong responses", 1.0, 0.0, True),
        ("wrong responses", None, 0.0, False),
    ],
)
def test_numbers_that_failed_a_check_are_spoilt(
    name: str, seen: float | None, busy: float, spoilt: bool
) -> None:
    gates = (
        Gate(name="foreign CPU", limit=0.25, seen=busy, passed=busy <= 0.25),
        Gate(name=name, limit=0.05, seen=seen, passed=False),
    )
    arm = msgspec.structs.replace(samples.race().arms[0], gates=gates)
    assert bool(arm.spoilt) is spoilt
