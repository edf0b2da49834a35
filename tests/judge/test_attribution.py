"""Causes and their precedence, by symptoms as they are seen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from whichworker.judge.attribution import RULES, Symptoms, attribute

CPU = Symptoms(
    cores=2,
    cpu_cores=1.95,
    run_delay_cores=0.05,
    foreign_share=0.01,
    workers=2,
    threads=2,
    loops=False,
    slots=2,
    throughput=390.0,
    connections=64,
    unloaded_seconds=0.005,
)
SLEEPS: dict[str, Any] = {"cpu_cores": 0.1, "unloaded_seconds": 0.1}

CASES = {
    "all cores in use": ("cpu", {}),
    "others on the cores": ("foreign load", {"foreign_share": 0.3}),
    "eight workers on two cores": (
        "oversubscribed",
        {"workers": 8, "threads": 8, "run_delay_cores": 5.5},
    ),
    "eight workers that seldom wait": ("cpu", {"workers": 8, "threads": 8, "run_delay_cores": 0.1}),
    "one process of eight threads": (
        "interpreter lock",
        {"workers": 1, "threads": 8, "slots": 8, "cpu_cores": 1.02, "throughput": 200.0},
    ),
    "one process alone on its core": (
        "cpu",
        {"cores": 1, "workers": 1, "threads": 8, "cpu_cores": 0.98},
    ),
    "a blocked loop": (
        "blocked event loop",
        {**SLEEPS, "loops": True, "slots": None, "workers": 1, "throughput": 9.8},
    ),
    "two blocked loops": (
        "blocked event loop",
        {**SLEEPS, "loops": True, "slots": None, "throughput": 19.5},
    ),
    "a pool of four": (
        "pool or lock limit",
        {**SLEEPS, "loops": True, "slots": None, "workers": 1, "throughput": 39.0},
    ),
    "four sleeping threads": (
        "worker slots",
        {**SLEEPS, "workers": 1, "threads": 4, "slots": 4, "throughput": 39.5},
    ),
    "eight threads and a pool of two": (
        "pool or lock limit",
        {**SLEEPS, "workers": 1, "threads": 8, "slots": 8, "throughput": 19.5},
    ),
    "as many as the connections allow": (
        "load-limited",
        {**SLEEPS, "loops": True, "slots": None, "throughput": 635.0},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_bottleneck_has_its_name(case: str) -> None:
    cause, changes = CASES[case]
    found = attribute(msgspec.structs.replace(CPU, **changes))
    assert found is not None
    assert found.cause == cause
    assert all(found.evidence)


def test_the_first_cause_that_fits_is_named() -> None:
    both = msgspec.structs.replace(
        CPU, foreign_share=0.3, workers=8, threads=8, run_delay_cores=5.5
    )
    found = attribute(both)
    assert found is not None
    assert found.cause == "foreign load"
    assert [cause for cause, _ in RULES][:4] == [
        "foreign load",
        "load-limited",
        "oversubscribed",
        "cpu",
    ]


def test_what_could_not_be_read_names_no_cause() -> None:
    assert (
        attribute(
            msgspec.structs.replace(CPU, cpu_cores=0.5, unloaded_seconds=None, workers=1, threads=1)
        )
        is None
    )
