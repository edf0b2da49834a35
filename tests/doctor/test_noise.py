"""What the doctor makes of what it heard."""

from __future__ import annotations

import msgspec
import pytest

from whichworker.doctor.noise import Noise, race_seconds, verdicts
from whichworker.probes import stalls

STILL = Noise(
    stalls={
        0: stalls.Stalls(60e-6, 0.0004, 0.003),
        1: stalls.Stalls(60e-6, 0.002, 0.009),
    },
    windows=(1000.0, 1010.0, 995.0, 1005.0, 1000.0, 1008.0, 997.0),
    stolen=0.001,
    foreign=0.01,
)


def said(seen: Noise) -> dict[str, str]:
    return {finding.code: finding.text for finding in verdicts(seen)}


def test_the_worst_core_decides_what_can_be_certified() -> None:
    found = said(STILL)
    assert "objectives of 6 ms and more" in found["certifies"]
    assert "9 ms at worst" in found["stalls"]


def test_a_noisier_machine_needs_longer_races() -> None:
    loud = msgspec.structs.replace(
        STILL, windows=(1000.0, 1200.0, 900.0, 1150.0, 880.0, 1100.0, 950.0)
    )
    assert STILL.spread is not None
    assert loud.spread is not None
    assert race_seconds(loud.spread) > 5 * race_seconds(STILL.spread)
    assert {finding.code: finding.severity for finding in verdicts(loud)}[
        "race-length"
    ] == "warning"


def test_company_is_told_with_the_cure() -> None:
    busy = msgspec.structs.replace(STILL, foreign=0.4)
    (finding,) = [finding for finding in verdicts(busy) if finding.code == "foreign-cpu"]
    assert (finding.severity, "40%" in finding.text) == ("warning", True)
    assert finding.hint


def test_a_sample_without_a_response_is_no_number() -> None:
    starved = msgspec.structs.replace(STILL, windows=(*STILL.windows, 0.0, 1003.0))
    told = said(starved)
    assert "In 1 of 9 samples the server got no time at all" in told["noise"]
    assert "race-length" not in told
    assert "nan" not in " ".join(told.values())


def test_too_few_windows_tell_no_noise() -> None:
    assert "too few samples" in said(msgspec.structs.replace(STILL, windows=(1.0, 2.0)))["noise"]


@pytest.mark.alone
def test_a_sleeper_is_looked_at_on_its_core() -> None:
    import os

    core = min(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    found = stalls.look(core, 0.1)
    assert found is not None
    assert 0 <= found.p50 <= found.p99 <= found.most
    assert os.sched_getaffinity(0) == before, "only the thread that sleeps is bound"
    assert stalls.look(10_000, 0.1) is None


@pytest.mark.parametrize("spread", [0.001, 0.02])
def test_a_race_never_takes_less_than_its_first_decision(spread: float) -> None:
    assert race_seconds(spread) >= 4 * 13 * 1.9 - 1
