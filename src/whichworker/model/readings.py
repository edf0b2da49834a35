"""Readings of a window and of the machine."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from whichworker.model.findings import Finding
from whichworker.model.loads import Tally


class Probes(Struct, frozen=True, kw_only=True):
    """Readings of the machine and the server's process tree at both ends of one window.

    None: could not be read. `memory_bytes` is the sum of proportional set sizes, `uss_bytes` is
    private to one process; both are read, like `open_files`, when the window has closed.
    `run_delay_seconds` is how long all threads of the server together waited for a core. Readings
    of services are None if none run; the upstream's lag is the 99th percentile of its late timers.
    `throttled` periods of the control group ended early, with its CPU quota used up.
    `turn_seconds` is a reading of the thermometer on the servers' cores meanwhile,
    `burst_seconds` the most that others used of each of them within half a second.
    """

    seconds: float
    server_cpu_seconds: float | None
    memory_bytes: int | None
    processes: int
    threads: int
    foreign_share: float | None
    steal_share: float
    listen_overflows: int
    retransmits: int
    server_user_seconds: float | None = None
    server_system_seconds: float | None = None
    run_delay_seconds: float | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    uss_bytes: int | None = None
    open_files: int | None = None
    generator_cpu_seconds: float | None = None
    services_cpu_seconds: float | None = None
    upstream_cpu_share: float | None = None
    upstream_lag_seconds: float | None = None
    throttled: int = 0
    turn_seconds: float | None = None
    burst_seconds: float | None = None


class Reading(Struct, frozen=True, kw_only=True):
    """One window: what the generator counted, what the probes saw, and whether it may be used.

    `findings` are about the launch as a whole, its end included.
    """

    tally: Tally
    probes: Probes
    cold_start_seconds: float
    connections: int
    repeats: int = 0
    refused: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def throughput_per_second(self) -> float:
        """Correct responses per second of the window."""
        return self.tally.requests / self.tally.seconds

    @property
    def cpu_seconds_per_request(self) -> float | None:
        """CPU of the server's process tree per correct response; None if it could not be read."""
        if self.probes.server_cpu_seconds is None or not self.tally.requests:
            return None
        per_second = self.probes.server_cpu_seconds / self.probes.seconds
        return per_second / self.throughput_per_second


class Machine(Struct, frozen=True, kw_only=True):
    """The machine of a run; results are comparable only if `fingerprint` is the same."""

    fingerprint: str
    system: str
    cpu: str
    cores: int
    usable_cores: tuple[int, ...]
    memory_bytes: int
    details: dict[str, Any] = field(default_factory=dict)
