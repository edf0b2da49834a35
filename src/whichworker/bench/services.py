"""The services of a question: found or started, seeded, watched during measurement, stopped."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

from whichworker.apps import builtin
from whichworker.config.options import RaceOptions
from whichworker.errors import EnvironmentFailed, ServerFailed, UsageError
from whichworker.model import App, Budget, Finding, Probes, Question, Workload, codes
from whichworker.probes.lineage import lineage_cpu_seconds
from whichworker.process import scratch, warden
from whichworker.process.launch import Launch, Order
from whichworker.process.sockets import free_port
from whichworker.services import nearby, postgres, redis, step_down
from whichworker.services.given import Given, given
from whichworker.services.listening import listener_of
from whichworker.services.owner import PREFIX, owner, room_for
from whichworker.services.protocol import Service
from whichworker.services.upstream import Stats, Upstream, strain

READY_SECONDS = 60.0  # initdb and the first start take seconds, on a busy disk far longer
STOP_SECONDS = 5.0  # its data is deleted anyway
PORT_TRIES = 3  # a port is rarely lost between choosing and binding; twice in a row hardly ever
PORT_TAKEN = re.compile(r"address already in use", re.IGNORECASE)
SILENCED = {"DATABASE_URL": "", "REDIS_URL": ""}
"""The built-in apps must use the requested services, not those of the user's variables."""


class Needs(Struct, frozen=True, kw_only=True):
    """The services needed; `database` and `cache` are None for your own app, which has its own."""

    upstream: bool = False
    database: Literal["sqlite", "postgres"] | None = None
    cache: Literal["memory", "redis"] | None = None


class ServicesReading(Struct, frozen=True, kw_only=True):
    """One reading of the services: the time, their CPU seconds, and the upstream's counts."""

    at_ns: int
    cpu_seconds: float
    stats: Stats | None = None


class Backing(Struct, frozen=True, kw_only=True):
    """Running services, and the app's variables for them. Without services it does nothing."""

    variables: dict[str, str] = field(default_factory=dict)
    launches: dict[str, Launch] = field(default_factory=dict)
    others: tuple[int, ...] = ()
    above: Upstream | None = None
    findings: tuple[Finding, ...] = ()

    def check(self) -> None:
        """Raise EnvironmentFailed if a service has ended: no arm may be blamed for that."""
        for name, launch in self.launches.items():
            if launch.ended():
                raise EnvironmentFailed(
                    f"{name} ended while servers were measured",
                    seen=launch.log_tail(),
                    hint=f"log: {launch.order.log}",
                )

    def others_cpu_seconds(self) -> float:
        """CPU seconds of the services that may run on any core; those started here may not."""
        return lineage_cpu_seconds(self._others())

    def _others(self) -> set[int]:
        return {pid for root in self.others for pid in (root, *warden.descendants(root))}

    def look(self) -> ServicesReading | None:
        """Read clocks and counters, at an end of a window; None without services."""
        self.check()
        if not self.launches and not self.others:
            return None
        pids = {pid for launch in self.launches.values() for pid in launch.pids()}
        at_ns, spent = time.monotonic_ns(), lineage_cpu_seconds(pids | self._others())
        return ServicesReading(
            at_ns=at_ns,
            cpu_seconds=spent,
            stats=account_of(self.above) if self.above is not None else None,
        )


NONE = Backing()


def account_of(above: Upstream) -> Stats:
    """The upstream's counts; raises EnvironmentFailed if it does not respond."""
    try:
        return above.stats()
    except (OSError, HTTPException) as error:
        hint = "its core is too busy: end what else runs there"
        raise EnvironmentFailed(
            f"the upstream did not report its counts: {error}", hint=hint
        ) from error


def needed(what: Workload, options: RaceOptions, *, own: bool) -> Needs:
    """The services that options request; raises UsageError if the app is the user's `own`."""
    for option, value in (("--database", options.database), ("--cache", options.cache)):
        if own and value:
            hint = (
                "set your app up as you deploy it and leave the option out, or race builtin:django"
            )
            raise UsageError(
                f"{option} is for the built-in apps: your app brings its own services",
                hint=hint,
            )
    if own:
        return Needs(upstream=what.upstream)
    return Needs(
        upstream=what.upstream,
        database=options.database or "sqlite",
        cache=options.cache or "memory",
    )


def needs_of(question: Question) -> Needs:
    """What a question needs."""
    return Needs(
        upstream=question.workload.upstream,
        database=question.subject.database,
        cache=question.subject.cache,
    )


def cores_of(budget: Budget) -> tuple[int, ...]:
    """Services share the generator's cores: on the servers' they would count for every arm."""
    return budget.generator_cores


def describe(needs: Needs, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Each service's title, by its name, without a start; raises UsageError if one is missing."""
    named = {service.name: service.title for service in _private(needs, environ)}
    return dict(
        sorted(
            {
                **named,
                **{name: other.shown for name, other in _given(needs, environ).items()},
            }.items()
        )
    )


def serving(
    question: Question, folder: Path, cache: Path, note: Callable[[str], None]
) -> AbstractContextManager[Backing]:
    """The services of one question, as `backing` starts them."""
    cores = cores_of(question.budget)
    return backing(
        needs_of(question),
        question.apps.values(),
        cores=cores,
        folder=folder,
        cache=cache,
        note=note,
    )


@contextmanager
def backing(
    needs: Needs,
    apps: Iterable[App],
    *,
    cores: tuple[int, ...],
    folder: Path,
    cache: Path,
    environ: Mapping[str, str] = os.environ,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Backing]:
    """Start the missing services, and seed a database by each app's setup steps.

    Everything ends with the block. Logs stay in `folder` after a failure. Raises UsageError if a
    service is not installed, EnvironmentFailed if it does not start or cannot be seeded.
    """
    others, started = _given(needs, environ), _private(needs, environ)
    variables = {} if needs.database is None else dict(SILENCED)
    variables |= {other.variable: other.url for other in others.values()}
    launches: dict[str, Launch] = {}
    with ExitStack() as stack:
        above: Upstream | None = None
        for service in started:
            note(f"starting {service.title}")
            if isinstance(service, Upstream):
                launches[service.name], above = stack.enter_context(_listening(cores, folder))
                variables |= above.variables(folder)
            else:
                launches[service.name], own = stack.enter_context(_running(service, cores, folder))
                variables |= service.variables(own)
        if needs.database == "postgres":
            note("seeding the database")
            for app in apps:
                builtin.set_up(app, variables, cache)
        seen = {name: listener_of(other.socket, other.port) for name, other in others.items()}
        own_ones = nearby.processes_of(pair for app in apps for pair in app.services)
        yield Backing(
            variables=variables,
            launches=launches,
            others=(*(pid for pid in seen.values() if pid is not None), *own_ones),
            above=above,
            findings=tuple(
                _unseen(name, others[name]) for name, pid in seen.items() if pid is None
            ),
        )


def with_services(
    probes: Probes, before: ServicesReading | None, after: ServicesReading | None, cores: int
) -> Probes:
    """The probes of a window with the services' CPU, which is not foreign, and the strain."""
    if before is None or after is None:
        return probes
    spent = after.cpu_seconds - before.cpu_seconds
    foreign = probes.foreign_share
    if foreign is not None:
        foreign = max(0.0, foreign - spent / (probes.seconds * cores))
    found = strain(before.stats, after.stats) if before.stats and after.stats else None
    return msgspec.structs.replace(
        probes,
        foreign_share=foreign,
        services_cpu_seconds=spent,
        upstream_cpu_share=found.cpu_share if found else None,
        upstream_lag_seconds=found.lag_seconds if found else None,
    )


def _given(needs: Needs, environ: Mapping[str, str]) -> dict[str, Given]:
    wanted = {
        "postgres": needs.database == "postgres" and "DATABASE_URL",
        "redis": needs.cache == "redis" and "REDIS_URL",
    }
    found = {name: given(variable, environ) for name, variable in wanted.items() if variable}
    return {name: other for name, other in found.items() if other is not None}


def _private(needs: Needs, environ: Mapping[str, str]) -> list[Service]:
    """The services to start; the upstream gets its port later."""
    have, path = _given(needs, environ), environ.get("PATH", os.defpath)
    found: list[Service] = [Upstream(0)] if needs.upstream else []
    if needs.database == "postgres" and "postgres" not in have:
        found.append(postgres.find(path))
    if needs.cache == "redis" and "redis" not in have:
        found.append(redis.find(path))
    return found


@contextmanager
def _listening(cores: tuple[int, ...], folder: Path) -> Iterator[tuple[Launch, Upstream]]:
    """The upstream on a free port, or on another if it gets taken, at most three times."""
    for tries_left in reversed(range(PORT_TRIES)):
        above = Upstream(free_port())
        with ExitStack() as stack:
            try:
                launch, _ = stack.enter_context(_running(above, cores, folder))
            except EnvironmentFailed as error:
                if tries_left and PORT_TAKEN.search(error.seen):
                    continue
                raise
            yield launch, above
            return


@contextmanager
def _running(
    service: Service, cores: tuple[int, ...], folder: Path
) -> Iterator[tuple[Launch, Path]]:
    """One private service, ready, below a warden, and its folder; both are gone after the block."""
    whose = owner(service.users)
    user = (whose.user, whose.group) if whose else (-1, -1)
    with scratch.folder(room_for(whose), PREFIX) as own:
        os.chown(own, *user)
        order = _order(service, own, user, cores, folder)
        with Launch(order) as launch:
            try:
                launch.wait_ready(lambda: service.complaint(own), READY_SECONDS)
            except ServerFailed as error:
                raise EnvironmentFailed(
                    f"{service.title} did not start: {error.fact}", seen=error.seen, hint=error.hint
                ) from error
            yield launch, own
            launch.stop(service.stop_signal, STOP_SECONDS)
        Path(order.log).unlink(missing_ok=True)  # kept only after a failure


def _order(
    service: Service, own: Path, user: tuple[int, int], cores: tuple[int, ...], folder: Path
) -> Order:
    """Run the script that drops privileges, without the user's environment."""
    log = folder / "services" / f"{service.name}-{time.monotonic_ns()}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    script = (sys.executable, "-I", "-S", "-B", str(step_down.__file__))
    return Order(
        argv=(*script, *map(str, user), json.dumps(service.steps(own))),
        directory="/",
        environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": str(own)},
        cores=cores,
        log=str(log),
        temporary=str(own),
    )


def _unseen(name: str, other: Given) -> Finding:
    return codes.SERVICE_UNSEEN.finding(
        f"The CPU time of {name} at {other.shown} is unknown, so samples in which it is busy may be"
        " refused",
        hint=f"unset {other.variable} to start a private instance",
    )
