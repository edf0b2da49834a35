"""The probes' readings of one arm: the median window of each figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from whichworker.model import Reading
from whichworker.result import ArmProbes


def probed(readings: Sequence[Reading]) -> ArmProbes | None:
    """Medians over the windows in which a figure could be read; None without a window."""
    if not readings:
        return None

    def middle(figure: Callable[[Reading], float | None]) -> float | None:
        return middle_of(figure(reading) for reading in readings)

    return ArmProbes(
        cpu_cores=middle(lambda one: _over(one.probes.server_cpu_seconds, one.probes.seconds)),
        system_share=middle(
            lambda one: _over(one.probes.server_system_seconds, one.probes.server_cpu_seconds)
        ),
        run_delay_cores=middle(lambda one: _over(one.probes.run_delay_seconds, one.probes.seconds)),
        voluntary_switches_per_request=middle(
            lambda one: _per_request(one, one.probes.voluntary_switches)
        ),
        involuntary_switches_per_request=middle(
            lambda one: _per_request(one, one.probes.involuntary_switches)
        ),
        processes=middle(lambda one: one.probes.processes),
        threads=middle(lambda one: one.probes.threads),
        uss_bytes=middle(lambda one: one.probes.uss_bytes),
        open_files=middle(lambda one: one.probes.open_files),
        listen_overflows=middle(lambda one: one.probes.listen_overflows),
        retransmits=middle(lambda one: one.probes.retransmits),
        steal_share=middle(lambda one: one.probes.steal_share),
        foreign_share=middle(lambda one: one.probes.foreign_share),
        generator_cores=middle(
            lambda one: _over(one.probes.generator_cpu_seconds, one.probes.seconds)
        ),
        generator_lag_share=middle(
            lambda one: _over(one.tally.run_delay_seconds, one.tally.seconds)
        ),
    )


def middle_of(values: Iterable[float | None]) -> float | None:
    """The median of the known values; None if there are none."""
    known = [value for value in values if value is not None]
    return float(median(known)) if known else None


def _over(amount: float | None, whole: float | None) -> float | None:
    return amount / whole if amount is not None and whole else None


def _per_request(reading: Reading, count: int | None) -> float | None:
    """A count of the probes' window over the requests of as long a time."""
    return _over(_over(count, reading.probes.seconds), reading.throughput_per_second)
