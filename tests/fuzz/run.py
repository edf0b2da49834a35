"""Fuzzes both response parsers, SECONDS each: `python -m tests.fuzz.run SECONDS`.

Adds a line for each to RESULTS.md. Every fuzzer must first find a planted bug: one that does not
proves nothing about other bugs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.load.test_framing import GIVEN, REFUSED

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build/fuzz"
CORPUS = HERE / "corpus"
RESULTS = HERE / "RESULTS.md"
PLANT_SECONDS = 60  # the planted bug takes a few
MOST_SEED_BYTES = 2000  # longer seeds slow the fuzzer down
NATIVE = [str(ROOT / "src/native" / name) for name in ("parser.c", "bytes.c")]
HEAD = """# What fuzzing found

Written by `make fuzz SECONDS=600`. "planted" is a bug put there on purpose: the executions until
it was found show the worth of the lines without a find.

| date | parser | fuzzer | seconds | executions | findings |
|---|---|---|---|---|---|
"""


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


def build_python() -> list[str]:
    """An environment with atheris in it; raises CalledProcessError where it cannot be had."""
    python = BUILD / "venv/bin/python"
    if not python.exists():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run(
            [uv, "venv", "--quiet", "--python", sys.executable, str(BUILD / "venv")], check=True
        )
        subprocess.run(
            [
                uv,
                "pip",
                "install",
                "--quiet",
                "--python",
                str(python),
                "atheris>=2.3",
                "msgspec>=0.19",
            ],
            check=True,
        )
    # To minimise a corpus, atheris starts itself again by argv[0], so that must be a program.
    starter = BUILD / "framing"
    starter.write_text(
        f'#!/bin/sh\nexec {python} {HERE / "fuzz_framing.py"} {starter} "$@"\n', encoding="utf-8"
    )
    starter.chmod(0o755)
    return [str(starter)]


def fuzz(
    argv: list[str], corpus: Path, seconds: int, environment: dict[str, str]
) -> tuple[int, bool]:
    """Run a fuzzer on a corpus: how many inputs it executed, and whether it found anything."""
    flags = [
        f"-max_total_time={seconds}",
        "-max_len=2048",
        "-timeout=10",
        "-print_final_stats=1",
        f"-dict={HERE / 'http.dict'}",
        f"-artifact_prefix={BUILD}/",
    ]
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment}
    done = subprocess.run(
        [*argv, *flags, str(corpus)],
        capture_output=True,
        text=True,
        env=variables,
        check=False,
        errors="replace",
    )
    counts = re.findall(r"number_of_executed_units:\s+(\d+)|^#(\d+)", done.stderr, re.MULTILINE)
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
    return max((int(one or other) for one, other in counts), default=0), done.returncode != 0


def minimise(argv: list[str], corpus: Path) -> None:
    """Keep the smallest inputs that reach everything the corpus reaches."""
    with tempfile.TemporaryDirectory() as small:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        subprocess.run(
            [*argv, "-merge=1", small, str(corpus)],
            check=True,
            capture_output=True,
            env=environment,
        )
        shutil.rmtree(corpus)
        shutil.copytree(small, corpus)


def note(parser: str, fuzzer: str, seconds: int, executions: int, findings: str) -> None:
    """Add a line to the table."""
    if not RESULTS.exists():
        RESULTS.write_text(HEAD, encoding="utf-8")
    with RESULTS.open("a", encoding="utf-8") as lines:
        lines.write(
            f"| {datetime.now(UTC):%Y-%m-%d} | {parser} | {fuzzer} | {seconds} "
            f"| {executions} | {findings} |\n"
        )


def campaign(parser: str, fuzzer: str, sound: list[str], planted: list[str], seconds: int) -> bool:
    """Find the planted bug, then look for others; true when there was none."""
    corpus = CORPUS / parser
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for number, seed in enumerate(seeds()):
            (corpus / f"seed-{number:03}").write_bytes(seed)
    with tempfile.TemporaryDirectory() as empty:
        (Path(empty) / "plain").write_bytes(b"\0HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        executions, found = fuzz(planted, Path(empty), PLANT_SECONDS, {"PLANTED_BUG": "1"})
    note(
        parser,
        fuzzer,
        PLANT_SECONDS,
        executions,
        "planted: found" if found else "planted: NOT found",
    )
    executions, broken = fuzz(sound, corpus, seconds, {})
    note(parser, fuzzer, seconds, executions, "FOUND, see build/fuzz" if broken else "none")
    if not broken:
        minimise(sound, corpus)
    return found and not broken


def main(seconds: int) -> int:
    """Fuzz both; the exit status."""
    BUILD.mkdir(parents=True, exist_ok=True)
    if shutil.which("clang") is None:
        print("clang is not there; hint: apt install clang libclang-rt-dev", file=sys.stderr)
        return 2
    good = campaign(
        "native",
        "libFuzzer",
        build_native("sound"),
        build_native("planted", "-DPLANTED_BUG"),
        seconds,
    )
    python = build_python()
    return 0 if campaign("python", "atheris", python, python, seconds) and good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
