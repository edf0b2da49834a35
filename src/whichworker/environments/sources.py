"""A server that is not from the package index: a wheel, a folder, or a commit of a repository.

A folder or commit is copied, since builds write beside the code, and built into a wheel once for
its content and interpreter. A wheel is installed by its hash, so a changed one is another server.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement

from whichworker.environments import locks
from whichworker.environments.installer import run_uv
from whichworker.errors import EnvironmentFailed

FOLDER = "sources"
GIT = "git+"
GIT_SECONDS = 300
"""For a clone: large repositories take a minute or two."""
COMMIT = re.compile(r"(?P<url>\w+://(?:[^/@]*@)?[^@]*)(?:@(?P<ref>.+))?")
"""A URL, whose host may have a user, and after it a branch, tag or commit."""
LEFT_OUT = {".git", "__pycache__", "target", "build", "dist", ".venv", "venv", "node_modules"}
"""Folders below a source folder that do not decide what is built."""


def settled(requirements: tuple[str, ...], python: str, cache: Path) -> tuple[str, ...]:
    """The requirements with each source as a wheel with its hash; others are unchanged.

    Raises EnvironmentFailed if a source cannot be fetched or built for this interpreter.
    """
    return tuple(_settled(one, python, cache) for one in requirements)


def _settled(requirement: str, python: str, cache: Path) -> str:
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return requirement
    if not parsed.url:
        return requirement
    if parsed.url.startswith(GIT):
        wheel = _of_commit(parsed.url.removeprefix(GIT), python, cache)
    else:
        path = Path(unquote(urlsplit(parsed.url).path))
        wheel = path if path.suffix == ".whl" else _of_folder(path, python, cache)
    if not wheel.is_file():
        raise EnvironmentFailed(
            f"there is no wheel {wheel}", hint="name a wheel, a folder with a project, or git+URL"
        )
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    return f"{parsed.name}{extras} @ {wheel.as_uri()}#sha256={digest}"


def _of_folder(path: Path, python: str, cache: Path) -> Path:
    if not (path / "pyproject.toml").is_file() and not (path / "setup.py").is_file():
        raise EnvironmentFailed(
            f"{path} has no project to build",
            hint="name a wheel, or a folder with a pyproject.toml",
        )
    content = hashlib.sha256(python.encode())
    for file in sorted(path.rglob("*")):
        below = file.relative_to(path)
        if file.is_file() and not LEFT_OUT.intersection(below.parts):
            content.update(str(below).encode() + b"\0" + file.read_bytes())
    key = content.hexdigest()
    place = cache / FOLDER / f"copy-{key[:16]}"

    def copy() -> None:
        shutil.copytree(
            path, place / "code", symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT)
        )

    locks.once(place, copy)
    return _built(cache, key, python, place / "code")


def _of_commit(address: str, python: str, cache: Path) -> Path:
    """The wheel of `URL` or `URL@REF`; a branch is what it is now."""
    found = COMMIT.fullmatch(address)
    url, ref = (found["url"], found["ref"] or "HEAD") if found else (address, "HEAD")
    listed = _git("ls-remote", url, ref).split()
    commit = listed[0] if listed else ref
    key = hashlib.sha256(f"{url}\0{commit}\0{python}".encode()).hexdigest()
    place = cache / FOLDER / f"git-{key[:16]}"

    def fetch() -> None:
        place.mkdir(parents=True)
        _git("clone", "--quiet", "--recurse-submodules", url, str(place / "code"))
        _git("-C", str(place / "code"), "checkout", "--quiet", commit)

    locks.once(place, fetch)
    return _built(cache, key, python, place / "code")


def _built(cache: Path, key: str, python: str, code: Path) -> Path:
    place = cache / FOLDER / key[:16]

    def build() -> None:
        place.mkdir(parents=True)
        run_uv(
            cache,
            "build",
            "--quiet",
            "--wheel",
            "--python",
            python,
            "--out-dir",
            str(place),
            str(code),
        )

    locks.once(place, build)
    return next(iter(sorted(place.glob("*.whl"))), place / "none.whl")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentFailed(f"git {words[0]} failed: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise EnvironmentFailed(f"git {words[0]} failed", seen="\n".join(lines[-4:]))
    return done.stdout
