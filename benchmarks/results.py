"""The results as Markdown and JSON, with all that is needed to repeat them and no identity."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.rounds import Memory, Row, Spread, Trial
from benchmarks.tools import YARDSTICK

PAGE = "RESULTS-load.md"
RECORD = "load.json"


class Setting(Struct, frozen=True, kw_only=True):
    """When, where and how it was measured."""

    date: str
    cpu: str
    cores: int
    kernel: str
    server_core: int
    generator_core: int
    rounds: int
    seconds: int
    versions: dict[str, str]


class Record(Struct, frozen=True, kw_only=True):
    """Everything that was measured."""

    setting: Setting
    rows: list[Row]
    memory: list[Memory]
    trials: list[Trial]


def describe(
    versions: dict[str, str], server_core: int, generator_core: int, rounds: int, seconds: int
) -> Setting:
    """The machine, for the reader of the results."""
    return Setting(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        cpu=_cpu_model(),
        cores=os.cpu_count() or 0,
        kernel=platform.release(),
        server_core=server_core,
        generator_core=generator_core,
        rounds=rounds,
        seconds=seconds,
        versions=versions,
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def write(record: Record, folder: Path) -> None:
    """Write both files."""
    (folder / RECORD).write_bytes(
        msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
    )
    (folder / PAGE).write_text(render(record), encoding="utf-8")


def render(record: Record) -> str:
    """The page."""
    setting = record.setting
    versions = ", ".join(f"{name} {version}" for name, version in setting.versions.items())
    where = f"server on core {setting.server_core}, generators on core {setting.generator_core}"
    manner = (
        f"{setting.rounds} alternating rounds of {setting.seconds} s a tool; "
        f"ratios are to {YARDSTICK} of the same round"
    )
    parts = [
        "# The load engine beside other load generators",
        "",
        "Written by `make bench`; see README.md here for what the columns mean.",
        "",
        f"- {setting.date}; {setting.cpu}, {setting.cores} cores, Linux {setting.kernel}",
        f"- {versions}",
        f"- {where}; {manner}: median (least – greatest)",
        f"- {_quietness(record.trials)}",
        "",
    ]
    for connections in dict.fromkeys(row.connections for row in record.rows):
        parts += _speed(connections, [row for row in record.rows if row.connections == connections])
    parts += _checks(record.rows) + _memory(record.memory)
    return "\n".join(parts).rstrip() + "\n"


def _quietness(trials: Sequence[Trial]) -> str:
    if not trials:
        return "no timed runs"
    foreign = max(trial.foreign_share for trial in trials)
    again = sum(trial.tries - 1 for trial in trials)
    return (
        f"at most {foreign * 100:.0f} % of the generators' core went to others in a run; "
        f"{again} runs repeated for that"
    )


def _speed(connections: int, rows: Sequence[Row]) -> list[str]:
    head = (
        "",
        "requests per CPU-second ÷ wrk",
        "start left out, own report",
        "start left out, measured from outside",
        "throughput ÷ wrk",
        "throughput",
        "CPU per request",
    )
    lines = [
        f"## {connections} connections",
        "",
        _line(head),
        _line(["---"] + ["---:"] * (len(head) - 1)),
    ]
    for row in rows:
        cost = row.added_cpu_seconds_per_request or row.cpu_seconds_per_request
        lines.append(
            _line(
                (
                    row.tool,
                    _spread(row.requests_per_cpu_ratio),
                    _spread(row.told_requests_per_cpu_ratio),
                    _spread(row.added_requests_per_cpu_ratio),
                    _spread(row.rate_ratio),
                    f"{row.rate_per_second.median:,.0f}/s" if row.rate_per_second else "–",
                    f"{cost.median * 1e6:.2f} µs" if cost else "–",
                )
            )
        )
    return [*lines, ""]


def _checks(rows: Sequence[Row]) -> list[str]:
    told = [row for row in rows if row.self_report and row.start_cpu_seconds]
    if not told:
        return []
    head = ("", "connections", "CPU of the start", "own CPU per request ÷ measured from outside")
    lines = [
        "## What whichworker says of itself",
        "",
        _line(head),
        _line(("---", "---:", "---:", "---:")),
    ]
    for row in told:
        assert row.start_cpu_seconds is not None
        lines.append(
            _line(
                (
                    row.tool,
                    str(row.connections),
                    f"{row.start_cpu_seconds.median:.2f} s",
                    _spread(row.self_report),
                )
            )
        )
    return [*lines, ""]


def _memory(memory: Sequence[Memory]) -> list[str]:
    if not memory:
        return []
    few, many = (
        min(entry.connections for entry in memory),
        max(entry.connections for entry in memory),
    )
    sizes = {(entry.tool, entry.connections): entry for entry in memory}
    head = ("", f"{few} connection", f"{many} connections", "more", "generator alone: more")
    lines = [
        "## Peak resident memory, the whole process tree",
        "",
        _line(head),
        _line(["---"] + ["---:"] * (len(head) - 1)),
    ]
    for tool in dict.fromkeys(entry.tool for entry in memory):
        small, large = sizes[tool, few], sizes[tool, many]
        own = "–"
        if small.generator_bytes is not None and large.generator_bytes is not None:
            own = _megabytes(large.generator_bytes - small.generator_bytes)
        more = _megabytes(large.peak_bytes - small.peak_bytes)
        lines.append(
            _line((tool, _megabytes(small.peak_bytes), _megabytes(large.peak_bytes), more, own))
        )
    return [*lines, ""]


def _spread(spread: Spread | None) -> str:
    return f"{spread.median:.2f} ({spread.low:.2f} – {spread.high:.2f})" if spread else "–"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
