"""A storm of launches, each ended in some way with a request in flight; checks after each end."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.conftest import processes_with
from whichworker.bench import overlays
from whichworker.bench.running import Bench
from whichworker.config.options import RaceOptions
from whichworker.process.launch import LAUNCH_VARIABLE
from whichworker.process.sockets import is_listening
from whichworker.question.ask import ask, discover
from whichworker.servers import table
from whichworker.store import places

ENDS = (
    "stop",
    "term-master",
    "kill-master",
    "kill-worker",
    "kill-warden",
    "kill-tool",
    "term-tool",
)
GONE_SECONDS = 5.0  # a busy machine takes a moment to reap
IN_FLIGHT = b"GET /conformance/slow?seconds=2 HTTP/1.1\r\nHost: localhost\r\n\r\n"

HOLDER = """
import json, sys
from pathlib import Path
import msgspec
from whichworker.bench.running import Bench, running
from whichworker.model import Environment, Question
from whichworker.process.launch import children

plan, name = Path(sys.argv[1]).read_bytes(), sys.argv[2]
parts = tuple[Question, dict[str, Environment], str, str]
question, environments, folder, cache = msgspec.json.decode(plan, type=parts)
with running(Bench(question, environments, Path(folder), Path(cache)), question.arm(name)) as run:
    launch = run.launch
    found = {"token": launch.token, "warden": launch._warden.pid, "root": launch.root}
    found |= {"pids": launch.pids(), "port": run.address.port}
    found |= {"temporary": launch.order.temporary, "mode": launch.mode}
    print(json.dumps(found), flush=True)
    sys.stdin.readline()
findings = [finding.code for finding in run.findings]
print(json.dumps({"findings": findings, "children": children()}), flush=True)
"""


class Gust(NamedTuple):
    """One launch: which server, and how it ends."""

    server: str
    end: str


class Process(NamedTuple):
    """A process, unlike a later one with its number: its begin is in ticks since boot."""

    pid: int
    began: int


def forecast(seed: int, count: int) -> list[Gust]:
    """Launches in random order; every server in every way once before any way comes twice."""
    weather = random.Random(seed)
    gusts: list[Gust] = []
    while len(gusts) < count:
        every = [Gust(server, end) for server in table.CONTENDERS for end in ENDS]
        weather.shuffle(every)
        gusts += every
    return gusts[:count]


def shelter(folder: Path) -> Bench:
    """A bench with the environments of all contenders on the built-in Django project."""
    options = RaceOptions(servers=",".join(table.CONTENDERS), workload="json", seed=1)
    question = discover(ask("builtin:django", options, Path.cwd(), places.cache_folder())).question
    environments, without = overlays.build(question, places.cache_folder(), lambda _: None)
    assert not without, without
    return Bench(question, environments, folder, places.cache_folder())


def blow(bench: Bench, gust: Gust, weather: random.Random) -> list[str]:
    """Launch, ask, end it, and say all that is not as it should be afterwards."""
    plan, temporary = bench.folder / "plan.json", bench.folder / "tmp"
    plan.write_bytes(
        msgspec.json.encode(
            (bench.question, bench.environments, str(bench.folder), str(bench.cache))
        )
    )
    temporary.mkdir(exist_ok=True)
    with tool_running(plan, gust.server, temporary) as (tool, seen):
        if not seen:
            return ["it did not start"]
        marked = processes_with(f"{LAUNCH_VARIABLE}={seen['token']}")
        everyone = {
            known
            for pid in (seen["warden"], seen["root"], *seen["pids"], *marked)
            if (known := process(pid))
        }
        with socket.create_connection(("127.0.0.1", seen["port"])) as client:
            client.sendall(IN_FLIGHT)
            time.sleep(weather.uniform(0, 0.2))  # it ends at any moment of the request
            strike(gust.end, tool, seen, weather)
            complaints = [] if gust.end.endswith("-tool") else finish(tool, gust)
        tool.wait(30)
    return complaints + aftermath(seen, everyone, temporary)


@contextmanager
def tool_running(
    plan: Path, server: str, temporary: Path
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A tool with one launch, and its report of it; nothing if it does not start."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(plan), server],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as tool:
        assert tool.stdout is not None
        try:
            line = tool.stdout.readline()
            yield tool, json.loads(line) if line else {}
        finally:
            tool.kill()


def strike(
    end: str, tool: subprocess.Popen[str], seen: dict[str, Any], weather: random.Random
) -> None:
    """Send the signal of this end; `stop` sends none."""
    what, _, whom = end.partition("-")
    master, *workers = seen["pids"]
    victims = {
        "tool": tool.pid,
        "warden": seen["warden"],
        "master": master,
        "worker": weather.choice(workers or [master]),
    }
    if whom:
        os.kill(victims[whom], signal.SIGTERM if what == "term" else signal.SIGKILL)


def finish(tool: subprocess.Popen[str], gust: Gust) -> list[str]:
    """Let a living tool end its launch; it must end well, without any child, alive or dead."""
    assert tool.stdin is not None
    assert tool.stdout is not None
    tool.stdin.write("\n")
    tool.stdin.flush()
    line = tool.stdout.readline()
    if not line:
        return [f"the tool ended with status {tool.wait(30)}"]
    last = json.loads(line)
    complaints = [f"finding {code}" for code in last["findings"] if code == "port-kept"]
    return complaints + (
        [f"the tool still has children: {last['children']}"] if last["children"] else []
    )


def aftermath(seen: dict[str, Any], everyone: set[Process], temporary: Path) -> list[str]:
    """The remains of a launch a moment later: processes, zombies, its port, temporary files."""
    mark, deadline = f"{LAUNCH_VARIABLE}={seen['token']}", time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline and remains(mark, everyone, Path(seen["temporary"])):
        time.sleep(0.01)
    complaints = remains(mark, everyone, Path(seen["temporary"]))
    if is_listening(seen["port"]):
        complaints.append(f"port {seen['port']} is kept")
    return complaints + [f"left in the tool's TMPDIR: {path.name}" for path in temporary.iterdir()]


def remains(mark: str, everyone: set[Process], folder: Path) -> list[str]:
    """Processes and folders that should not be any more."""
    found = [
        f"process {known.pid} is left, {state_of(known.pid)}"
        for known in everyone
        if process(known.pid) == known
    ]
    found += [f"process {pid} is left with the mark" for pid in processes_with(mark)]
    return found + ([f"{folder.name} is left"] if folder.exists() else [])


def process(pid: int) -> Process | None:
    """A process, alive or dead but not reaped; None when it is gone."""
    try:
        return Process(
            pid, int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
        )
    except OSError:
        return None


def state_of(pid: int) -> str:
    """Its name, state and parent, for a complaint."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return "gone by now"
    name, _, rest = text.partition(" (")[2].rpartition(")")
    return f"{name} {' '.join(rest.split()[:2])}"
