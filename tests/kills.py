"""Random kills of long commands and of each kind of their processes; `make storm` writes the table.

A kill hits with everything alive at once, or at any moment. Afterwards nothing may be left: no
process, no lock, no temporary folder; and the journal can be read again, or one line says why not.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.conftest import processes_with
from tests.origin import serving
from tests.storm import Process, process, state_of
from whichworker.process import warden

TOOL = (sys.executable, "-m", "whichworker")
ANYWHERE = (
    "from whichworker.bench import slices; slices.MOST_FOREIGN = 9.0;"
    " from whichworker.__main__ import main; main()"
)
"""The tool that also ranks on a busy machine: what it prepares is no measurement."""
MARK = "WHICHWORKER_STORM"
GONE_SECONDS, LAST_SECONDS = 10.0, 40.0  # for what is killed, and for a tool told to end
HUNT_SECONDS = 60.0  # `serve` never ends by itself, and its import may be over
AT_ONCE = 4  # commands; most of the time they wait
CODES = {0, 1, 2, 3, 130}
ARMS = ("--servers", "gunicorn-sync,waitress")
RACE = ("race", "app:application", *ARMS)
APP = """
import time
time.sleep(0.3)  # an import that can be hit

def application(environ, start_response):
    body = b"x" * 2000
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


class Command(NamedTuple):
    """A long command, the processes it has, and the words that use what it left, if any."""

    words: tuple[str, ...]
    has: tuple[str, ...]
    after: tuple[tuple[str, ...], ...] = ()


RACED = ("warden", "server", "generator", "thermometer")
RESUMED = (("advise",), ("race", "--resume", "latest", "--time", "2s"))
COMMANDS = {
    "race": Command((*RACE, "--time", "8s"), (*RACED, "importer"), RESUMED),
    "race --rate": Command(
        (*RACE, "--time", "20s", "--rate", "50/s", "--slo", "p99<500ms"),
        (*RACED, "importer"),
        RESUMED,
    ),
    "load": Command(("load", "{origin}", "--time", "8s"), ("generator",)),
    "advise --verify": Command(
        ("advise", "--verify"), ("warden", "server", "generator"), (("advise",),)
    ),
    "explain": Command(
        ("explain", "sync", "waitress", "--quick"), ("warden", "server", "generator")
    ),
    "study": Command(
        ("study", "sync-or-async", "--quick", "--servers", "gunicorn-gthread", "--time", "30s"),
        ("warden", "server", "generator"),
        (("study", "sync-or-async", "--resume", "latest", "--time", "2s"),),
    ),
    "serve": Command(
        ("serve", "app:application", "--servers", "waitress,waitress[threads=2]"),
        ("warden", "server", "importer"),
    ),
    "preflight": Command(
        ("preflight", "app:application", "--servers", "waitress,gunicorn-sync"),
        ("warden", "server", "importer", "broom"),
    ),
    "init": Command(("init", "app:application", "--force"), ("importer", "broom")),
}
ENDS = ("tool KILL", "tool TERM", "tool INT")


class Kill(NamedTuple):
    """One kill: the command, the victim, and whether everything must be alive."""

    command: str
    victim: str
    all_alive: bool


class Damage(NamedTuple):
    """What came of a kill: whether the victim was found in time, and all complaints."""

    kill: Kill
    hit: bool
    complaints: list[str]


def forecast(seed: int, count: int) -> list[Kill]:
    """Kills in random order: every victim of every command once before any comes twice."""
    weather, kills = random.Random(seed), list[Kill]()
    while len(kills) < count:
        every = [
            Kill(name, victim, weather.random() < 0.7)
            for name, command in COMMANDS.items()
            for victim in (*ENDS, *command.has)
        ]
        weather.shuffle(every)
        kills += every
    return kills[:count]


def kind_of(pid: int, tool: int) -> str:
    """What a process of the tool is, by its command line."""
    try:
        argv = warden.read_small(f"/proc/{pid}/cmdline").split(b"\0")
    except OSError:
        return ""
    for mark, kind in (
        (b"warden.py", "warden"),
        (b"broom.py", "broom"),
        (b"whichworker.load.child", "generator"),
        (b"whichworker.probes.thermometer", "thermometer"),
    ):
        if any(word.endswith(mark) for word in argv):
            return kind
    if pid == tool:
        return "tool"
    return "importer" if any(b"WHICHWORKER_OUTBOUND" in word for word in argv) else "server"


def alive(tool: int) -> dict[str, list[int]]:
    """The living processes of a tool by kind, itself included."""
    found: dict[str, list[int]] = {}
    for pid in (tool, *warden.descendants(tool)):
        found.setdefault(kind_of(pid, tool), []).append(pid)
    return found


class Shelter(NamedTuple):
    """The folders of the storm: a project, its state with a race to advise on, and a cache."""

    folder: Path
    origin: str

    @property
    def project(self) -> Path:
        """The app under test, and the files of its deployment."""
        return self.folder / "project"

    def environment(self, own: Path) -> dict[str, str]:
        """The variables of a command with its own state, and of every process it starts."""
        return {
            **os.environ,
            MARK: str(own),
            "TMPDIR": str(own / "tmp"),
            "WHICHWORKER_STATE": str(own / "state"),
            "WHICHWORKER_CACHE": str(self.folder / "cache"),
        }

    def project_of(self, command: str, own: Path) -> Path:
        """The prepared project, with its run, for what verifies it; else a copy for the command."""
        if command.startswith("advise"):
            shutil.copytree(self.folder / "first/state", own / "state")
            return self.project
        (own / "project").mkdir()
        return Path(shutil.copy(self.project / "app.py", own / "project")).parent

    def run(
        self, own: Path, project: Path, words: Sequence[str], tool: Sequence[str] = TOOL
    ) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        return subprocess.run(
            [*tool, *words],
            cwd=project,
            env=self.environment(own),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@contextmanager
def shelter(commands: Sequence[str]) -> Iterator[Shelter]:
    """Folders with short paths, every environment built, and a race whose files can be verified."""
    with tempfile.TemporaryDirectory(prefix="ww-") as name, serving() as origin:
        found = Shelter(Path(name), origin.url)
        found.project.mkdir()
        (found.project / "app.py").write_text(APP)
        first = found.folder / "first"
        (first / "tmp").mkdir(parents=True)
        for words in preparations(commands):
            done = found.run(first, found.project, words, (sys.executable, "-c", ANYWHERE))
            assert done.returncode in (0, 3), (words, done.stdout, done.stderr)
        assert (found.project / "deploy").is_dir(), "the race had no advice"
        yield found


def preparations(commands: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """What builds the environments, and the files to verify."""
    yield ("race", "app:application", *ARMS, "--time", "40s", "--emit", "gunicorn")
    if "explain" in commands:
        yield ("explain", "waitress", "--quick")
    if "study" in commands:
        study = ("study", "sync-or-async", "--quick", "--servers", "gunicorn-gthread")
        yield (*study, "--time", "5s")


def strike(shelter: Shelter, number: int, kill: Kill, weather: random.Random) -> Damage:
    """Start a command, kill its victim, and say all that is not as it should be afterwards."""
    own = shelter.folder / str(number)
    (own / "tmp").mkdir(parents=True)
    command, project = COMMANDS[kill.command], shelter.project_of(kill.command, own)
    words = [word.format(origin=shelter.origin) for word in command.words]
    said = own / "said"
    with (
        said.open("wb") as file,
        subprocess.Popen(
            [*TOOL, *words],
            cwd=project,
            env=shelter.environment(own),
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as tool,
    ):
        try:
            met: set[Process] = set()
            hit = hunt(tool, kill, command, weather, met)
            complaints = end(tool, kill, weather, met)
        finally:
            tool.kill()
    text = said.read_text(errors="replace")
    if hit or not kill.victim.startswith("tool"):
        complaints += faults_in(text)
    complaints += aftermath(own, met)
    if hit and command.after:
        complaints += usable(shelter, own, project, weather.choice(command.after))
    shutil.rmtree(own)
    return Damage(kill, hit, complaints)


def hunt(
    tool: subprocess.Popen[bytes],
    kill: Kill,
    command: Command,
    weather: random.Random,
    met: set[Process],
) -> bool:
    """Wait for the moment and kill; whether the victim was there before the command ended."""
    role, _, number = kill.victim.partition(" ")
    others = set(command.has) - {"importer", "broom"} or {"broom"}
    wanted = {role} | (others if kill.all_alive else set())
    if role in ("importer", "broom"):
        wanted = {role}
    pause = weather.uniform(0.0, 2.0) if kill.all_alive else weather.uniform(0.0, 4.0)
    pause = weather.uniform(0.0, 0.3) if role in ("importer", "broom") else pause
    due: float | None = None if kill.all_alive else time.monotonic() + pause
    ends = time.monotonic() + HUNT_SECONDS
    while tool.poll() is None and time.monotonic() < ends:
        found = alive(tool.pid)
        met |= {known for pids in found.values() for pid in pids if (known := process(pid))}
        if wanted <= set(found):
            due = time.monotonic() + pause if due is None else due
            if time.monotonic() >= due and found.get(role):
                sent = signal.Signals[f"SIG{number}"] if number else signal.SIGKILL
                try:
                    os.kill(weather.choice(found[role]), sent)
                except ProcessLookupError:
                    continue
                return True
        time.sleep(0.01)
    return False


def end(
    tool: subprocess.Popen[bytes], kill: Kill, weather: random.Random, met: set[Process]
) -> list[str]:
    """Let the tool go on for a moment, then interrupt it; its exit code must be a known one."""
    deadline = time.monotonic() + weather.uniform(0.5, 3.0)
    if not kill.victim.startswith("tool"):
        while tool.poll() is None and time.monotonic() < deadline:
            found = alive(tool.pid)
            met |= {known for pids in found.values() for pid in pids if (known := process(pid))}
            time.sleep(0.05)
        if tool.poll() is None:
            tool.send_signal(signal.SIGINT)
    try:
        code = tool.wait(LAST_SECONDS)
    except subprocess.TimeoutExpired:
        return [f"the tool still runs after {LAST_SECONDS:g} s"]
    if kill.victim == "tool KILL":
        return []
    in_command = kill.victim.startswith("tool") and kill.all_alive
    if code in (-signal.SIGINT, -signal.SIGTERM) and not in_command:
        return []  # Python itself was starting or ending
    return [] if code in CODES else [f"exit code {code}"]


def faults_in(text: str) -> list[str]:
    """Complaints about what a command wrote; a traceback of Python's own start is not ours."""
    ours = "Traceback" in text and "/whichworker/" in text.partition("Traceback")[2]
    if ours or "fault of whichworker" in text or "Exception ignored" in text:
        return [f"it wrote: {text[-600:]}"]
    return []


def aftermath(own: Path, met: set[Process]) -> list[str]:
    """What is left a moment later: processes, temporary folders, locks."""
    deadline = time.monotonic() + GONE_SECONDS
    while (found := remains(own, met)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def remains(own: Path, met: set[Process]) -> list[str]:
    """Everything of a command that should not be there any more."""
    left = {known.pid for known in met if process(known.pid) == known}
    found = [
        f"process {pid} is left, {state_of(pid)}"
        for pid in left | set(processes_with(f"{MARK}={own}"))
    ]
    found += [f"{path.name} is left in TMPDIR" for path in (own / "tmp").iterdir()]
    found += [f"{path} is left" for path in (own / "state").rglob("*.tmp")]
    for path in (own / "state").rglob("journal.jsonl"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(f"{path} is locked")
    return found


def usable(shelter: Shelter, own: Path, project: Path, words: Sequence[str]) -> list[str]:
    """The next command works, or says in one line why it does not."""
    done = shelter.run(own, project, words)
    if done.returncode in (0, 3):
        return faults_in(done.stderr)
    last = [line for line in done.stderr.splitlines() if line.startswith("whichworker: ")]
    if done.returncode != 2 or len(last) != 1 or faults_in(done.stderr):
        return [f"then {' '.join(words)} ended with {done.returncode}: {done.stderr[-600:]}"]
    return []


def blow(seed: int, count: int) -> list[Damage]:
    """Kill so many times; what came of each."""
    kills = forecast(seed, count)
    with shelter([kill.command for kill in kills]) as found, ThreadPoolExecutor(AT_ONCE) as pool:

        def one(number: int) -> Damage:
            damage = strike(found, number, kills[number], random.Random(f"{seed} {number}"))
            print(number, *damage.kill, "hit" if damage.hit else "ended before", flush=True)
            for complaint in damage.complaints:
                print(f"    {complaint}", flush=True)
            return damage

        return list(pool.map(one, range(len(kills))))


def table(damages: Sequence[Damage], seconds: float) -> str:
    """The counts by command and victim, in Markdown, and every complaint."""
    victims = list(dict.fromkeys([*ENDS, *(one.kill.victim for one in damages)]))
    lines = [
        "# What random kills left",
        "",
        f"Written by `make storm KILLS={len(damages)}`, on {time.strftime('%Y-%m-%d')}.",
        f"It took {seconds / 60:.0f} minutes, with {AT_ONCE} commands at a time.",
        "A cell is the number of kills; `-` is a process that the command does not have.",
        "",
        f"| command | {' | '.join(victims)} | left something |",
        f"|---|{'---:|' * (len(victims) + 1)}",
    ]
    for name, command in COMMANDS.items():
        row = [one for one in damages if one.kill.command == name]
        cells = [
            str(sum(one.hit for one in row if one.kill.victim == victim))
            if victim in (*ENDS, *command.has)
            else "-"
            for victim in victims
        ]
        bad = sum(bool(one.complaints) for one in row)
        lines.append(f"| {name} | {' | '.join(cells)} | {bad} |")
    missed = sum(not one.hit for one in damages)
    everything = sum(one.hit and one.kill.all_alive for one in damages)
    lines += [
        "",
        f"Kills: {sum(one.hit for one in damages)}, {everything} of them with everything alive.",
        f"Cases in which the command ended before its victim was there: {missed}.",
    ]
    for one in damages:
        lines += [f"- {one.kill.command}, {one.kill.victim}: {text}" for text in one.complaints]
    return "\n".join(lines) + "\n"


def main() -> None:
    """The storm: how many kills, and a seed."""
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    began = time.monotonic()
    damages = blow(seed, count)
    text = table(damages, time.monotonic() - began)
    (Path(__file__).parent / "RESULTS-storm.md").write_text(text)
    print(text)
    sys.exit(any(one.complaints for one in damages))


if __name__ == "__main__":
    main()
