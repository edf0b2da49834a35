"""The CPU quota as containers and systemd set it, in both versions of control groups."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from whichworker.probes.quota import Quota

V1 = Path("/sys/fs/cgroup/cpu")
BURN = """
import json, os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
from whichworker.doctor.examination import examine
from whichworker.probes import quota
from whichworker.question.ask import budget_of
before, ends = quota.here().throttled(), time.monotonic() + 40
while quota.here().throttled() == before and time.monotonic() < ends:
    pass
budget = budget_of(1.0)
print(json.dumps([
    quota.here().cores,
    quota.here().throttled() - before,
    len({*budget.server_cores, *budget.generator_cores}),
    [found.text for found in examine(0.0)[1] if found.code == "cpu-quota"],
]))
"""


class Groups:
    """A file system of control groups, and the line of /proc that names one."""

    def __init__(self, folder: Path) -> None:
        self.root, self.proc = folder / "cgroup", folder / "self"
        self.root.mkdir()

    def write(self, path: str, **files: str) -> None:
        (self.root / path).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.root / path / name.replace("__", ".")).write_text(text)

    def quota(self, line: str) -> Quota:
        self.proc.write_text(f"12:memory:/elsewhere\n{line}\n")
        return Quota(self.proc, self.root)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("150000 100000\n", 1.5),
        ("max 100000\n", None),
        ("50000 200000", 0.25),
        ("", None),
        ("100000 0", None),
        ("many 100000", None),
    ],
)
def test_version_2(groups: Groups, text: str, cores: float | None) -> None:
    groups.write("pod/web", cpu__max=text)
    assert groups.quota("0::/pod/web").cores == cores


def test_the_tightest_group_counts_and_every_throttled_period(groups: Groups) -> None:
    groups.write("pod", cpu__max="100000 100000", cpu__stat="nr_periods 9\nnr_throttled 7\n")
    groups.write("pod/web", cpu__max="400000 100000", cpu__stat="nr_throttled 2\n")
    quota = groups.quota("0::/pod/web")
    assert (quota.cores, quota.throttled()) == (1.0, 9)
    groups.write("pod", cpu__stat="nr_throttled 8\n")
    assert quota.throttled() == 10


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize("path", ["", "/docker/9f8e"], ids=["own", "as a container sees it"])
def test_version_1(groups: Groups, mount: str, path: str) -> None:
    """In a container its group is the mounted root, while /proc may name it as the host does."""
    groups.write(mount, cpu__cfs_quota_us="200000\n", cpu__cfs_period_us="100000\n")
    groups.write(mount, cpu__stat="nr_throttled 3\n")
    quota = groups.quota(f"4:cpuacct,cpu:{path or '/'}")
    assert (quota.cores, quota.throttled()) == (2.0, 3)


@pytest.mark.parametrize(
    "line", ["0::/", "4:cpu:/", "3:cpuset:/a", "", "nonsense", "::", "0::/../.."]
)
def test_no_limit(groups: Groups, line: str) -> None:
    groups.write("cpu", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    quota = groups.quota(line)
    assert (quota.cores, quota.throttled()) == (None, 0)


@pytest.fixture
def limited() -> Iterator[Path]:
    """A real group that has half a core."""
    group = V1 / f"whichworker-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text("50000")
        # Before all others, or they might leave it less than its quota.
        (group / "cpu.shares").write_text("262144")
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield group
    group.rmdir()


def test_a_real_quota_is_kept_and_reported(limited: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BURN, str(limited / "cgroup.procs")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    usable = len(os.sched_getaffinity(0))
    words = f"A control group limits CPU time to 0.5 of {usable} usable cores"
    cores, throttled, used, found = json.loads(done.stdout)
    assert (cores, used, found) == (0.5, 1, [words])
    assert throttled >= 1
