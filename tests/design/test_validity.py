"""Tables of what may be believed, at both sides of each limit."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from whichworker.design.validity import arm_fault, refusal, session_refusal
from whichworker.model import FAILURE_KINDS, Probes, Tally

QUIET = Probes(
    seconds=2.0,
    server_cpu_seconds=1.5,
    memory_bytes=10**8,
    processes=2,
    threads=8,
    foreign_share=0.01,
    steal_share=0.0,
    listen_overflows=0,
    retransmits=0,
)
TALLY = Tally(
    engine="epoll", seconds=2.0, requests=4000, statuses={"200": 4000}, failures=(), service=""
)


@pytest.mark.parametrize(
    ("probes", "tally", "words"),
    [
        ({}, {}, ""),
        ({"foreign_share": 0.25}, {}, ""),
        ({"foreign_share": 0.26}, {}, "others used 26% of the cores"),
        ({}, {"run_delay_seconds": 0.5}, ""),
        ({}, {"run_delay_seconds": 0.6}, "the generator waited for its core 30% of the time"),
        ({"server_cpu_seconds": None, "memory_bytes": None, "foreign_share": None}, {}, ""),
    ],
)
def test_refusal(probes: dict[str, float], tally: dict[str, float], words: str) -> None:
    found = refusal(replace(QUIET, **probes), replace(TALLY, **tally), shared=False)
    assert found.startswith(words) if words else found == ""


@pytest.mark.parametrize(
    ("probes", "tally", "fault"),
    [
        ({}, {}, None),
        ({}, {"cpu_seconds": 1.6}, None),
        (
            {},
            {"cpu_seconds": 1.7},
            (
                "generator",
                (
                    "the generator used 85% of its core,"
                    " so these numbers show the generator, not the server"
                ),
            ),
        ),
        ({"listen_overflows": 3}, {}, ("overflow", "3 connections overflowed the listen queue")),
    ],
)
def test_what_is_the_arms_own_fault(
    probes: dict[str, float], tally: dict[str, float], fault: tuple[str, str] | None
) -> None:
    assert arm_fault(replace(QUIET, **probes), replace(TALLY, **tally), shared=False) == fault
    assert fault is None or fault[0] in FAILURE_KINDS


@pytest.mark.parametrize("tally", [{"run_delay_seconds": 1.9}, {"cpu_seconds": 1.9}])
def test_where_a_core_is_shared_the_generator_has_no_core_of_its_own(
    tally: dict[str, float],
) -> None:
    assert refusal(QUIET, replace(TALLY, **tally), shared=True) == ""
    assert arm_fault(QUIET, replace(TALLY, **tally), shared=True) is None
    assert refusal(replace(QUIET, foreign_share=0.9), TALLY, shared=True)


@pytest.mark.parametrize("requests", [0, 1, 10**6])
@pytest.mark.parametrize("foreign", [0.1, 0.4])
def test_the_outcome_decides_nothing(requests: int, foreign: float) -> None:
    probes = replace(QUIET, foreign_share=foreign)
    assert refusal(probes, replace(TALLY, requests=requests), shared=False) == refusal(
        probes, TALLY, shared=False
    )


@pytest.mark.parametrize(
    ("refused", "windows", "believed"),
    [(0, 0, True), (0, 10, True), (5, 10, True), (6, 10, False), (1, 1, False)],
)
def test_session(refused: int, windows: int, believed: bool) -> None:
    found = session_refusal(refused, windows)
    assert (found == "") == believed
    assert believed or found.startswith(f"{refused} of {windows} samples were refused")
