"""The probes of an arm are medians of what could be known."""

from __future__ import annotations

import msgspec
import pytest

from whichworker.judge.probed import middle_of, probed
from whichworker.model import Probes, Reading, Tally

PROBES = Probes(
    seconds=0.5,
    server_cpu_seconds=0.4,
    memory_bytes=1000,
    processes=3,
    threads=9,
    foreign_share=0.1,
    steal_share=0.01,
    listen_overflows=0,
    retransmits=2,
    server_user_seconds=0.3,
    server_system_seconds=0.1,
    run_delay_seconds=0.2,
    voluntary_switches=50,
    involuntary_switches=25,
    uss_bytes=700,
    open_files=12,
    generator_cpu_seconds=0.05,
)
TALLY = Tally(
    engine="epoll",
    seconds=0.5,
    requests=100,
    statuses={"200": 100},
    failures=(),
    service="",
    run_delay_seconds=0.01,
)
READING = Reading(tally=TALLY, probes=PROBES, cold_start_seconds=0.3, connections=4)


def test_figures_are_per_second_or_per_request() -> None:
    found = probed([READING])
    assert found is not None
    assert found.cpu_cores == pytest.approx(0.8)
    assert found.system_share == pytest.approx(0.25)
    assert found.run_delay_cores == pytest.approx(0.4)
    assert found.voluntary_switches_per_request == pytest.approx(0.5)
    assert found.involuntary_switches_per_request == pytest.approx(0.25)
    assert (found.processes, found.threads, found.uss_bytes, found.open_files) == (3, 9, 700, 12)
    assert (found.listen_overflows, found.retransmits, found.steal_share, found.foreign_share) == (
        0,
        2,
        0.01,
        0.1,
    )
    assert found.generator_cores == pytest.approx(0.1)
    assert found.generator_lag_share == pytest.approx(0.02)


def test_what_was_not_known_in_a_window_does_not_count_as_zero() -> None:
    unknown = msgspec.structs.replace(
        PROBES,
        server_cpu_seconds=None,
        server_system_seconds=None,
        run_delay_seconds=None,
        uss_bytes=None,
    )
    found = probed([READING, msgspec.structs.replace(READING, probes=unknown)])
    assert found is not None
    assert found.cpu_cores == pytest.approx(0.8)
    assert found.uss_bytes == 700
    alone = probed([msgspec.structs.replace(READING, probes=unknown)])
    assert alone is not None
    assert (alone.cpu_cores, alone.system_share, alone.run_delay_cores, alone.uss_bytes) == (
        None,
    ) * 4
    assert probed([]) is None


@pytest.mark.parametrize(
    ("values", "middle"),
    [([], None), ([None], None), ([3.0, None, 1.0], 2.0), ([3.0, 1.0, 10.0], 3.0)],
)
def test_the_middle(values: list[float | None], middle: float | None) -> None:
    assert middle_of(values) == middle
