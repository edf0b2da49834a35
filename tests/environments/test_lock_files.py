"""Servers and built-in apps have whole lock files, of one moment, for each supported Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.environments.refresh import SAMPLES, sources, wanted

from whichworker.environments import lock_files

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SHA256 = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
FILES = [*sorted(lock_files.FOLDER.glob("*.lock")), *sorted(SAMPLES.glob("*/*.lock"))]
every_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}"
)


def entries(path: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Each pin with the lines of its hashes."""
    text = path.read_text(encoding="utf-8").partition("\n")[2]
    for block in re.split(r"\n(?=\S)", text.strip()):
        pin, *hashes = block.splitlines()
        yield Requirement(pin.removesuffix(" \\")), hashes


@every_file
def test_every_pin_has_hashes_and_the_moment_is_that_of_all(path: Path) -> None:
    assert lock_files.moment(path.read_text(encoding="utf-8")) == lock_files.day_of_servers()
    found = list(entries(path))
    assert found
    for pin, hashes in found:
        assert re.fullmatch(r"==[\w.+!]+", str(pin.specifier)), pin
        assert hashes and all(SHA256.fullmatch(line) for line in hashes), pin


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", sorted(wanted()))
def test_a_servers_lock_file_has_what_its_adapter_requires(name: str, python: str) -> None:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    locked = {}
    for pin, _ in entries(lock_files.FOLDER / name):
        if pin.marker is None or pin.marker.evaluate(environment):
            assert pin.name not in locked, "two versions for one interpreter"
            locked[canonicalize_name(pin.name)] = next(iter(pin.specifier)).version
    for requirement in map(Requirement, wanted()[name]):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)])


def test_no_lock_file_is_missing_or_left_over() -> None:
    assert {path.name for path in lock_files.FOLDER.iterdir()} == set(wanted())
    apps = {source.with_suffix(".lock") for source, _ in sources()}
    assert apps == set(SAMPLES.glob("*/*.lock"))


@pytest.mark.parametrize(
    ("requirements", "name"),
    [
        (("gunicorn>=25.3",), "gunicorn.lock"),
        (("gunicorn==26.0",), "gunicorn.lock"),
        (("gunicorn[gevent]>=25.3",), "gunicorn+gevent.lock"),
        (("uWSGI", "gevent"), "uwsgi+gevent.lock"),
        (("mod_wsgi-standalone",), "mod-wsgi-standalone.lock"),
    ],
)
def test_the_lock_file_of_requirements(requirements: tuple[str, ...], name: str) -> None:
    assert lock_files.name_of(requirements) == name
    assert lock_files.for_server(requirements)


def test_a_server_of_a_third_party_has_none() -> None:
    assert lock_files.for_server(("somebodys-server",)) == ""


@pytest.mark.parametrize("text", ["", "waitress==3.0\n", "\n# versions of 2026-01-01;"])
def test_a_file_without_its_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="without its moment"):
        lock_files.moment(text)


def test_a_head_is_read_back() -> None:
    assert lock_files.moment(lock_files.headed("a==1\n", "2026-11-29T09:00:00Z")) == (
        "2026-11-29T09:00:00Z"
    )
