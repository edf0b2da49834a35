"""Alternating runs of all tools against one server, with ratios to a yardstick in each round."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.running import Usage, run_pinned
from benchmarks.tools import YARDSTICK, Count, Tool

FOREIGN_LIMIT = 0.25  # of the generators' core; more distorts the result
MOST_TRIES = 3  # of one run, so that a busy machine comes to an end
SPARE_SECONDS = 30.0  # beyond the run, for slow starts
MEMORY_SECONDS = 2  # memory is at its peak once all connections are open
LONGER = 3  # times as long: the difference outweighs the noise


class Trial(Struct, frozen=True, kw_only=True):
    """One run of one tool: `rate_per_second` is reported by it, CPU and seconds are measured."""

    tool: str
    connections: int
    round: int
    asked_seconds: int
    seconds: float
    requests: int
    rate_per_second: float
    cpu_seconds: float
    reported_cpu_seconds_per_request: float | None
    foreign_share: float
    tries: int

    @property
    def requests_per_cpu_second(self) -> float:
        """Requests per second of the generator's CPU, its start included."""
        return self.requests / self.cpu_seconds


class Spread(Struct, frozen=True):
    """The median of the rounds, with the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """The spread of the values; None if there are none."""
        return cls(statistics.median(values), min(values), max(values)) if values else None


class Row(Struct, frozen=True, kw_only=True):
    """One tool at one number of connections; ratios are to the yardstick of the same round.

    The last five are None for tools that start at once. `told_requests_per_cpu_ratio` is from the
    tool's own report of its CPU per request, of both lengths of run; the other four compare the
    part that the longer run added. `self_report` checks the tool's report: its own CPU per request
    over the one that was added.
    """

    tool: str
    connections: int
    rate_per_second: Spread | None
    rate_ratio: Spread | None
    cpu_seconds_per_request: Spread | None
    requests_per_cpu_ratio: Spread | None
    told_requests_per_cpu_ratio: Spread | None
    added_cpu_seconds_per_request: Spread | None
    added_requests_per_cpu_ratio: Spread | None
    start_cpu_seconds: Spread | None
    self_report: Spread | None


class Memory(Struct, frozen=True, kw_only=True):
    """Peak resident bytes: of the whole process tree, and of the generator alone if it reports."""

    tool: str
    connections: int
    peak_bytes: int
    generator_bytes: int | None


Tell = Callable[[str], None]


def run_tool(
    tool: Tool, url: str, connections: int, seconds: int, core: int, *, watch_memory: bool = False
) -> tuple[Usage, Count]:
    """Run a tool once in a folder of its own; raises RuntimeError when it saw an error."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        argv = tool.argv(url, connections, seconds)
        usage = run_pinned(argv, core, seconds + SPARE_SECONDS, folder, watch_memory=watch_memory)
        return usage, tool.read(usage, folder)


def run_trial(tool: Tool, url: str, connections: int, at: int, seconds: int, core: int) -> Trial:
    """Run once, and again if others took the core; the result does not influence the decision."""
    tries, (usage, count) = 1, run_tool(tool, url, connections, seconds, core)
    while usage.foreign_share > FOREIGN_LIMIT and tries < MOST_TRIES:
        tries, (usage, count) = tries + 1, run_tool(tool, url, connections, seconds, core)
    return Trial(
        tool=tool.name,
        connections=connections,
        round=at,
        asked_seconds=seconds,
        seconds=usage.seconds,
        requests=count.requests,
        rate_per_second=count.rate_per_second,
        cpu_seconds=usage.cpu_seconds,
        reported_cpu_seconds_per_request=count.cpu_seconds_per_request,
        foreign_share=usage.foreign_share,
        tries=tries,
    )


def run_rounds(
    tools: Sequence[Tool],
    url: str,
    connections: int,
    rounds: int,
    seconds: int,
    core: int,
    tell: Tell,
) -> list[Trial]:
    """ABCABC…: neighbours in time are compared, so a machine that drifts does not decide."""
    trials = []
    for at in range(rounds):
        for tool in tools:
            if tool.at and connections not in tool.at:
                continue
            for length in (seconds, LONGER * seconds) if tool.starts_slowly else (seconds,):
                trial = run_trial(tool, url, connections, at, length, core)
                trials.append(trial)
                tell(
                    f"{connections:5} connections, round {at + 1}/{rounds}: "
                    f"{tool.name:18} {length} s "
                    f"{trial.rate_per_second:9,.0f}/s {1e6 / trial.requests_per_cpu_second:6.2f} µs"
                )
    return trials


def measure_memory(
    tools: Sequence[Tool], url: str, counts: Iterable[int], core: int
) -> list[Memory]:
    """Peak memory of each tool at each number of connections; never in the runs that are timed."""
    found = []
    for connections in counts:
        for tool in tools:
            if not tool.at:
                usage, count = run_tool(
                    tool, url, connections, MEMORY_SECONDS, core, watch_memory=True
                )
                assert usage.peak_bytes is not None
                found.append(
                    Memory(
                        tool=tool.name,
                        connections=connections,
                        peak_bytes=usage.peak_bytes,
                        generator_bytes=count.memory_bytes,
                    )
                )
    return found


def summarise(trials: Sequence[Trial]) -> list[Row]:
    """A row for each tool at each number of connections, in the order in which they were run."""
    keys = dict.fromkeys((trial.connections, trial.tool) for trial in trials)
    return [_row(tool, connections, trials) for connections, tool in keys]


def _row(tool: str, connections: int, trials: Sequence[Trial]) -> Row:
    here = [trial for trial in trials if trial.connections == connections]
    yard = {trial.round: trial for trial in here if trial.tool == YARDSTICK}
    runs: dict[int, list[Trial]] = {}
    for trial in here:
        if trial.tool == tool:
            runs.setdefault(trial.round, []).append(trial)
    short = [lengths[0] for lengths in runs.values()]
    pairs = [(lengths[0], lengths[1]) for lengths in runs.values() if len(lengths) == 2]
    costs = [added_cost(*pair) for pair in pairs]
    beside = [(run, yard[run.round]) for run in short if run.round in yard]
    return Row(
        tool=tool,
        connections=connections,
        rate_per_second=Spread.of([run.rate_per_second for run in short]),
        rate_ratio=Spread.of(
            [run.rate_per_second / other.rate_per_second for run, other in beside]
        ),
        cpu_seconds_per_request=Spread.of([1 / run.requests_per_cpu_second for run in short]),
        requests_per_cpu_ratio=Spread.of(
            [run.requests_per_cpu_second / other.requests_per_cpu_second for run, other in beside]
        ),
        told_requests_per_cpu_ratio=Spread.of(
            [
                1 / run.reported_cpu_seconds_per_request / yard[run.round].requests_per_cpu_second
                for lengths in runs.values()
                for run in lengths
                if run.reported_cpu_seconds_per_request is not None and run.round in yard
            ]
        ),
        added_cpu_seconds_per_request=Spread.of(costs),
        added_requests_per_cpu_ratio=Spread.of(
            [
                1 / cost / yard[run.round].requests_per_cpu_second
                for cost, (run, _) in zip(costs, pairs, strict=True)
                if run.round in yard
            ]
        ),
        start_cpu_seconds=Spread.of(
            [
                run.cpu_seconds - run.requests * cost
                for cost, (run, _) in zip(costs, pairs, strict=True)
            ]
        ),
        self_report=Spread.of(
            [
                run.reported_cpu_seconds_per_request / cost
                for cost, (_, run) in zip(costs, pairs, strict=True)
                if run.reported_cpu_seconds_per_request is not None
            ]
        ),
    )


def added_cost(short: Trial, long: Trial) -> float:
    """CPU seconds per request that the longer run added: the cost of the start cancels out."""
    return (long.cpu_seconds - short.cpu_seconds) / (long.requests - short.requests)
