"""The histograms of a load as a log in HdrHistogram's text format, for the tools that read it."""

from __future__ import annotations

import datetime

from whichworker.model.histogram import Histogram
from whichworker.result import LoadResult

VERSION = "1.2"
MAX_UNIT_NS = 1e6
"""Nanoseconds in the unit of each maximum, milliseconds, as the format's own writers do."""


def render(result: LoadResult) -> str:
    """The log: comments, a legend, and one line for each histogram.

    A line is `Tag=NAME,begin,length,maximum,histogram`, times in seconds.
    """
    began = datetime.datetime.fromisoformat(result.run.started).timestamp()
    lines = [
        f"#[whichworker {result.run.version}, nanoseconds]",
        f"#[Histogram log format version {VERSION}]",
        f"#[StartTime: {began:.3f} (seconds since epoch), {result.run.started}]",
        f"#[BaseTime: {began:.3f} (seconds since epoch)]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]
    begins = result.question.ramp_seconds + result.question.warmup_seconds
    for name, text in result.histograms.items():
        most = (Histogram.from_hdr(text).max or 0) / MAX_UNIT_NS
        lines.append(f"Tag={name},{begins:.3f},{result.seconds:.3f},{most:.3f},{text}")
    return "\n".join(lines) + "\n"
