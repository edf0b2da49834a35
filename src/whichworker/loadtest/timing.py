"""How long a load lasts and when its requests are due, free of contradictions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from whichworker import units
from whichworker.config.load_options import LoadOptions
from whichworker.errors import UsageError
from whichworker.load import pacer
from whichworker.model import Pace, Stage

MOST_RATE = 1_000_000.0
"""Requests/s; far more than one generator sends."""
MOST_REQUESTS = 100_000_000
"""More would take hours, and much memory for the schedule."""
LONGEST_SECONDS = 24 * 3600.0
BOUNDED_SECONDS = 600.0
"""The limit of a load that has only a number of requests."""

_STAGE = re.compile(r"\s*([^:@]+)([:@])(.+)")
_HINT = "write 10s:200/s to go from the previous rate to 200/s in 10 s, 10s@200/s to stay at 200/s"


class Timing(Struct, frozen=True, kw_only=True):
    """The window, warm-up and ramp in seconds, and the pace of an open loop.

    `rate` is None if there are stages.
    """

    seconds: float
    warmup_seconds: float
    ramp_seconds: float
    rate: float | None = None
    stages: tuple[Stage, ...] = ()
    pace: Pace | None = None


def parse_stages(texts: Iterable[str]) -> tuple[Stage, ...]:
    """Read `10s:200/s` (from the previous rate, at first 0) and `10s@200/s` (constant).

    Raises UsageError for any other text.
    """
    stages: list[Stage] = []
    for text in texts:
        match = _STAGE.fullmatch(text)
        if not match:
            raise UsageError(f"not a stage: {text!r}", hint=_HINT)
        seconds, rate = units.parse_duration(match[1]), _stage_rate(match[3])
        former = stages[-1].end_rate if stages else 0.0
        stages.append(Stage(seconds, rate if match[2] == "@" else former, rate))
    return tuple(stages)


def timing_of(options: LoadOptions, said: set[str], of_file: tuple[Stage, ...]) -> Timing:
    """The timing of a load; `said` has the given options, `of_file` the stages of a load file.

    Raises UsageError for a contradiction, for a load without requests, and for too many of them.
    """
    stages = parse_stages(options.stage) or (() if options.rate is not None else of_file)
    if options.rate is not None and stages:
        raise UsageError(
            "--rate and --stage exclude each other",
            hint="one rate: --rate alone; several: --stage alone",
        )
    if options.requests is not None and options.warmup is not None:
        raise UsageError(
            "--warmup would use up --requests",
            hint="limit the load with --time, or leave out --warmup",
        )
    if options.rate is None and not stages:
        return _closed(options, said)
    if options.ramp is not None:
        raise UsageError(
            "--ramp is for a closed loop",
            hint="increase the rate of an open loop with --stage 10s:200/s",
        )
    return (
        _staged(options, said, stages) if stages else _constant(options, said, options.rate or 0.0)
    )


def _closed(options: LoadOptions, said: set[str]) -> Timing:
    if "arrivals" in said:
        raise UsageError(
            "--arrivals needs a rate: a closed loop sends after each response",
            hint="--rate 200/s",
        )
    if "spin" in said:
        raise UsageError(
            "--spin and --no-spin need a rate: a closed loop never waits for the clock",
            hint="--rate 200/s",
        )
    if "backlog" in said:
        raise UsageError(
            "--backlog needs a rate: in a closed loop nothing waits for a connection",
            hint="--rate 200/s",
        )
    return Timing(
        seconds=_seconds(options, said),
        warmup_seconds=options.warmup or 0.0,
        ramp_seconds=options.ramp or 0.0,
    )


def _constant(options: LoadOptions, said: set[str], rate: float) -> Timing:
    warmup, arrivals = options.warmup or 0.0, options.arrivals or "constant"
    seconds = _seconds(options, said)
    if options.requests and arrivals == "constant":
        # the rate is counted over the window, so this ends with the last due request
        seconds = min(seconds, options.requests / rate)
    pace = _pace(options, (Stage(warmup + seconds, rate, rate),))
    return Timing(seconds=seconds, warmup_seconds=warmup, ramp_seconds=0.0, rate=rate, pace=pace)


def _staged(options: LoadOptions, said: set[str], stages: tuple[Stage, ...]) -> Timing:
    seconds = sum(stage.seconds for stage in stages)
    if "time" in said:
        raise UsageError(
            f"the stages last {units.show_clock(seconds)}, so there is no --time to choose",
            hint="change the stages",
        )
    _check_seconds(seconds)
    warmup, first = options.warmup or 0.0, stages[0].start_rate
    if warmup and not first:
        raise UsageError(
            "a warm-up at the rate of the first stage would send nothing",
            hint="begin with --stage 10s@200/s",
        )
    before = (Stage(warmup, first, first),) if warmup else ()
    return Timing(
        seconds=seconds,
        warmup_seconds=warmup,
        ramp_seconds=0.0,
        stages=stages,
        pace=_pace(options, (*before, *stages)),
    )


def _pace(options: LoadOptions, stages: tuple[Stage, ...]) -> Pace:
    fastest = max(max(stage.start_rate, stage.end_rate) for stage in stages)
    if fastest > MOST_RATE:
        raise UsageError(
            f"{fastest:,.0f} requests/s are more than {MOST_RATE:,.0f}",
            hint="leave out the rate to find the server's maximum",
        )
    count = pacer.expected(stages)
    if count > MOST_REQUESTS and not options.requests:
        raise UsageError(
            f"that is {count:,.0f} requests, more than {MOST_REQUESTS:,}",
            hint="limit it with --time or --requests",
        )
    if count < 1:
        raise UsageError(
            "no request is due within this time", hint="a longer --time, or a higher rate"
        )
    return Pace(
        stages=stages,
        arrivals=options.arrivals or "constant",
        backlog=options.backlog,
        spin=options.spin,
    )


def _seconds(options: LoadOptions, said: set[str]) -> float:
    """The window in seconds; ten minutes if only the requests are given."""
    seconds = BOUNDED_SECONDS if options.requests and "time" not in said else options.time
    _check_seconds(seconds + (options.warmup or 0.0) + (options.ramp or 0.0))
    return seconds


def _check_seconds(seconds: float) -> None:
    if seconds > LONGEST_SECONDS:
        raise UsageError(
            f"{units.show_clock(seconds)} are more than a day", hint="try --time 10s first"
        )


def _stage_rate(text: str) -> float:
    """A rate, or 0/s for a silent end."""
    return (
        0.0
        if re.fullmatch(r"0+(\.0+)?\s*/\s*(s|m|min|h)", text.strip())
        else units.parse_rate(text)
    )
