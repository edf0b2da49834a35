"""From a run to its deployment: the advised arm, or the best of a kind, with its promise."""

from __future__ import annotations

import contextlib
import pwd
import re
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from whichworker import redaction
from whichworker.apps import environment_files
from whichworker.bench.running import SHOWN_ADDRESS
from whichworker.deployment import ownership
from whichworker.deployment.kinds import TABLE, emit, names_of
from whichworker.deployment.kinds.parts import SHIM_FILE
from whichworker.deployment.ownership import PROMISE_FILE
from whichworker.errors import JournalFailed, UsageError
from whichworker.judge import verdict
from whichworker.judge.belonging import guarded
from whichworker.model import App, Arm, Environment, Question
from whichworker.model.deployments import Deployment, Promise
from whichworker.model.distributions import distribution
from whichworker.report.files import write_text
from whichworker.result import ArmResult, Result
from whichworker.servers import names, table
from whichworker.store import places
from whichworker.store.journal import FILE, Journal
from whichworker.units import show_bytes, show_rate

MOST_TRIED = 10
"""Runs that are judged to find one with advice: each takes about a second."""
REASONS = {
    "bind": "loopback: only the proxy in front is public",
    "worker_class": "the raced class",
    "loglevel": "as raced: one line for each request costs time",
    "http_parser": "as raced",
    "control_socket_disable": "as raced",
    "wsgi_app": "the app",
    "preload_app": "loaded once, before the workers fork, so they share its memory",
    "timeout": "gunicorn's default: the master replaces a worker that is silent for this long",
    "graceful_timeout": "gunicorn's default: the time a worker has to finish its requests",
}


class JudgedRun(Struct, frozen=True):
    """A stored run: its question, its environments and its result."""

    question: Question
    environments: dict[str, Environment]
    result: Result


class _Origin(Struct):
    url: str


def read(folder: Path) -> JudgedRun:
    """The run in a folder, judged again from its journal.

    Raises JournalFailed if it cannot be read, or if its records do not belong together.
    """
    journal = Journal.read(folder / FILE)
    header = journal.header()
    with guarded(folder / FILE):
        result = verdict.judge(journal)
    return JudgedRun(header.question, header.environments, result)


def advised(project: Path, run: str) -> JudgedRun:
    """A project's run by its id, or the newest that has advice; the newest if none has any."""
    newest = places.find_run(project, run or "latest")
    if run:
        return read(newest)
    for folder in places.runs(project)[: -MOST_TRIED - 1 : -1]:
        with contextlib.suppress(JournalFailed):  # begun just now, or by another version
            told = read(folder)
            if told.result.advice is not None:
                return told
    return read(newest)


def arm_for(told: JudgedRun, kinds: tuple[str, ...]) -> tuple[ArmResult, str]:
    """The arm to deploy, and a remark if it is not the advised one.

    gunicorn's file needs an arm of gunicorn.

    Raises UsageError if the run has no advice, or no such arm.
    """
    result = told.result
    if result.advice is None:
        why = "; ".join(result.validity.reasons) or "no server setup was ranked"
        raise UsageError(
            f"run {result.run.id} has no advice: {why}", hint="race again, with more --time"
        )
    ranked = [arm for arm in result.arms if arm.is_measured and arm.throughput_per_second]
    advised = next(arm for arm in ranked if arm.name == result.advice.arm)
    if "gunicorn" not in kinds or advised.server == "gunicorn":
        return advised, ""
    own = sorted((arm for arm in ranked if arm.server == "gunicorn"), key=lambda arm: -arm.speed)
    if not own:
        raise UsageError(
            f"no server setup with gunicorn was ranked in run {result.run.id}",
            hint="race it: --servers gunicorn-gthread,gunicorn-sync",
        )
    share = own[0].speed / advised.speed
    best = f"{own[0].name}, the best setup with gunicorn, at {share:.0%} of its throughput"
    return own[0], f"{advised.name} is advised; this is {best}"


def deployment(told: JudgedRun, best: ArmResult, out: Path, remark: str = "") -> Deployment:
    """All the facts that the files contain."""
    question, arm = told.question, told.question.arm(best.name)
    app, environment = question.apps[arm.python], told.environments[best.name]
    server = table.load(arm.server)
    command = server.command(app, SHOWN_ADDRESS, arm.settings)
    config = server.config_file(app, SHOWN_ADDRESS, arm.settings)
    own = config if not config.name.endswith(".sh") else None
    given = app.environment_file if Path(app.environment_file).is_file() else ""
    unraced = environment_files.server_options(given)
    cost = (
        told.result.advice.cost
        if told.result.advice and told.result.advice.arm == best.name
        else None
    )
    return Deployment(
        project=project_of(app),
        directory=app.directory,
        arm=best.name,
        server=arm.server,
        interface=arm.interface,
        target=app.target(arm.interface) or "",
        argv=command.deployed(environment.version),
        config=own,
        requirements=pinned(arm, environment, app),
        environment={**app.environment, **command.environment},
        environment_file=app.environment_file,
        misread={
            reader: tuple(name for name in found if name not in unraced)
            for reader, found in environment_files.misread(given).items()
        },
        unraced=unraced,
        private=(*app.database_files, *filter(None, [app.environment_file])),
        user=_owner(app.directory),
        installed=is_installed(app),
        shim=app.shim,
        python=".".join(environment.python_version.split(".")[:2]),
        bin=str(Path(app.python).parent),
        folder=str(out.resolve()),
        ready_path=question.workload.every[0].path,
        host=app.host,
        stop_signal=server.stop_signal.name,
        memory_bytes=best.memory_bytes,
        memory_limit_bytes=cost.memory_limit_bytes
        if cost and question.budget.memory_bytes
        else None,
        cores=len(question.budget.server_cores),
        static=(app.static_url, app.static_root)
        if app.static_url.startswith("/") and app.static_root
        else None,
        because=_because(told, best),
        remark=remark,
        promise=_promise(told, best, app, own.command if own else ()),
    )


def project_of(app: App) -> str:
    """The name of a project in its files: of its folder, in letters that every reader takes.

    An image's name has no other runs of signs, and a host's no more than 63 letters.
    """
    name = re.sub(
        r"[^a-z0-9]+",
        lambda signs: "_" if signs[0] == "_" else "-",
        Path(app.directory).name.lower(),
    )
    return name.strip("-_")[:63].rstrip("-_") or "app"


def check_free(question: Question, kinds: tuple[str, ...], out: Path) -> None:
    """Raise UsageError before a race if a file of the user's own would be replaced after it."""
    configs = [
        table.load(arm.server)
        .config_file(question.apps[arm.python], SHOWN_ADDRESS, arm.settings)
        .name
        for arm in question.arms
    ]
    shim = [SHIM_FILE] if question.app.shim else []
    ownership.check(out, (*configs, *shim, *names_of(kinds, project_of(question.app))))


def check_kinds(kinds: tuple[str, ...]) -> None:
    """Raise UsageError for an unknown kind of file."""
    unknown = [kind for kind in kinds if kind not in TABLE]
    if unknown:
        hint = f"one of {', '.join(kind for kind in TABLE if kind != 'server')}"
        raise UsageError(f"--emit: {unknown[0]!r} is no kind of file", hint=hint)


def write(
    what: Deployment, kinds: tuple[str, ...], out: Path, *, force: bool = False
) -> list[Path]:
    """Write the files and their promise; `force`: over the user's own files, too.

    Raises UsageError for an unknown kind, a file of the user's own, or a bad folder.
    """
    check_kinds(kinds)
    files = emit(kinds, what)
    if not force:
        ownership.check(out, [file.name for file in files])
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder {out} cannot be created: {error.strerror}", hint="--out FOLDER"
        ) from error
    texts = {file.name: redaction.clean(file.text) for file in files}
    promise = msgspec.structs.replace(
        what.promise,
        files={file.name: file.kind for file in files},
        digests={name: ownership.digest(text.encode()) for name, text in texts.items()},
    )
    written = [
        write_text(out / file.name, texts[file.name], executable=file.kind == "script")
        for file in files
    ]
    encoded = (
        redaction.clean_bytes(msgspec.json.format(msgspec.json.encode(promise), indent=2)).decode()
        + "\n"
    )
    return [*written, write_text(out / PROMISE_FILE, encoded)]


def pinned(arm: Arm, environment: Environment, app: App) -> tuple[str, ...]:
    """The server's packages and all that they need, at the versions that were measured."""
    venvs = [Path(environment.bin).parent, Path(app.python).parent.parent]
    sites = [str(site) for venv in venvs for site in venv.glob("lib/python*/site-packages")]
    needs: dict[str, list[str]] = {}
    for found in distributions(path=sites):
        needs.setdefault(canonicalize_name(found.name), found.requires or [])
    versions = environment.versions
    pinned: dict[str, str] = {}
    asked: set[str] = set()
    waiting = list(arm.requirements)
    while waiting:
        text = waiting.pop(0)
        name, extras = distribution(text), ("", *Requirement(text).extras)
        if text in asked or name not in versions:
            continue
        asked.add(text)
        if name not in pinned or len(extras) > 1:
            pinned[name] = names.pin(text.partition(";")[0], versions[name])
        for need in map(Requirement, needs.get(name, [])):
            if need.marker is None or any(
                need.marker.evaluate({"extra": extra}) for extra in extras
            ):
                need.marker = None
                waiting.append(str(need))
    return tuple(pinned.values())


def is_installed(app: App) -> bool:
    """Whether the project itself is a package of the app's environment, by PEP 610."""
    sites = [str(site) for site in Path(app.python).parent.parent.glob("lib/python*/site-packages")]
    texts = (one.read_text("direct_url.json") for one in distributions(path=sites))
    places = (msgspec.json.decode(text, type=_Origin).url for text in texts if text)
    return Path(app.directory).as_uri() in (place.rstrip("/") for place in places)


def _owner(directory: str) -> str:
    """The user that owns a project; empty for root and for a user without a name."""
    try:
        number = Path(directory).stat().st_uid
        return pwd.getpwuid(number).pw_name if number else ""
    except (OSError, KeyError):
        return ""


def _promise(told: JudgedRun, best: ArmResult, app: App, command: tuple[str, ...]) -> Promise:
    speed, capacity = best.throughput_per_second, best.capacity_per_second
    assert speed is not None
    return Promise(
        run=told.result.run.id,
        arm=best.name,
        server=told.question.arm(best.name).server,
        settings=best.settings,
        throughput_per_second=speed.value,
        low=speed.low or speed.value,
        high=speed.high or speed.value,
        connections=best.connections or 1,
        certified_per_second=capacity.certified if capacity else None,
        slo=capacity.slo if capacity else None,
        host=app.host,
        requests=told.question.workload.requests,
        directory=app.directory,
        command=command,
    )


def _because(told: JudgedRun, best: ArmResult) -> dict[str, str]:
    """A reason for each setting: a comparison from the race, or that it was raced so."""
    found: dict[str, str] = {}
    cores = len(told.question.budget.server_cores)
    for name, value in best.settings.items():
        if value == 0:  # an unset setting has no line
            continue
        rivals = [
            arm
            for arm in told.result.arms
            if _differs_in(arm, best, name) and arm.throughput_per_second
        ]
        if rivals:
            said = ", ".join(
                f"{arm.settings[name]}: {show_rate(arm.speed)}/s" for arm in rivals[:3]
            )
            found[name] = f"{value} did {show_rate(best.speed)}/s; {said}"
        elif name == "workers":
            memory = f", {show_bytes(best.memory_bytes)} in all" if best.memory_bytes else ""
            found[name] = f"raced on {cores} core{'' if cores == 1 else 's'}{memory}"
        else:
            found[name] = "as raced"
    return {**REASONS, **found} if best.server == "gunicorn" else found


def _differs_in(arm: ArmResult, best: ArmResult, name: str) -> bool:
    same: Mapping[str, object] = {key: value for key, value in arm.settings.items() if key != name}
    return (
        (arm.server, arm.kind) == (best.server, best.kind)
        and name in arm.settings
        and arm.settings[name] != best.settings[name]
        and same == {key: value for key, value in best.settings.items() if key != name}
    )
