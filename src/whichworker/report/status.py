"""One status of several services: the struct, its JSON, a table for a terminal, plain lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct, field
from rich.table import Table
from rich.text import Text

from whichworker import units

ABSENT = "–"
SCHEMA = "urn:whichworker:status:1"
STYLES = {
    "up": "green",
    "starting": "yellow",
    "restarting": "yellow",
    "failed": "bold red",
    "stopped": "dim",
}
COLUMNS = ("processes", "threads", "open", "connections", "segments in", "/s", "memory", "CPU")
NARROW = ("processes", "threads", "segments in", "/s", "memory", "CPU")
SHORT = {"processes": "proc", "threads": "thr"}
ROOMY = 120
"""Characters that all columns need."""
SEGMENTS = (
    "segments in: TCP segments with data received; one for each small request sent alone,"
    " more for a large body"
)

State = Literal["starting", "up", "restarting", "failed", "stopped"]


class Traffic(Struct, frozen=True, kw_only=True):
    """Counters of the kernel's TCP for one listening port, with ended connections.

    `segments_received` are segments with data, not requests: no process between a client and its
    server could count requests. Bytes are TCP's: the end of a connection counts as one, and sent
    bytes count once they are acknowledged. `complete` is false if the kernel dropped reports of
    ended connections, so that all counts are too low.
    """

    connections_open: int
    connections: int
    segments_received: int
    bytes_received: int
    bytes_sent: int
    complete: bool = True


class ServiceStatus(Struct, frozen=True, kw_only=True):
    """One service now; unknown values are null.

    `cpu_cores` is CPU time per wall time since the previous status.
    """

    name: str
    version: str
    python: str
    address: str
    state: State
    command: tuple[str, ...]
    restarts: int = 0
    up_seconds: float | None = None
    cold_start_seconds: float | None = None
    processes: int | None = None
    threads: int | None = None
    memory_bytes: int | None = None
    cpu_cores: float | None = None
    traffic: Traffic | None = None
    segments_per_second: float | None = None
    failure: str = ""
    log: str = ""


class Status(Struct, frozen=True, kw_only=True):
    """All services at one moment."""

    at: str
    app: str
    services: tuple[ServiceStatus, ...]
    schema_: str = field(default=SCHEMA, name="schema")
    kind: str = "status"


def table(status: Status, width: int = ROOMY) -> Table:
    """A row for each service; on a narrow terminal only the ports and the main figures."""
    roomy = width >= ROOMY
    shown = Table(
        box=None, pad_edge=False, header_style="dim", padding=(0, 2 if roomy else 1, 0, 0)
    )
    shown.add_column("name")
    shown.add_column("address" if roomy else "port", no_wrap=True)
    shown.add_column("state", no_wrap=True)
    columns = COLUMNS if roomy else NARROW
    for name in columns:
        shown.add_column(SHORT.get(name, name), justify="right", no_wrap=True)
    for service in status.services:
        state = Text(state_of(service, short=True), STYLES[service.state])
        figures = dict(zip(COLUMNS, _figures(service), strict=True))
        address = service.address if roomy else service.address.rpartition(":")[2]
        shown.add_row(Text(service.name), address, state, *(figures[name] for name in columns))
    return shown


def lines(status: Status) -> Iterable[str]:
    """A plain line for each service, for logs and pipes."""
    for service in status.services:
        known = (
            f"{name} {value}"
            for name, value in zip(COLUMNS, _figures(service), strict=True)
            if value != ABSENT
        )
        yield ", ".join([f"{service.name} {service.address} {state_of(service)}", *known])


def state_of(service: ServiceStatus, *, short: bool = False) -> str:
    """`up`, `restarting 2`, `failed`: a restart counts from the moment it is decided."""
    if service.state == "restarting":
        return f"restarting {service.restarts}"
    counted = f" +{service.restarts}" if short else f" (restarts {service.restarts})"
    return service.state + (counted if service.restarts else "")


def failures(status: Status) -> Iterable[tuple[ServiceStatus, str]]:
    """The services that failed, and why."""
    return ((service, service.failure) for service in status.services if service.state == "failed")


def _figures(service: ServiceStatus) -> list[str]:
    traffic, cpu = service.traffic, service.cpu_cores
    at_least = "" if traffic is None or traffic.complete else "≥"
    return [
        _count(service.processes),
        _count(service.threads),
        _count(traffic.connections_open if traffic else None),
        at_least + _count(traffic.connections if traffic else None),
        at_least + _count(traffic.segments_received if traffic else None),
        ABSENT
        if service.segments_per_second is None
        else units.show_rate(service.segments_per_second),
        ABSENT if service.memory_bytes is None else units.show_bytes(service.memory_bytes),
        ABSENT if cpu is None else f"{100 * cpu:.0f} %",
    ]


def _count(number: int | None) -> str:
    return ABSENT if number is None else f"{number:,}"
