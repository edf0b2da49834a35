"""Fuzzes the response parsers and the readers of foreign files: `python -m tests.fuzz.run SECONDS`.

SECONDS are for each target, two run at a time; names of targets after it choose some. Adds a line
for each to RESULTS.md. Every fuzzer must first find a planted bug: one that does not proves nothing
about other bugs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.readers import LONG, TARGETS
from tests.load.test_framing import GIVEN, REFUSED

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build/fuzz"
CORPUS, SEEDS = HERE / "corpus", HERE / "seeds"
RESULTS = HERE / "RESULTS.md"
AT_ONCE = 2
PLANT_SECONDS = 60  # the planted bug takes a few
MOST_BYTES, MOST_BYTES_LONG = 2048, 16_000  # of an input; longer ones slow the fuzzer down
MOST_SEED_BYTES = 2000
MOST_MEGABYTES = 2048  # of the fuzzer's memory: a reader that needs more has a fault
NATIVE = [str(ROOT / "src/native" / name) for name in ("parser.c", "bytes.c")]


class Target(NamedTuple):
    """A fuzzer with and without the planted bug; `corpus` grows, and is kept if it is in git."""

    name: str
    fuzzer: str
    sound: list[str]
    planted: list[str]
    corpus: Path
    most_bytes: int = MOST_BYTES
    first: tuple[bytes, ...] = (b"\0HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",)
    """The inputs with which the search for the planted bug begins."""


class Run(NamedTuple):
    """What a fuzzer did: inputs executed, features of the code they reached, and a find."""

    executions: int
    features: int
    broken: bool


def seeds() -> Iterator[bytes]:
    """Hand-written responses, with the byte that decides their splits."""
    for _, method, data, *_ in GIVEN:
        yield bytes([int(method == "HEAD")]) + data
        yield bytes([0x20 + int(method == "HEAD"), 20, 30]) + data
    for _, data in REFUSED:
        if len(data) < MOST_SEED_BYTES:
            yield b"\0" + data


def build_native(name: str, *flags: str) -> list[str]:
    """Compile the harness in C; raises CalledProcessError where clang is missing or fails."""
    target = BUILD / name
    sanitize = "-fsanitize=fuzzer,address,undefined"
    argv = [
        "clang",
        "-g",
        "-O1",
        "-D_GNU_SOURCE",
        sanitize,
        "-fno-sanitize-recover=all",
        *flags,
        f"-I{ROOT / 'src/native'}",
    ]
    subprocess.run([*argv, str(HERE / "fuzz_parser.c"), *NATIVE, "-o", str(target)], check=True)
    return [str(target)]


def build_python() -> Path:
    """The interpreter of an environment with atheris; raises CalledProcessError."""
    python = BUILD / "venv/bin/python"
    uv = str(Path(sys.executable).parent / "uv")
    if not python.exists():
        argv = [uv, "venv", "--quiet", "--python", sys.executable, str(BUILD / "venv")]
        subprocess.run(argv, check=True)
    argv = [uv, "pip", "install", "--quiet", "--python", str(python), "atheris>=2.3"]
    subprocess.run([*argv, "--requirements", str(ROOT / "pyproject.toml")], check=True)
    return python


def starter(name: str, words: str) -> list[str]:
    """A program: to minimise a corpus, atheris starts itself again by argv[0]."""
    program = BUILD / f"start-{name}"
    program.write_text(f'#!/bin/sh\nexec {words} {program} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return [str(program)]


def native_target() -> Target:
    """The parser in C; raises CalledProcessError if it cannot be built."""
    planted = build_native("planted", "-DPLANTED_BUG")
    return Target("native", "libFuzzer", build_native("sound"), planted, CORPUS / "native")


def python_targets(python: Path) -> Iterator[Target]:
    """The parser in Python, and the readers of foreign files."""
    start = starter("python", f"{python} {HERE / 'fuzz_framing.py'}")
    yield Target("python", "atheris", start, start, CORPUS / "python")
    for name in TARGETS:
        start = starter(name, f"{python} -m tests.fuzz.fuzz_readers {name}")
        own = sorted((SEEDS / name).iterdir())
        corpus = BUILD / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        for seed in own:
            shutil.copy(seed, corpus)
        first = tuple(seed.read_bytes() for seed in own)
        most = MOST_BYTES_LONG if name in LONG else MOST_BYTES
        yield Target(name, "atheris", start, start, corpus, most, first)


def fuzz(target: Target, argv: list[str], corpus: Path, seconds: int, **variables: str) -> Run:
    """Run a fuzzer on a corpus."""
    flags = [
        f"-max_total_time={seconds}",
        f"-max_len={target.most_bytes}",
        "-timeout=60",  # seconds; a busy machine is no find
        f"-rss_limit_mb={MOST_MEGABYTES}",
        "-print_final_stats=1",
        f"-artifact_prefix={BUILD}/{target.name}-",
    ]
    if target.corpus.parent == CORPUS:
        flags.append(f"-dict={HERE / 'http.dict'}")
    done = subprocess.run(
        [*argv, *flags, str(corpus)],
        capture_output=True,
        text=True,
        env={**_variables(), **variables},
        cwd=ROOT,
        check=False,
        errors="replace",
    )
    if done.returncode and not variables:
        print(done.stderr[-3000:], file=sys.stderr)
    counts = re.findall(r"number_of_executed_units:\s+(\d+)|^#(\d+)", done.stderr, re.MULTILINE)
    features = re.findall(r" ft: (\d+)", done.stderr)
    executions = max((int(one or other) for one, other in counts), default=0)
    return Run(executions, int(features[-1]) if features else 0, done.returncode != 0)


def _variables() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}


def minimise(argv: list[str], corpus: Path) -> None:
    """Keep the smallest inputs that reach everything the corpus reaches."""
    with tempfile.TemporaryDirectory() as small:
        subprocess.run(
            [*argv, "-merge=1", small, str(corpus)],
            check=True,
            capture_output=True,
            env=_variables(),
        )
        shutil.rmtree(corpus)
        shutil.copytree(small, corpus)


def note(target: Target, seconds: int, run: Run, findings: str) -> None:
    """Add a line to the table."""
    with RESULTS.open("a", encoding="utf-8") as lines:
        lines.write(
            f"| {datetime.now(UTC):%Y-%m-%d} | {target.name} | {target.fuzzer} | {seconds} "
            f"| {run.executions} | {run.features} | {findings} |\n"
        )


def campaign(target: Target, seconds: int) -> bool:
    """Find the planted bug, then look for others; true when there was none."""
    target.corpus.mkdir(parents=True, exist_ok=True)
    if not any(target.corpus.iterdir()):
        for number, seed in enumerate(seeds()):
            (target.corpus / f"seed-{number:03}").write_bytes(seed)
    with tempfile.TemporaryDirectory() as empty:
        for number, data in enumerate(target.first):
            (Path(empty) / str(number)).write_bytes(data)
        plant = fuzz(target, target.planted, Path(empty), PLANT_SECONDS, PLANTED_BUG="1")
    note(target, PLANT_SECONDS, plant, "planted: found" if plant.broken else "planted: NOT found")
    run = fuzz(target, target.sound, target.corpus, seconds)
    note(target, seconds, run, "FOUND, see build/fuzz" if run.broken else "none")
    if not run.broken and target.corpus.parent == CORPUS:
        minimise(target.sound, target.corpus)
    return plant.broken and not run.broken


def main(seconds: int, names: list[str]) -> int:
    """Fuzz the named targets, or all of them; the exit status."""
    BUILD.mkdir(parents=True, exist_ok=True)
    targets = [one for one in python_targets(build_python()) if not names or one.name in names]
    complete = True
    if not names or "native" in names:
        if shutil.which("clang"):
            targets.insert(0, native_target())
        else:
            complete = False
            hint = "hint: apt install clang libclang-rt-dev"
            print(f"clang is not there, so the native parser is left out; {hint}", file=sys.stderr)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(campaign, target, seconds) for target in targets]
        good = [one.result() for one in as_completed(running)]
    return 0 if complete and all(good) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
