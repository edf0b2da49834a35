"""Does a deployment keep what was promised? What its files say is started, exactly, and measured beside what was raced, in turn."""

from __future__ import annotations

import math
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean

import msgspec
from msgspec import Struct

from whichworker.advise.emit import TABLE, emit
from whichworker.apps import checkup
from whichworker.design import evidence
from whichworker.errors import ServerFailed, UsageError
from whichworker.lab import emitted, prepare, services
from whichworker.lab.deploy import PROMISE_FILE, Told, deployment
from whichworker.lab.emitted import Start
from whichworker.lab.login import Proof, log_in, relearnt, renewed
from whichworker.lab.measure import ArmFailed, load_and_probe, load_of
from whichworker.lab.running import Bench, Running, order_of, running
from whichworker.load.generator import Generator
from whichworker.load.http1 import FramingError, fetch, judge_answer
from whichworker.model import Address, Answer, Arm, Request, Workload
from whichworker.model.deployments import Deployment, Promise
from whichworker.process.launch import Launch
from whichworker.process.sockets import free_port

PAIRS, SECONDS, SETTLE = 6, 1.0, 0.5
READY_SECONDS = 30.0
ANY = Answer(status=None)
ALLOWED = 0.05
"""A deployment may be slower by this share than what was raced: a comment, a port or a folder costs nothing."""
ALPHA = 0.05


class Checked(Struct, frozen=True, kw_only=True):
    """What came of one file: whether it keeps the promise, and what was seen; `ratio` is its throughput over that of the raced arm."""

    file: str
    kind: str
    kept: bool
    said: tuple[str, ...]
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


def promise_in(folder: Path) -> Promise:
    """The promise beside the files; raises UsageError where there is none."""
    path = folder / PROMISE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Promise)
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no {PROMISE_FILE} in {folder}", hint="whichworker advise --emit systemd --out FOLDER writes one"
        ) from error
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="emit the files again") from error


def verify(folder: Path, told: Told, proof: Proof, cache: Path, place: Path, note: Callable[[str], None]) -> list[Checked]:
    """Every emitted file that starts something, each once for each command it starts; nothing is written into the project.

    Raises UsageError where nothing can be measured: a promise that is not there, requests that need a secret which `proof` does not have.
    """
    folder = folder.resolve()
    promise = promise_in(folder)
    _known_again(told, cache)
    question = msgspec.structs.replace(
        told.question,
        workload=Workload(name="promise", title="what was promised", requests=promise.requests),
        connections=promise.connections,
    )
    arm = question.arm(promise.arm)
    best = next(one for one in told.result.arms if one.name == promise.arm)
    what = deployment(told, best, folder)
    environments, without = prepare.build(question, cache, note, only={arm.name})
    if without:
        raise UsageError(f"{arm.name} cannot be started here any more: {without[0].failures[0].sample}", hint="race again")
    checked: list[Checked] = []
    known: dict[tuple[object, ...], Checked] = {}
    with services.serving(question, place, cache, note) as backing, Generator() as generator:
        generator.start(question.budget.generator_cores)
        bench = Bench(question, environments, place, cache, backing)
        bench = _asking(bench, arm, promise, proof)
        for name, kind in promise.files.items():
            start = emitted.start_of(folder / name, kind, promise.directory, promise.command)
            if start is None:
                continue
            key = _key(folder, start)
            if key not in known:
                note(f"{name}: {PAIRS} pairs of windows")
                known[key] = _measured(bench, generator, arm, folder, start, promise)
            said = (*_edited(name, kind, folder, what, start), *known[key].said)
            checked.append(msgspec.structs.replace(known[key], file=name, kind=kind, kept=not said, said=said))
    if not checked:
        raise UsageError(f"no file in {folder} starts anything", hint="emit them again")
    return checked


def _asking(bench: Bench, arm: Arm, promise: Promise, proof: Proof) -> Bench:
    """The bench with the requests of the promise as they can be sent today, after a login where there is one."""
    app = bench.question.apps[arm.python]
    if proof.login is not None:
        ready = Workload(name="ready", title="any answer", requests=(Request(path=app.ready_path, headers=app.headers, answer=ANY),))
        alone = msgspec.structs.replace(bench, question=msgspec.structs.replace(bench.question, workload=ready))
        with running(alone, arm) as run:
            cookies = log_in(run, app, proof.login)
            again = renewed(promise.requests, cookies, proof.headers)
            requests = tuple(relearnt(run, app, one) if one not in promise.requests else one for one in again)
    else:
        requests = renewed(promise.requests, {}, proof.headers)
    if not requests:
        hint = "--login FORM --allow-writes, or --header 'Name: value', as in the race"
        raise UsageError("every request of the race was sent a secret, which is kept nowhere", hint=hint)
    workload = msgspec.structs.replace(bench.question.workload, requests=requests)
    return msgspec.structs.replace(bench, question=msgspec.structs.replace(bench.question, workload=workload))


def _known_again(told: Told, cache: Path) -> None:
    """The app's secrets are known, and its databases still on this machine, before anything is started."""
    for app in told.question.apps.values():
        checkup.examine_again(app, cache, told.question.allowed)


def _key(folder: Path, start: Start) -> tuple[object, ...]:
    """The same for files that start the same: only where it listens, and where its own file lies, may differ."""
    words: list[str] = []
    skip = False
    for word in start.argv:
        if skip or word == "--bind":
            skip = not skip
            continue
        own = (folder / word).is_file() and (folder / word).resolve().parent == folder
        words.append(Path(word).name if own or not words else word)
    environment = {name: value for name, value in start.environment.items() if name != "PYTHONUNBUFFERED"}
    return (tuple(words), start.folder, tuple(sorted(environment.items())))


def _measured(bench: Bench, generator: Generator, arm: Arm, folder: Path, start: Start, promise: Promise) -> Checked:
    """What is measured of a start, whichever files say it."""
    try:
        logs = [_pair(bench, generator, arm, folder, start, promise) for _ in range(PAIRS)]
    except (ServerFailed, ArmFailed) as error:
        why = error.fact if isinstance(error, ServerFailed) else f"{error.failures[0].kind}: {error.failures[0].sample}"
        return Checked(file="", kind="", kept=False, said=(why,))
    interval = evidence.fixed_interval(logs, ALPHA)
    low, high = (math.exp(end) for end in interval) if interval else (0.0, math.inf)
    ratio = math.exp(fmean(logs))
    said = (f"it does {ratio:.0%} of what was raced ({low:.0%} to {high:.0%})",) if high < 1 - ALLOWED else ()
    return Checked(file="", kind="", kept=not said, said=said, ratio=ratio, low=low, high=high)


def _pair(bench: Bench, generator: Generator, arm: Arm, folder: Path, start: Start, promise: Promise) -> float:
    """The logarithm of the deployment's throughput over the raced arm's, one window after the other on fresh launches."""
    try:
        with running(bench, arm) as run:
            raced = _rate(bench, generator, run, promise.connections)
    except (ServerFailed, ArmFailed) as error:
        raise UsageError(f"{arm.name} does not run here any more as it was raced: {error}", hint="race again") from error
    with started(bench, arm, folder, start) as run:
        deployed = _rate(bench, generator, run, promise.connections)
    return math.log(deployed / raced)


def _rate(bench: Bench, generator: Generator, run: Running, connections: int) -> float:
    tally, _ = load_and_probe(bench, generator, run, load_of(bench, run, connections, SECONDS, settle=SETTLE), whole=False)
    return tally.requests / tally.seconds


@contextmanager
def started(bench: Bench, arm: Arm, folder: Path, start: Start) -> Iterator[Running]:
    """What a file says, started in the environment that was raced, with nothing changed but the port; raises ServerFailed."""
    address = Address("127.0.0.1", free_port())
    order = order_of(bench, arm, address)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, order.environment["TMPDIR"], ignore_errors=True)
        argv = list(emitted.moved(start.argv, address))
        for at, word in enumerate(argv):
            path = Path(word) if Path(word).is_absolute() else folder / word
            if path.is_file() and path.parent.resolve() == folder.resolve():
                copy = Path(order.environment["TMPDIR"]) / path.name
                copy.write_text(emitted.moved_text(path.read_text(encoding="utf-8"), address), encoding="utf-8")
                argv[at] = str(copy)
        program = Path(bench.environments[arm.name].bin) / Path(argv[0]).name
        argv[0] = str(program) if program.exists() else argv[0]
        paths = [str(folder), order.environment["PYTHONPATH"]]
        told = {**order.environment, **start.environment, "PYTHONPATH": os.pathsep.join(paths)}
        changed = msgspec.structs.replace(order, argv=tuple(argv), directory=start.folder, environment=told)
        launch = stack.enter_context(Launch(changed))
        cold = launch.wait_ready(lambda: _ready(bench, address), READY_SECONDS)
        yield Running(launch, address, cold, tuple(argv))
        Path(order.log).unlink(missing_ok=True)


def _ready(bench: Bench, address: Address) -> str:
    request = bench.question.workload.requests[0]
    try:
        response = fetch(address, request, bench.question.app.host, READY_SECONDS)
    except (OSError, FramingError) as error:
        return f"{type(error).__name__}: {error}"
    complaint = judge_answer(request.answer, response)
    return complaint[1] if complaint else ""


def _edited(name: str, kind: str, folder: Path, what: Deployment, start: Start) -> Iterator[str]:
    """What a file says otherwise than it was written: what was promised was promised of that."""
    files = {file.name: file for file in emit((kind if kind in TABLE else "server",), what)}
    if name not in files:
        return
    written = emitted.start_in(files[name].text, folder / name, kind, what.directory, what.promise.command)
    was, now = ({str(at): word for at, word in enumerate(one.argv)} for one in (written, start))
    if was != now:
        yield f"{name}: it starts {shlex.join(start.argv)}, and not what was raced"
    yield from emitted.differences(name, written.environment, start.environment)
    for own in files.values():
        path = folder / own.name
        if own.kind in ("config", "shim") and path.is_file() and (own.kind == "shim" or str(path) in start.argv or own.name in start.argv):
            yield from emitted.differences(own.name, emitted.settings_in(own.text), emitted.settings_in(path.read_text(encoding="utf-8")))
