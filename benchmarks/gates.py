"""Gates with planted changes: is a slower view found, and does an unchanged one pass?

    python -m benchmarks.gates [slower|same|live ...] [--runs 20] [--neighbour 0.3]

`slower` is a gate of 5 % against a version whose view does 10 % less work, `same` one against a
version with the same code; both run `whichworker gate` as a CI job does. `live` compares a setup
with itself, by turns without the live page and with the page open in a browser. Rows are added to
benchmarks/gates.jsonl; `python -m benchmarks.gates --table` writes RESULTS-gates.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.neighbour import beside
from benchmarks.series import Series
from tests.versus.test_revisions import git

SECONDS, LONGEST = 150, 240.0
WORK, MORE = 300_000, 338_000
"""Loops of the view, about 5 ms, and of one that does about 10 % fewer requests per second."""
APP = """def application(environ, start_response):
    total = sum(range({work}))
    body = b"x"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "1")])
    return [body]
"""
EXPECTED = {"slower": 1, "same": 0, "alone": 0, "live": 0}
TITLES = {
    "slower": "a view with 10 % fewer requests/s: exit code 1",
    "same": "nothing changed: exit code 0",
    "alone": "a setup and itself, without the page: no claim",
    "live": "a setup and itself, with the page open in a browser: no claim",
}


def shop(folder: Path, before: int, after: int) -> Path:
    """A project in git: the commit `base`, and the folder as it is now."""
    place = folder / "shop"
    place.mkdir()
    (place / "wsgi.py").write_text(APP.format(work=before))
    git(place, "init", "--quiet", "--initial-branch", "main")
    git(place, "add", ".")
    git(place, "commit", "--quiet", "-m", "base")
    git(place, "tag", "base")
    (place / "wsgi.py").write_text(APP.format(work=after) + f"# {after}\n")
    return place


def gate(scenario: str, seed: int, share: float) -> dict[str, Any]:
    """One gate, as a CI job runs it."""
    with tempfile.TemporaryDirectory() as folder:
        place = shop(Path(folder), WORK, MORE if scenario == "slower" else WORK)
        asked = ("gate", "--against", "base", "--max-loss", "5%", "--time", f"{SECONDS}s")
        return _told(scenario, seed, share, place, asked)


def versus(scenario: str, seed: int, share: float) -> dict[str, Any]:
    """A setup and itself, without the page or with it in a browser."""
    with tempfile.TemporaryDirectory() as folder:
        place = shop(Path(folder), WORK, WORK)
        asked = ("versus", "--time", "60s", *(["--live"] if scenario == "live" else []))
        return _told(scenario, seed, share, place, asked, servers="gthread,gthread")


def _told(
    scenario: str,
    seed: int,
    share: float,
    place: Path,
    asked: Sequence[str],
    servers: str = "gthread",
) -> dict[str, Any]:
    command = [
        *(sys.executable, "-m", "whichworker", *asked),
        *("--servers", servers, "--url", "/", "--seed", str(seed), "--json", "-"),
    ]
    environment = {**os.environ, "WHICHWORKER_STATE": str(place.parent / "state")}
    began = time.monotonic()
    with (
        beside(share, LONGEST, seed),
        subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        _watched(process, wanted=scenario == "live"),
    ):
        out, _ = process.communicate(timeout=LONGEST)
    result = json.loads(out) if out.startswith("{") else {}
    speed: dict[str, Any] = next(iter(result.get("measures", [])), {})
    return {
        "scenario": scenario,
        "seed": seed,
        "neighbour": share,
        "code": process.returncode,
        "verdict": result.get("verdict", {}).get("state"),
        "ratio": speed.get("ratio"),
        "low": speed.get("low"),
        "high": speed.get("high"),
        "wall": round(time.monotonic() - began, 1),
    }


@contextmanager
def _watched(process: subprocess.Popen[str], *, wanted: bool) -> Iterator[None]:
    """The block, with the page of the process open in a browser, if wanted."""
    if not wanted:
        yield
        return
    assert process.stderr is not None
    address = None
    while address is None and (line := process.stderr.readline()):
        address = re.search(r"http://127\.0\.0\.1:\S+", line)
    assert address, "no address of the page"
    chromium = shutil.which("chromium")
    assert chromium, "no chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--remote-debugging-port=0"),
            *(f"--user-data-dir={profile}", address[0]),
        ]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            browser.terminate()
            browser.wait()


def measured(scenario: str, seed: int, share: float) -> Iterator[dict[str, Any]]:
    """One gate; or a comparison of a setup with itself, without the page and with it."""
    if scenario == "live":
        yield from (versus(one, seed, share) for one in ("alone", "live"))
    else:
        yield gate(scenario, seed, share)


def page(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The page: how often each answer was right, and how long it took."""
    yield from (
        "# Gates with planted changes",
        "",
        "`whichworker gate --max-loss 5%` and `versus` as a user runs them, made by",
        "`python -m benchmarks.gates`. Not decided is exit code 3.",
        "",
        "| planted | neighbour | runs | right | wrong | not decided | ratio | seconds in all |",
        "|---|---|---|---|---|---|---|---|",
    )
    groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["scenario"], row["neighbour"]), []).append(row)
    for (scenario, share), found in groups.items():
        claims = scenario in ("alone", "live")
        right = [row for row in found if _right(row, claims=claims)]
        open_ = [row for row in found if row["code"] == 3 and row not in right]
        ratios = [row["ratio"] for row in found if row["ratio"]]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}" if ratios else "–"
        walls = [row["wall"] for row in found]
        yield (
            f"| {TITLES[scenario]} | {share:.0%} | {len(found)} | {len(right)} "
            f"| {len(found) - len(right) - len(open_)} | {len(open_)} | {spread} "
            f"| {min(walls):.0f} to {max(walls):.0f}, median {statistics.median(walls):.0f} |"
        )


def _right(row: dict[str, Any], *, claims: bool) -> bool:
    """Whether the answer is the planted one; between a setup and itself, that there is no claim."""
    if claims:
        return row["verdict"] in ("alike", "undecided")
    return bool(row["code"] == EXPECTED[row["scenario"]])


if __name__ == "__main__":
    SERIES = Series(__doc__, ("slower", "same", "live"), 20, "gates", measured, page)
    SERIES.carry_out(sys.argv[1:])
