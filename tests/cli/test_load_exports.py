"""`whichworker load --export` for a user: every format of a real load, and early errors."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.origin import Origin, serving

TOOL = [sys.executable, "-m", "whichworker", "load"]
VALID, INVALID = 0, 3


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving() as server:
        yield server


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOOL, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=folder
    )


@pytest.mark.parametrize("engine", ["epoll", "native"])
@pytest.mark.parametrize(
    "pace", [["--rate", "100/s", "--time", "1500ms"], ["--time", "1200ms"]], ids=["open", "closed"]
)
def test_every_format_of_a_real_load(
    origin: Origin, engine: str, pace: list[str], tmp_path: Path
) -> None:
    wanted = [
        f"--export={name}={name}.out"
        for name in ("prometheus", "influx", "k6", "locust", "grafana")
    ]
    done = run(
        f"{origin.url}/",
        *pace,
        "--connections",
        "4",
        "--engine",
        engine,
        "--json",
        "x.json",
        *wanted,
        folder=tmp_path,
    )
    assert done.returncode in (VALID, INVALID), done.stderr
    assert done.stderr.count("wrote ") == 8
    result = json.loads((tmp_path / "x.json").read_text())
    count = result["requests"]
    families = {
        family.name: family
        for family in text_string_to_metric_families((tmp_path / "prometheus.out").read_text())
    }
    assert families["whichworker_load_right_answers"].samples[0].value == count
    assert json.loads((tmp_path / "k6.out").read_text())["metrics"]["http_reqs"]["count"] == count
    with (tmp_path / "locust.out_stats.csv").open(newline="") as file:
        assert [int(row["Request Count"]) for row in csv.DictReader(file)] == [count, count]
    assert json.loads((tmp_path / "grafana.out").read_text())["panels"]
    if (
        done.returncode == VALID
    ):  # a busy machine makes a load invalid, and then there are counts only
        seconds = [
            line
            for line in (tmp_path / "influx.out").read_text().splitlines()
            if line.startswith("http_reqs,")
        ]
        assert sum(float(line.partition(" value=")[2].split()[0]) for line in seconds) == count
        assert len(seconds) == 2
        main = "response" if result["question"]["arrivals"] else "service"
        family = f"whichworker_load_{main}_seconds"
        assert {one.name: one.value for one in families[family].samples}[f"{family}_count"] == count


@pytest.mark.parametrize(
    ("export", "fact"),
    [
        ("csv=x.csv", "unknown export format: 'csv'"),
        ("k6", "the export has no file name"),
        ("k6=missing/x.json", "there is no folder missing"),
        ("locust=missing/x", "there is no folder missing"),
        ("prometheus=.", "is a folder"),
        ("influx=-", "not standard output"),
    ],
)
def test_an_export_that_cannot_be_is_exit_2_before_the_load(
    export: str, fact: str, origin: Origin, tmp_path: Path
) -> None:
    done = run(f"{origin.url}/", "--requests", "20", "--export", export, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert fact in done.stderr and "hint:" in done.stderr
    assert origin.handler.asked == 0
    assert not list(tmp_path.iterdir())
