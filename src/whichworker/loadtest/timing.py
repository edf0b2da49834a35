"""How long a load lasts and when its requests are due: the part of the question in which options contradict each other."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from whichworker import units
from whichworker.config.options import LoadOptions
from whichworker.errors import UsageError
from whichworker.load import pacer
from whichworker.model import Pace, Stage

MOST_RATE = 1_000_000.0
MOST_REQUESTS = 100_000_000
LONGEST_SECONDS = 24 * 3600.0
BOUNDED_SECONDS = 600.0
"""The time of a load that is bounded by its requests alone."""

_STAGE = re.compile(r"\s*([^:@]+)([:@])(.+)")
_HINT = "write 10s:200/s to go from the former rate to 200/s in 10 s, 10s@200/s to stay at 200/s"


class Timing(Struct, frozen=True, kw_only=True):
    """The window and what goes before it in seconds, and the pace of an open loop; `rate` is None where there are stages."""

    seconds: float
    warmup_seconds: float
    ramp_seconds: float
    rate: float | None = None
    stages: tuple[Stage, ...] = ()
    pace: Pace | None = None


def parse_stages(texts: Iterable[str]) -> tuple[Stage, ...]:
    """Read `10s:200/s` (from the former rate, 0 at first) and `10s@200/s` (constant); raises UsageError."""
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
    """The timing of a load; `said` are the options that were given, `of_file` the stages of a load file.

    Raises UsageError for what contradicts itself, never sends, or sends more than 100 million requests.
    """
    stages = parse_stages(options.stage) or (() if options.rate is not None else of_file)
    if options.rate is not None and stages:
        raise UsageError(
            "a rate and stages are two answers to one question",
            hint="for one rate --rate alone, for several --stage alone",
        )
    if options.requests is not None and options.warmup is not None:
        raise UsageError(
            "--warmup would use up --requests",
            hint="bound the load by --time, or leave the warm-up out",
        )
    if options.rate is None and not stages:
        return _closed(options, said)
    if options.ramp is not None:
        raise UsageError(
            "--ramp is for a closed loop",
            hint="let the rate of an open loop grow with --stage 10s:200/s",
        )
    return (
        _staged(options, said, stages) if stages else _constant(options, said, options.rate or 0.0)
    )


def _closed(options: LoadOptions, said: set[str]) -> Timing:
    if "arrivals" in said:
        raise UsageError(
            "--arrivals needs a rate: a closed loop sends when an answer has come",
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
        seconds = min(
            seconds, options.requests / rate
        )  # no longer than they are due: the rate is counted over the window
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
            hint="without a rate the server's maximum is found",
        )
    count = pacer.expected(stages)
    if count > MOST_REQUESTS and not options.requests:
        raise UsageError(
            f"that is {count:,.0f} requests, more than {MOST_REQUESTS:,}",
            hint="bound it by --time or --requests",
        )
    if count < 1:
        raise UsageError(
            "within this time not one request is due", hint="a longer --time, or a higher rate"
        )
    return Pace(
        stages=stages,
        arrivals=options.arrivals or "constant",
        backlog=options.backlog,
        spin=options.spin,
    )


def _seconds(options: LoadOptions, said: set[str]) -> float:
    """The window: bounded by ten minutes where only the requests were said."""
    seconds = BOUNDED_SECONDS if options.requests and "time" not in said else options.time
    _check_seconds(seconds + (options.warmup or 0.0) + (options.ramp or 0.0))
    return seconds


def _check_seconds(seconds: float) -> None:
    if seconds > LONGEST_SECONDS:
        raise UsageError(
            f"{units.show_clock(seconds)} are more than a day", hint="--time 10s tells most things"
        )


def _stage_rate(text: str) -> float:
    """A rate, or 0/s to end with silence."""
    return (
        0.0
        if re.fullmatch(r"0+(\.0+)?\s*/\s*(s|m|min|h)", text.strip())
        else units.parse_rate(text)
    )
