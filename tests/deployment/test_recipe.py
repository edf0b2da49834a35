"""Facts of a project that its files need: its name, and whether it is installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.conftest import faulty_bench
from tests.deployment.odd_projects import FOLDERS
from tests.deployment.test_read_back import APP

from whichworker.deployment.recipe import is_installed, pinned, project_of


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("My Shop (2)", "my-shop-2"),
        ("_my_big__shop_", "my_big-shop"),
        ("a-_b", "a-b"),
        ("日本", "app"),
        ("2048", "2048"),
        ("x" * 70, "x" * 63),
        ("x" * 62 + "-y", "x" * 62),
    ],
)
def test_a_project_has_the_name_of_its_folder(folder: str, name: str) -> None:
    assert project_of(msgspec.structs.replace(APP, directory=f"/srv/{folder}")) == name


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_name_fits_an_image_and_a_host(folder: str) -> None:
    name = project_of(msgspec.structs.replace(APP, directory=f"/srv/{folder}"))
    assert re.fullmatch(r"[a-z0-9]+((_|__|-+)[a-z0-9]+)*", name) and len(name) <= 63


@pytest.mark.parametrize(
    ("origin", "installed"),
    [
        ({"url": "file://{}", "dir_info": {"editable": True}}, True),
        ({"url": "file://{}/", "dir_info": {}}, True),
        ({"url": "file://{}/library", "dir_info": {}}, False),
        ({"url": "https://example.com/shop.git", "vcs_info": {"vcs": "git"}}, False),
        (None, False),
    ],
)
def test_a_project_is_installed_if_its_environment_says_so(
    origin: dict[str, object] | None, installed: bool, tmp_path: Path
) -> None:
    folder, venv = tmp_path / "my shop", tmp_path / "venv"
    package = venv / "lib/python3.12/site-packages/shop-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Name: shop\nVersion: 1\n")
    if origin is not None:
        url = str(origin["url"]).format(folder.as_uri().removeprefix("file://"))
        (package / "direct_url.json").write_text(json.dumps({**origin, "url": url}))
    app = msgspec.structs.replace(APP, directory=str(folder), python=str(venv / "bin" / "python"))
    assert is_installed(app) == installed


@pytest.mark.servers
@pytest.mark.parametrize("server", ["gunicorn-gevent", "granian-wsgi", "uwsgi", "waitress"])
def test_the_pinned_packages_are_those_of_the_race(server: str, tmp_path: Path) -> None:
    """uv reads the list, and adds nothing to it: what the server needs is pinned, too."""
    bench = faulty_bench([(server, "")], tmp_path)
    arm = bench.question.arms[0]
    environment = bench.environments[arm.name]
    lines = pinned(arm, environment, bench.question.app)
    path = tmp_path / "requirements-server.txt"
    path.write_text("\n".join(lines))
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "uv", "pip", "compile", "--quiet", "--no-annotate"),
            *("--no-header", "--python", f"{environment.bin}/python", path),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert versions(done.stdout.splitlines()) == versions(lines)


def versions(lines: Iterable[str]) -> dict[str, str]:
    """The specifier of each package that is listed."""
    listed = (Requirement(line) for line in lines if "==" in line)
    return {canonicalize_name(one.name): str(one.specifier) for one in listed}
