"""Samples of a finalist's Python functions under full load, by py-spy, on a separate launch."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from whichworker.bench.running import Bench, running
from whichworker.bench.window import WARM_UP_SECONDS, load_of
from whichworker.environments.installer import uv_path
from whichworker.environments.variables import for_builds
from whichworker.errors import GeneratorFailed, ServerFailed, UsageError
from whichworker.load.generator import Generator
from whichworker.model import Arm, Question, Subject, codes
from whichworker.process import scratch
from whichworker.servers import launchers
from whichworker.store.records import Noted, Profiled

TOOL = "py-spy>=0.4"
SECONDS, RATE = 3, 100  # 300 samples a thread: shares are known to a few percent
PATIENCE_SECONDS = 120.0  # for installing py-spy, and for its end
SHOWN = 10  # functions: the others have few samples
LOOP_LAG = Path(str(launchers.__file__)).parent / "loop_lag.py"
LINE = re.compile(r"(.*) (\d+)")  # a line of py-spy's raw format: stack, samples


def profile(bench: Bench, generator: Generator, name: str, connections: int) -> Profiled | Noted:
    """Samples of one arm; a finding if there are none, as when the kernel forbids tracing."""
    seen: list[Counter[str]] = []
    refused: list[str] = []
    arm = bench.question.arm(name)
    with scratch.folder() as folder:
        bench = _listening(bench, arm, folder)
        try:
            with running(bench, arm) as run:

                def on_window(opens_ns: int, closes_ns: int) -> None:
                    for option in ((), ("--gil",)):
                        found, said = _record(run.launch.pids()[0], option)
                        seen.append(found)
                        refused.extend([said] if said else [])

                load = load_of(bench, run, connections, 2.0 * SECONDS + 2.0, settle=WARM_UP_SECONDS)
                generator.run(load, on_window)
                lag = _lag(folder)
        except (ServerFailed, GeneratorFailed) as error:
            return _missing(name, error.fact)
        except (subprocess.TimeoutExpired, IndexError):
            return _missing(name, "py-spy did not end in time, or the server did before it")
    if refused or not seen[0]:
        return _missing(name, refused[0] if refused else "no thread was at work")
    return Profiled(
        arm=name,
        samples=seen[0].total(),
        functions=shares(seen[0]),
        lock_share=min(1.0, seen[1].total() / seen[0].total()),
        loop_lag_seconds=lag,
    )


def _listening(bench: Bench, arm: Arm, folder: Path) -> Bench:
    """The same bench; an ASGI arm gets a wrapper that notes how late the event loop is."""
    app = bench.question.apps[arm.python]
    if arm.interface != "asgi" or app.asgi is None:
        return bench
    told = {
        **app.environment,
        "WHICHWORKER_WRAPS": app.asgi,
        "WHICHWORKER_LAG": str(folder / "lag"),
    }
    around = msgspec.structs.replace(
        app,
        asgi=f"{LOOP_LAG.stem}:application",
        environment=told,
        paths=(*app.paths, str(LOOP_LAG.parent)),
    )
    before = bench.question
    alone = Question(
        subject=Subject(apps={arm.python: around}, workload=before.workload),
        terms=before.terms,
        arms=(arm,),
        budget=before.budget,
    )
    return Bench(alone, bench.environments, bench.folder, bench.cache, bench.services)


def _lag(folder: Path) -> tuple[float, float] | None:
    """p50 and p99 of the process whose loop was latest; None if no process noted anything."""
    told = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("lag.*")]
    worst = max(told, key=lambda one: one["p99"], default=None)
    return (worst["p50"], worst["p99"]) if worst else None


def fetch_tool() -> None:
    """Install py-spy before anything runs; raises UsageError if that fails."""
    run = subprocess.run(
        [*_command(), "--version"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE_SECONDS,
        check=False,
        env=for_builds(os.environ),
    )
    if run.returncode:
        raise UsageError(
            "py-spy cannot be installed, so there is no profiler",
            seen=run.stderr[-500:],
            hint="leave --profile out",
        )


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """The innermost functions with the most samples, and their share of all."""
    whole = sum(counts.values())
    most = sorted(counts, key=lambda function: (-counts[function], function))[:SHOWN]
    return {function: counts[function] / whole for function in most}


def innermost(raw: str) -> Counter[str]:
    """Samples by innermost function, from py-spy's lines `outer;inner (file.py:12) 34`."""
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        if match := LINE.fullmatch(line.strip()):
            leaf = match[1].rpartition(";")[2]
            found[re.sub(r"\(.*?([^/()]+):\d+\)", r"(\1)", leaf).strip()] += int(match[2])
    return found


def _record(pid: int, options: tuple[str, ...]) -> tuple[Counter[str], str]:
    with scratch.folder() as folder:
        file = folder / "stacks"
        argv = [
            *_command(),
            "record",
            "--pid",
            str(pid),
            "--subprocesses",
            "--duration",
            str(SECONDS),
            "--rate",
            str(RATE),
            *options,
        ]
        argv += ["--format", "raw", "--output", str(file)]
        run = subprocess.run(
            argv,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE_SECONDS,
            check=False,
            env={**for_builds(os.environ), "NO_COLOR": "1"},
        )
        if not file.exists():
            last = [line for line in run.stderr.splitlines() if line.strip()][-1:]
            return Counter(), last[0] if last else f"py-spy ended with exit status {run.returncode}"
        return innermost(file.read_text(encoding="utf-8", errors="replace")), ""


def _command() -> tuple[str, ...]:
    return (uv_path(), "tool", "run", "--quiet", "--from", TOOL, "py-spy")


def _missing(name: str, why: str) -> Noted:
    text = f"{name} could not be profiled: {why}"
    return Noted(finding=codes.PROFILE_MISSING.finding(text, arm=name))
