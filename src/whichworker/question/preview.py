"""The requests of a race and the facts about the app, before anything but its import is started."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from whichworker.apps import builtin, checkup
from whichworker.apps import discover as discovery
from whichworker.apps.examine import Examiner, Look
from whichworker.config.options import RaceOptions
from whichworker.judge.discovered import facts_of
from whichworker.model import App, Finding, Request
from whichworker.model.arms import BUILTIN_PREFIX
from whichworker.question import own, today
from whichworker.question.ask import budget_of
from whichworker.result import Found
from whichworker.store import places
from whichworker.workloads.sources import mixture, routes
from whichworker.workloads.sources.readers import GivenRequests
from whichworker.workloads.table import workload

BUILT_IN = "built in"


class PreviewedRequests(Struct, frozen=True, kw_only=True):
    """The requests with their source and `left_out` in words.

    A race refuses the `unsafe` ones, and leaves out the `ambiguous` ones.
    """

    requests: tuple[Request, ...]
    source: str
    left_out: str = ""
    unsafe: tuple[Request, ...] = ()
    ambiguous: tuple[Request, ...] = ()
    findings: tuple[Finding, ...] = ()


class PreviewedApp(Struct, frozen=True, kw_only=True):
    """The facts about the app by name, each with its origin, and findings."""

    facts: dict[str, Found]
    findings: tuple[Finding, ...] = ()


class _Examined(Struct, frozen=True):
    app: App
    look: Look
    findings: tuple[Finding, ...]


def requests(named: str | None, options: RaceOptions, here: Path, cache: Path) -> PreviewedRequests:
    """The requests that a race with these options would send; raises UsageError as a race does.

    The app is imported only if the requests are its own routes.
    """
    base = own.base_of(here, named)
    chosen = [name for name in own.SOURCES if name != "workload" and getattr(options, name)]
    if chosen or options.workload.startswith("/"):
        return _given(own.requests_of(options, None, base), options)
    examined = _examined(named, options, here, cache)
    if examined is None:
        app, findings = _builtin(named, here)
        asked = workload(options.workload or "json", app)
        source = f"workload {asked.name} of {app}: {asked.title}"
        return PreviewedRequests(requests=asked.requests, source=source, findings=findings)
    given = own.requests_of(options, examined.look, base)
    return PreviewedRequests(
        requests=given.requests,
        source=given.source,
        left_out=routes.left_out(examined.look.routes),
        findings=examined.findings,
    )


def _given(given: GivenRequests, options: RaceOptions) -> PreviewedRequests:
    steps = (step.request for session in given.sessions for step in session.steps)
    every = (*given.requests, *steps)
    unsafe = [one for one in every if one.method not in mixture.SAFE]
    return PreviewedRequests(
        requests=every,
        source=given.source,
        left_out=given.left_out,
        unsafe=() if options.allow_writes else tuple(unsafe),
        ambiguous=own.ambiguous_in(given),
    )


def facts(named: str | None, options: RaceOptions, here: Path, cache: Path) -> PreviewedApp:
    """The facts about the app on its first interpreter; raises UsageError as a race does."""
    examined = _examined(named, options, here, cache)
    if examined is None:
        name, findings = _builtin(named, here)
        return PreviewedApp(facts=_facts_of_sample(name), findings=findings)
    look = examined.look
    found = facts_of(examined.app)
    if look.routes:
        origin = f"{look.framework or 'the app'}, imported"
        found["routes"] = Found(value=f"{len(look.routes)} without parameters", origin=origin)
    places = (Path(examined.app.directory), own.base_of(here, named))
    cores = len(budget_of(1.0).server_cores)
    now = today.today_of(examined.app, places, "", "", cores=cores)
    if now.arm is not None:
        found[today.WORD] = Found(value=now.arm.name, origin=now.arm.today)
    return PreviewedApp(facts=found, findings=(*examined.findings, *now.findings))


def _facts_of_sample(name: str) -> dict[str, Found]:
    sample = builtin.sample_of(name)
    told = {"app": name, "wsgi": sample.wsgi, "asgi": sample.asgi, "framework": sample.framework}
    return {key: Found(value=value, origin=BUILT_IN) for key, value in told.items() if value}


def _builtin(named: str | None, here: Path) -> tuple[str, tuple[Finding, ...]]:
    """The name of the built-in app, which stands in if no app is in the folder."""
    if named is None:
        return discovery.NOTHING_NAMED, (discovery.nothing_in(here),)
    builtin.sample_of(named)
    return f"{BUILTIN_PREFIX}{named.removeprefix(BUILTIN_PREFIX).partition('@')[0]}", ()


def _examined(named: str | None, options: RaceOptions, here: Path, cache: Path) -> _Examined | None:
    """The user's app, imported once; None for a built-in one."""
    places.make_cache(cache)
    examiner = Examiner(cache, options.allow_outbound)
    file = options.env_file
    found = discovery.own_app(
        named,
        next(iter(options.python), None),
        here,
        examiner,
        environment_file=str(own.place_of(here, named, file).resolve()) if file else "",
        allow_remote_database=options.allow_remote_database,
    )
    if found is None:
        return None
    app, findings = found
    app, look, said = checkup.examine(
        app,
        examiner,
        host=own.host_of(options),
        allow_remote_database=options.allow_remote_database,
    )
    return _Examined(app, look or Look(), (*findings, *said))
