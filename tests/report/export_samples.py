"""Results whose histograms and distributions belong together, as exports need them."""

from __future__ import annotations

import functools

from msgspec.structs import replace

from whichworker.loadtest.verdict import distribution
from whichworker.model import PHASES
from whichworker.model.histogram import Histogram
from whichworker.report.exports.measured import HISTOGRAMS
from whichworker.result import LoadResult

from . import load_samples

COUNT = 20_000


def recorded(step_ns: int, count: int = COUNT) -> Histogram:
    """So many values, evenly spaced from one step on."""
    histogram = Histogram()
    histogram.record_all([step_ns * place for place in range(1, count + 1)])
    return histogram


@functools.cache
def full() -> LoadResult:
    """An open loop of sessions with checks and failures, of which everything was measured."""
    histograms = {name: recorded(100 * (place + 1)) for place, name in enumerate(HISTOGRAMS)}
    times = {name: distribution(histogram) for name, histogram in histograms.items()}
    return replace(
        load_samples.failing(),
        response_seconds=times["response"],
        service_seconds=times["service"],
        iteration_seconds=times["iteration"],
        send_lag_seconds=times["send_lag"],
        receive_delay_seconds=times["receive_delay"],
        phases={name: times[name] for name in PHASES},
        histograms={name: histogram.to_hdr() for name, histogram in histograms.items()},
        per_second=(1500.0,) * 9 + (1186.0,),
    )


@functools.cache
def closed(count: int = 640) -> LoadResult:
    """A short closed loop: one request, some percentiles unsupported."""
    histogram = recorded(33_000, count)
    return replace(
        load_samples.closed(),
        requests=count,
        per_request={"GET /books?page=2": count},
        service_seconds=distribution(histogram),
        histograms={"service": histogram.to_hdr()},
        per_second=(3004.7,),
    )
