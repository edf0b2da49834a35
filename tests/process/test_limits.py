"""The memory of a launch, and its control group: on folders that look like the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.process import limits
from whichworker.process.limits import Delegation, Group, default_memory_bytes, delegation, group

MEMINFO = "MemTotal:       16000000 kB\nMemAvailable:   10000000 kB\nHugePages_Total:       0\n"


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder is one that was handed to this user."""
    monkeypatch.setattr(limits, "_handed_over", lambda folder: folder.exists())


def files(folder: Path, **content: str) -> Path:
    """A control group with these files; their dots are written as two underscores."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("group_files", "gigabytes"),
    [
        ({}, 10.24),
        ({"memory__max": "max\n", "memory__current": "5\n"}, 10.24),
        ({"memory__max": "5000000000\n", "memory__current": "1000000000\n"}, 4.0),
        ({"memory__max": "1000000000\n", "memory__current": "1500000000\n"}, 0.0),
        (
            {
                "memory__max": "5000000000\n",
                "memory__current": "4000000000\n",
                "memory__stat": "anon 7\ninactive_file 2000000000\nactive_file 500000000\n",
            },
            3.5,
        ),
    ],
)
def test_a_launch_may_use_four_fifths_of_what_there_is(
    group_files: dict[str, str], gigabytes: float, tmp_path: Path
) -> None:
    meminfo, root = (
        tmp_path / "meminfo",
        files(tmp_path / "cgroup", cgroup__controllers="memory", **group_files),
    )
    meminfo.write_text(MEMINFO)
    assert default_memory_bytes(meminfo, root) == pytest.approx(0.8 * gigabytes * 1e9)


def test_the_limit_of_a_group_above_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo, root = tmp_path / "meminfo", files(tmp_path / "cgroup", cgroup__controllers="memory")
    meminfo.write_text(MEMINFO)
    above = files(root / "above", memory__max="2000000000", memory__current="0")
    own = files(above / "own", memory__max="max", memory__current="0")
    monkeypatch.setattr(limits, "_own_folders", lambda _: (own, root / "memory"))
    assert default_memory_bytes(meminfo, root) == pytest.approx(1.6e9)


def test_nobody_who_was_not_asked_divides_a_group(tmp_path: Path) -> None:
    files(
        tmp_path,
        cgroup__controllers="memory cpu",
        cgroup__subtree_control="memory cpu",
        memory__limit_in_bytes="",
    )
    assert limits._handed_over(tmp_path / "nowhere") is False
    assert delegation(tmp_path / "nowhere") is None


@pytest.mark.usefixtures("handed_over")
def test_the_second_version_comes_before_the_first(tmp_path: Path) -> None:
    root = files(tmp_path / "both", cgroup__controllers="memory", cgroup__subtree_control="memory")
    files(root / "memory", memory__limit_in_bytes="")
    assert delegation(root) == Delegation(2, root)
    hybrid = files(tmp_path / "hybrid", memory__nothing="")
    files(hybrid / "unified", cgroup__controllers="", cgroup__subtree_control="")
    files(hybrid / "memory", memory__limit_in_bytes="")
    assert delegation(hybrid) == Delegation(1, hybrid / "memory")


@pytest.mark.usefixtures("handed_over")
def test_a_group_with_other_processes_is_not_divided(tmp_path: Path) -> None:
    root = files(
        tmp_path / "busy",
        cgroup__controllers="memory",
        cgroup__subtree_control="",
        cgroup__procs="1\n2\n",
    )
    assert delegation(root) is None
    assert (root / "cgroup.subtree_control").read_text() == ""


def test_a_group_of_a_launch(tmp_path: Path) -> None:
    files(tmp_path, cgroup__subtree_control="cpu memory\n")
    made = group("7", 1000, Delegation(2, tmp_path))
    settings = (("memory.max", "1000"), ("memory.oom.group", "1"))
    assert made == Group(folder=str(tmp_path / "whichworker-7"), settings=settings)
    assert group("7", 1000, Delegation(1, tmp_path)) == Group(
        folder=str(tmp_path / "whichworker-7"), settings=(("memory.limit_in_bytes", "1000"),)
    )
    assert group("7", 1000, None) is None
