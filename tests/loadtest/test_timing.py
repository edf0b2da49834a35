"""When a load sends and for how long: tables of valid and of contradictory options."""

from __future__ import annotations

from typing import Any

import pytest

from whichworker.config.load_options import LoadOptions
from whichworker.errors import UsageError
from whichworker.loadtest.timing import parse_stages, timing_of
from whichworker.model import Stage

RAMP = (Stage(2.0, 0.0, 100.0),)


@pytest.mark.parametrize(
    ("texts", "stages"),
    [
        ((), ()),
        (("10s:200/s",), (Stage(10.0, 0.0, 200.0),)),
        (("10s@200/s",), (Stage(10.0, 200.0, 200.0),)),
        (
            ("10s:200/s", "1m@200/s", "5s:0/s"),
            (Stage(10.0, 0.0, 200.0), Stage(60.0, 200.0, 200.0), Stage(5.0, 200.0, 0.0)),
        ),
        ((" 500ms : 600/min ", "1s@5/s"), (Stage(0.5, 0.0, 10.0), Stage(1.0, 5.0, 5.0))),
    ],
)
def test_stages(texts: tuple[str, ...], stages: tuple[Stage, ...]) -> None:
    assert parse_stages(texts) == stages


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10s",
        "200/s",
        "10s=200/s",
        "10:200/s",
        "10s:200",
        ":200/s",
        "10s:",
        "10s:-5/s",
        "0s:5/s",
    ],
)
def test_what_is_no_stage_has_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_stages([text])
    assert caught.value.hint


@pytest.mark.parametrize(
    ("options", "seconds", "warmup", "ramp", "stages"),
    [
        ({}, 10.0, 0.0, 0.0, None),
        ({"requests": 5}, 600.0, 0.0, 0.0, None),
        ({"requests": 5, "time": 3.0}, 3.0, 0.0, 0.0, None),
        ({"warmup": 1.0, "ramp": 2.0}, 10.0, 1.0, 2.0, None),
        ({"rate": 50.0}, 10.0, 0.0, 0.0, (Stage(10.0, 50.0, 50.0),)),
        ({"rate": 50.0, "warmup": 2.0, "time": 4.0}, 4.0, 2.0, 0.0, (Stage(6.0, 50.0, 50.0),)),
        ({"rate": 50.0, "requests": 100}, 2.0, 0.0, 0.0, (Stage(2.0, 50.0, 50.0),)),
        ({"rate": 50.0, "requests": 100, "time": 1.0}, 1.0, 0.0, 0.0, (Stage(1.0, 50.0, 50.0),)),
        (
            {"rate": 50.0, "requests": 100, "arrivals": "poisson"},
            600.0,
            0.0,
            0.0,
            (Stage(600.0, 50.0, 50.0),),
        ),
        ({"stage": ("2s:100/s",)}, 2.0, 0.0, 0.0, RAMP),
        (
            {"stage": ("2s@9/s",), "warmup": 1.0},
            2.0,
            1.0,
            0.0,
            (Stage(1.0, 9.0, 9.0), Stage(2.0, 9.0, 9.0)),
        ),
    ],
)
def test_timing(
    options: dict[str, Any],
    seconds: float,
    warmup: float,
    ramp: float,
    stages: tuple[Stage, ...] | None,
) -> None:
    found = timing_of(LoadOptions(**options), set(options), ())
    assert (found.seconds, found.warmup_seconds, found.ramp_seconds) == (seconds, warmup, ramp)
    assert (found.pace.stages if found.pace else None) == stages


def test_how_an_open_loop_goes_on_is_kept() -> None:
    options = LoadOptions(rate=50.0, arrivals="poisson", backlog=7, spin=True)
    pace = timing_of(options, {"rate", "arrivals", "backlog", "spin"}, ()).pace
    assert pace is not None
    assert (pace.arrivals, pace.backlog, pace.spin) == ("poisson", 7, True)


def test_stages_of_a_file_give_way_to_a_rate() -> None:
    assert timing_of(LoadOptions(), set(), RAMP).stages == RAMP
    assert timing_of(LoadOptions(rate=5.0), {"rate"}, RAMP).stages == ()
    assert timing_of(LoadOptions(stage=("1s@5/s",)), {"stage"}, RAMP).stages == (
        Stage(1.0, 5.0, 5.0),
    )


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"arrivals": "poisson"}, "--arrivals needs a rate"),
        ({"spin": False}, "need a rate"),
        ({"backlog": 5}, "--backlog needs a rate"),
        ({"rate": 5.0, "stage": ("1s@5/s",)}, "--rate and --stage exclude"),
        ({"rate": 5.0, "ramp": 1.0}, "--ramp is for a closed loop"),
        ({"stage": ("1s@5/s",), "time": 5.0}, "there is no --time to choose"),
        ({"stage": ("1s:5/s",), "warmup": 5.0}, "would send nothing"),
        ({"requests": 5, "warmup": 5.0}, "--warmup would use up --requests"),
        ({"rate": 1_000_001.0}, "more than 1,000,000"),
        ({"stage": ("1s:2000000/s",)}, "more than 1,000,000"),
        ({"rate": 1_000_000.0, "time": 101.0}, "101,000,000 requests"),
        ({"rate": 0.01, "time": 10.0}, "no request is due"),
        ({"time": 90_000.0}, "more than a day"),
        ({"time": 86_400.0, "warmup": 1.0}, "more than a day"),
        ({"stage": ("25h@1/s",)}, "more than a day"),
    ],
)
def test_what_contradicts_itself_is_a_usage_error_with_a_hint(
    options: dict[str, Any], fact: str
) -> None:
    with pytest.raises(UsageError) as caught:
        timing_of(LoadOptions(**options), set(options), ())
    assert fact in caught.value.fact
    assert caught.value.hint
