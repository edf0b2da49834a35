"""The build of the native engine: one wheel for every version, with or without a compiler."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("native build")

ROOT = Path(__file__).parents[3]
PARTS = (
    "src/native",
    "src/preload",
    "src/whichworker",
    "setup.py",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a wheel is made of, so that a build leaves nothing in the checkout."""
    target = tmp_path_factory.mktemp("sources")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, target / part, ignore=shutil.ignore_patterns("*.so", "__pycache__")
            )
        else:
            shutil.copy(ROOT / part, target / part)
    return target


def build(sources: Path, target: Path, compiler: str) -> tuple[str, list[str], str]:
    """The name of the wheel, the files in it, and what was said."""
    code = "from setuptools.build_meta import build_wheel; import sys; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(target)],
        cwd=sources,
        env={**os.environ, "CC": compiler, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return wheel.name, archive.namelist(), done.stderr


def test_without_a_compiler_the_wheel_is_pure(sources: Path, tmp_path: Path) -> None:
    name, files, said = build(sources, tmp_path, "/bin/false")
    assert name.endswith("-py3-none-any.whl")
    assert not [file for file in files if file.endswith(".so")]
    assert "the native load engine was not built" in said


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler")
def test_with_a_compiler_one_wheel_fits_every_version(sources: Path, tmp_path: Path) -> None:
    name, files, said = build(sources, tmp_path, "gcc")
    assert "-cp311-abi3-linux_" in name
    assert sorted(file for file in files if file.endswith(".so")) == [
        "whichworker/apps/within/_clock.abi3.so",
        "whichworker/load/_native.abi3.so",
    ]
    assert not re.findall(r"\.[ch]:\d+:\d+: warning: .*", said)


def test_everything_of_the_package_is_in_the_wheel(sources: Path, tmp_path: Path) -> None:
    _, files, _ = build(sources, tmp_path, "/bin/false")
    wanted = {
        str(path.relative_to(sources / "src"))
        for path in (sources / "src/whichworker").rglob("*")
        if path.is_file()
    }
    assert {path for path in wanted if not path.endswith((".pyc", ".so"))} <= set(files)
