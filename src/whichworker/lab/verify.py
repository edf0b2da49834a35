"""Does a deployment keep what was promised? What its files say is started, exactly, and measured beside what was raced, in turn."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean

import msgspec
from msgspec import Struct

from whichworker import redaction
from whichworker.design import evidence
from whichworker.errors import ServerFailed, UsageError
from whichworker.lab import emitted, services
from whichworker.lab.deploy import PROMISE_FILE, Told
from whichworker.lab.emitted import Start
from whichworker.lab.measure import ArmFailed, load_and_probe, load_of
from whichworker.lab.running import SHOWN_ADDRESS, Bench, Running, order_of, running
from whichworker.load.generator import Generator
from whichworker.load.http1 import FramingError, fetch, judge_answer
from whichworker.model import Address, Arm, Workload
from whichworker.model.deployments import Promise
from whichworker.process.launch import Launch
from whichworker.process.sockets import free_port
from whichworker.servers import table

PAIRS, SECONDS, SETTLE = 6, 1.0, 0.5
READY_SECONDS = 30.0
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
    """The promise beside the files; raises UsageError where there is none, or one that needs secrets which are kept nowhere."""
    path = folder / PROMISE_FILE
    try:
        promise = msgspec.json.decode(path.read_bytes(), type=Promise)
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no {PROMISE_FILE} in {folder}", hint="whichworker advise --emit systemd --out FOLDER writes one"
        ) from error
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="emit the files again") from error
    whole = tuple(one for one in promise.requests if not any(redaction.MARK.search(value) for _, value in one.headers))
    if not whole:
        raise UsageError("every request of the race was sent a secret, which is kept nowhere", hint="race pages without a login, then emit")
    return msgspec.structs.replace(promise, requests=whole)


def verify(folder: Path, told: Told, cache: Path, place: Path, note: Callable[[str], None]) -> list[Checked]:
    """Every emitted file that starts something, each once for each command it starts; nothing is written into the project."""
    folder = folder.resolve()
    promise = promise_in(folder)
    question = msgspec.structs.replace(
        told.question,
        workload=Workload(name="promise", title="what was promised", requests=promise.requests),
        connections=promise.connections,
    )
    arm = question.arm(promise.arm)
    checked: list[Checked] = []
    known: dict[tuple[object, ...], Checked] = {}
    with services.serving(question, place, cache, note) as backing, Generator() as generator:
        generator.start(question.budget.generator_cores)
        bench = Bench(question, told.environments, place, cache, backing)
        for name, kind in promise.files.items():
            start = emitted.start_of(folder / name, kind, promise.directory, promise.command)
            if start is None:
                continue
            key = _key(folder, start)
            if key not in known:
                note(f"{name}: {PAIRS} pairs of windows")
                known[key] = _check(bench, generator, arm, folder, name, kind, start, promise)
            checked.append(msgspec.structs.replace(known[key], file=name, kind=kind))
    if not checked:
        raise UsageError(f"no file in {folder} starts anything", hint="emit them again")
    return checked


def _key(folder: Path, start: Start) -> tuple[object, ...]:
    """The same for files that start the same: only where it listens, and where its own file lies, may differ."""
    words, skip = [], False
    for word in start.argv:
        if skip or word == "--bind":
            skip = not skip
            continue
        words.append(Path(word).name if Path(word).is_absolute() or (folder / word).is_file() else word)
    environment = {name: value for name, value in start.environment.items() if name not in ("PYTHONPATH", "PYTHONUNBUFFERED")}
    return (tuple(words), start.folder, tuple(sorted(environment.items())))


def _check(bench: Bench, generator: Generator, arm: Arm, folder: Path, name: str, kind: str, start: Start, promise: Promise) -> Checked:
    said = list(_other_settings(bench, arm, folder, start))
    try:
        logs = [_pair(bench, generator, arm, folder, start, promise) for _ in range(PAIRS)]
    except (ServerFailed, ArmFailed) as error:
        why = error.fact if isinstance(error, ServerFailed) else f"{error.failures[0].kind}: {error.failures[0].sample}"
        return Checked(file=name, kind=kind, kept=False, said=(*said, why))
    interval = evidence.fixed_interval(logs, ALPHA)
    low, high = (math.exp(end) for end in interval) if interval else (0.0, math.inf)
    ratio = math.exp(fmean(logs))
    slower = high < 1 - ALLOWED
    if slower:
        said.append(f"it does {ratio:.0%} of what was raced ({low:.0%} to {high:.0%})")
    return Checked(file=name, kind=kind, kept=not said, said=tuple(said), ratio=ratio, low=low, high=high)


def _pair(bench: Bench, generator: Generator, arm: Arm, folder: Path, start: Start, promise: Promise) -> float:
    """The logarithm of the deployment's throughput over the raced arm's, one window after the other on fresh launches."""
    with running(bench, arm) as run:
        raced = _rate(bench, generator, run, promise.connections)
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


def _other_settings(bench: Bench, arm: Arm, folder: Path, start: Start) -> Iterator[str]:
    """Settings of the arm that the file says otherwise, or no more: what was promised was promised of these."""
    texts = [" ".join(start.argv)]
    for word in start.argv:
        path = folder / word
        if path.is_file():
            texts.append(path.read_text(encoding="utf-8"))
    for name, value in arm.settings.items():
        words = _words(bench, arm, name)
        if words and not any(_says(text, word, value) for text in texts for word in words):
            yield f"{name} is not {value} any more, as it was raced"


def _words(bench: Bench, arm: Arm, name: str) -> Sequence[str]:
    """What the server's own command calls a setting: the options whose value changes with it."""
    value = arm.settings[name]
    if not isinstance(value, int):
        return ()
    server, app = table.load(arm.server), bench.question.apps[arm.python]
    now = server.command(app, SHOWN_ADDRESS, arm.settings).argv
    other = server.command(app, SHOWN_ADDRESS, {**arm.settings, name: value + 1}).argv
    changed = [now[at - 1] for at in range(1, min(len(now), len(other))) if now[at] != other[at] and now[at] == str(value)]
    return [word.lstrip("-") for word in changed]


def _says(text: str, word: str, value: object) -> bool:
    spelled = re.sub(r"[-_]", "[-_]", word)
    return re.search(rf"(?<![\w-])(?:--)?{spelled}(?:\s*=\s*|\s+){re.escape(str(value))}(?!\d)", text) is not None
