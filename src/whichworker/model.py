"""The nouns of whichworker: frozen structs that every room shares and no room owns.

Times are seconds, sizes bytes, rates per second, shares fractions, unless a name says otherwise.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

Interface = Literal["wsgi", "asgi"]
Severity = Literal["info", "warning", "error"]
SettingValue = int | str
Settings = dict[str, SettingValue]

FAILURE_KINDS = (
    "install",  # the environment of the arm could not be built
    "refused",  # the arm cannot serve this app or workload at all
    "start",  # the server ended, or never gave the right answer, before the load began
    "died",  # the server's master ended under load
    "connect",  # a connection was refused
    "reset",  # a connection broke before the answer was complete
    "timeout",  # no complete answer before the deadline
    "framing",  # the answer is not HTTP/1.1
    "status",  # a wrong status
    "header",  # a missing or different header
    "body",  # a different body
    "overflow",  # connections were turned away by a full listen queue
    "generator",  # the generator's core was full: the server is faster than what can be measured here
)


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact worth telling. Found in one room, rendered in another, never printed where it is found."""

    code: str
    severity: Severity
    text: str
    evidence: str = ""
    hint: str = ""
    arm: str | None = None


class App(Struct, frozen=True, kw_only=True):
    """What is served. `environment` is added to the server's; `origin` says where each fact was found."""

    name: str
    directory: str
    python: str
    wsgi: str | None = None
    asgi: str | None = None
    host: str = "localhost"
    ready_path: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    setup: tuple[tuple[str, ...], ...] = ()
    origin: dict[str, str] = field(default_factory=dict)

    def target(self, interface: Interface) -> str | None:
        """The `module:attribute` a server of this interface loads, or None when the app has none."""
        return self.wsgi if interface == "wsgi" else self.asgi


class Answer(Struct, frozen=True, kw_only=True):
    """What a right answer is: its status, the headers it must have and its exact body (None: any body)."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


class Request(Struct, frozen=True, kw_only=True):
    """One request of a workload and the answer that is right for it."""

    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    weight: int = 1
    answer: Answer = Answer()


class Workload(Struct, frozen=True, kw_only=True):
    """What is asked. No right answer can arrive sooner than `minimum_service_seconds`."""

    name: str
    title: str
    requests: tuple[Request, ...]
    minimum_service_seconds: float = 0.0


class Address(Struct, frozen=True):
    """Where a server listens: always loopback."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Knob(Struct, frozen=True, kw_only=True):
    """A setting of a server: an integer with a least value, or one of the `choices`."""

    name: str
    help: str
    least: int = 1
    choices: tuple[str, ...] = ()


class Command(Struct, frozen=True, kw_only=True):
    """How a server is started: `argv[0]` is resolved in the bin folder of the arm's environment.

    `deploy` is what a person would type instead, where a race needs something that only a race needs.
    """

    argv: tuple[str, ...]
    deploy: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


class Arm(Struct, frozen=True, kw_only=True):
    """A contender: server × settings × interpreter, under the name the user knows it by."""

    name: str
    server: str
    kind: str
    family: str
    interface: Interface
    requirements: tuple[str, ...]
    python: str
    settings: Settings = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


class Environment(Struct, frozen=True, kw_only=True):
    """Where an arm's server runs from: an interpreter, and the versions found there (lower-case names)."""

    python: str
    bin: str
    version: str
    python_version: str
    packages: dict[str, str] = field(default_factory=dict)


class Budget(Struct, frozen=True, kw_only=True):
    """What a run may use. `shared` is true where generator and server have to share a core."""

    seconds: float
    server_cores: tuple[int, ...]
    generator_cores: tuple[int, ...]
    shared: bool = False


class Question(Struct, frozen=True, kw_only=True):
    """Everything that decides what a race measures; `apps` is the same app on each interpreter, by the arms' `python`."""

    apps: dict[str, App]
    workload: Workload
    arms: tuple[Arm, ...]
    budget: Budget
    connections: int | None = None
    delta: float = 0.03
    alpha: float = 0.05
    claims: Literal["leader", "all"] = "leader"
    seed: int = 1

    @property
    def app(self) -> App:
        """The app on its first interpreter."""
        return next(iter(self.apps.values()))

    def arm(self, name: str) -> Arm:
        """The arm of this name."""
        return next(arm for arm in self.arms if arm.name == name)


class Failure(Struct, frozen=True, kw_only=True):
    """A kind of failure, how often it was seen, and the first sample."""

    kind: str
    count: int
    sample: str


class Load(Struct, frozen=True, kw_only=True):
    """What a generator is asked to do to one address, closed loop."""

    address: Address
    host: str
    requests: tuple[Request, ...]
    connections: int
    settle_seconds: float
    window_seconds: float
    stagger_seconds: float = 0.0
    deadline_seconds: float = 5.0
    seed: int = 0


class Tally(Struct, frozen=True, kw_only=True):
    """What a generator counted in one window. Histograms are HdrHistogram V2 (base64) of nanoseconds.

    `service` runs from the send to the last byte; `response` and `send_lag` need an open-loop schedule and are
    None in closed loop. `per_bucket` counts right answers in buckets of 50 ms.
    """

    engine: str
    seconds: float
    requests: int
    statuses: dict[str, int]
    failures: tuple[Failure, ...]
    service: str
    response: str | None = None
    send_lag: str | None = None
    per_bucket: tuple[int, ...] = ()
    mean_in_flight: float = 0.0
    reconnects: int = 0
    bytes_received: int = 0
    cpu_seconds: float = 0.0
    run_delay_seconds: float = 0.0


class Probes(Struct, frozen=True, kw_only=True):
    """What was read of the machine and of the server's process tree at both ends of one window."""

    seconds: float
    server_cpu_seconds: float | None
    memory_bytes: int | None
    processes: int
    threads: int
    foreign_share: float | None
    steal_share: float
    listen_overflows: int
    retransmits: int


class Reading(Struct, frozen=True, kw_only=True):
    """One window: what the generator counted, what the probes saw, and whether it may be used."""

    tally: Tally
    probes: Probes
    cold_start_seconds: float
    connections: int
    repeats: int = 0
    refused: str = ""

    @property
    def throughput_per_second(self) -> float:
        """Right answers per second of the window."""
        return self.tally.requests / self.tally.seconds

    @property
    def cpu_seconds_per_request(self) -> float | None:
        """CPU of the server's process tree per right answer, or None where it could not be read."""
        if self.probes.server_cpu_seconds is None or not self.tally.requests:
            return None
        per_second = self.probes.server_cpu_seconds / self.probes.seconds
        return per_second / self.throughput_per_second


class Machine(Struct, frozen=True, kw_only=True):
    """The machine a run was measured on; results are compared only where `fingerprint` is the same."""

    fingerprint: str
    system: str
    cpu: str
    cores: int
    usable_cores: tuple[int, ...]
    memory_bytes: int
    details: dict[str, Any] = field(default_factory=dict)
