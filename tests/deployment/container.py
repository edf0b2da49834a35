"""A Dockerfile carried out by hand: a folder stands for each stage's file system, a venv for its
Python. An instruction, or a program after RUN, that is not known here is a failure."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import Struct, field

from whichworker.deployment.read_back import moved
from whichworker.environments.interpreters import own_base
from whichworker.model import Address

PROGRAMS = {"pip", "uv", "pipenv", "poetry"}
"""Programs of Python that RUN may start: they come from the stage's own environment."""
OF_DEBIAN = re.compile(
    r"apt-get update|apt-get install --yes --no-install-recommends [a-z0-9 -]+"
    r"|rm -rf /var/lib/apt/lists/\*"
)
"""Commands that change the system, which is the one of the tests here."""
USERADD = re.compile(r"useradd --system --uid (\d+) ([a-z]+)")
INDEXES = re.compile(r"(PIP|UV)_|.*_proxy$|SSL_", re.IGNORECASE)
"""Variables of the tests by which packages are found."""
ENDS_SECONDS = 60.0


class Stage(Struct, kw_only=True):
    """What FROM began: its files below `root`, its Python, and what later instructions said."""

    root: Path
    venv: Path
    name: str = ""
    folder: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    user: int = 0
    command: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"
    ports: list[int] = field(default_factory=list)

    @property
    def here(self) -> Path:
        """WORKDIR."""
        return self.at(self.folder)

    def at(self, path: str) -> Path:
        """A path of the image, in the folder that stands for it."""
        return self.root / str(Path(self.folder) / path).lstrip("/")


class Builder:
    """Reads instructions one by one; the last stage is the image."""

    def __init__(self, context: Path, place: Path, python: str) -> None:
        self.context, self.place, self.python = context, place, python
        self.ignored = Ignored((context / "Dockerfile.dockerignore").read_text(encoding="utf-8"))
        self.stages: list[Stage] = []

    def build(self) -> Stage:
        """The image of the Dockerfile in the context."""
        known: dict[str, Callable[[str], None]] = {
            "FROM": self._from,
            "WORKDIR": self._workdir,
            "RUN": self._run,
            "COPY": self._copy,
            "ENV": self._env,
            "USER": self._user,
            "EXPOSE": self._expose,
            "STOPSIGNAL": self._stopsignal,
            "CMD": self._cmd,
        }
        for line in (self.context / "Dockerfile").read_text(encoding="utf-8").splitlines():
            if not line or line.startswith("#"):
                continue
            instruction, _, rest = line.partition(" ")
            if instruction not in known:
                pytest.fail(f"an unknown instruction: {line}")
            known[instruction](rest)
        return self.stage

    @property
    def stage(self) -> Stage:
        return self.stages[-1]

    def _from(self, rest: str) -> None:
        image = re.fullmatch(r"python:(\d+\.\d+)-slim(?: AS ([a-z]+))?", rest)
        assert image is not None, rest
        root = self.place / f"stage-{len(self.stages)}"
        venv = self.place / f"python-{len(self.stages)}"
        root.mkdir()
        uv = str(Path(sys.executable).parent / "uv")
        done(uv, "venv", "--quiet", "--seed", "--python", self.python, venv, at=self.place)
        version = done(venv / "bin/python", "--version", at=self.place)
        assert f" {image[1]}." in version, "the image has another Python than the race"
        self.stages.append(Stage(root=root, venv=venv, name=image[2] or ""))

    def _workdir(self, rest: str) -> None:
        self.stage.folder = rest
        self.stage.here.mkdir(parents=True, exist_ok=True)

    def _run(self, rest: str) -> None:
        assert self.stage.user == 0, "RUN needs root"
        for command in rest.split(" && "):
            if new := USERADD.fullmatch(command):
                self.stage.users[new[2]] = int(new[1])
            elif not OF_DEBIAN.fullmatch(command):
                assert command.split()[0] in PROGRAMS, f"an unknown program: {command}"
                done("/bin/sh", "-ec", command, at=self.stage.here, **variables(self.stage))

    def _copy(self, rest: str) -> None:
        words = rest.split()
        options = dict(word.split("=", 1) for word in words if word.startswith("--"))
        assert options.keys() <= {"--from", "--chown"}, rest
        assert options.get("--chown", "root") in {"root", *self.stage.users}, rest
        *sources, target = (word for word in words if not word.startswith("--"))
        assert len(sources) == 1 or target.endswith("/"), "a folder ends with /"
        place = self.stage.at(target)
        for source in sources:
            if "--from" in options:
                stage = next(one for one in self.stages if one.name == options["--from"])
                shutil.copy(stage.root / source.lstrip("/"), place)
            else:
                self._copy_all(self.context / source, place)

    def _copy_all(self, source: Path, place: Path) -> None:
        """A file, or all that is in a folder, without what is ignored."""
        if source.is_file():
            assert source.relative_to(self.context) not in self.ignored, f"{source} is ignored"
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place)
            return
        assert source.is_dir(), f"{source} is not in the context"
        for path in source.rglob("*"):
            if path.is_file() and path.relative_to(self.context) not in self.ignored:
                copy = place / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)

    def _env(self, rest: str) -> None:
        name, equals, value = rest.partition("=")
        quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"|([^\s"\'\\$]*)', value)
        assert equals and quoted is not None, rest
        self.stage.environment[name] = re.sub(r'\\(["\\$])', r"\1", quoted[1] or quoted[2] or "")

    def _user(self, rest: str) -> None:
        self.stage.user = int(rest)  # Kubernetes' runAsNonRoot takes no name

    def _expose(self, rest: str) -> None:
        self.stage.ports.append(int(rest))

    def _stopsignal(self, rest: str) -> None:
        self.stage.stop_signal = rest

    def _cmd(self, rest: str) -> None:
        self.stage.command = json.loads(rest)


class Ignored:
    """The patterns of a .dockerignore: the last that matches a path, or a folder of it, decides.

    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """

    def __init__(self, text: str) -> None:
        self.patterns = [
            (line.strip().startswith("!"), expression(line.strip().lstrip("!").strip("/")))
            for line in text.splitlines()
            if line.strip() and not line.startswith("#")
        ]

    def __contains__(self, path: Path) -> bool:
        parts = [str(one) for one in (path, *path.parents) if one != Path()]
        ignored = False
        for taken_back, pattern in self.patterns:
            if any(pattern.fullmatch(part) for part in parts):
                ignored = not taken_back
        return ignored


def expression(pattern: str) -> re.Pattern[str]:
    """A pattern of a .dockerignore; ** is any number of folders, and a backslash escapes."""
    words = {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        "".join(
            words.get(word) or (word if len(word) > 2 else re.escape(word.removeprefix("\\")))
            for word in re.findall(r"\*\*/|\*\*|\[[^\]]+\]|\\.|.", pattern)
        )
    )


def variables(stage: Stage) -> dict[str, str]:
    """The environment of a process in a stage."""
    found = {name: value for name, value in os.environ.items() if INDEXES.match(name)}
    path = f"{stage.venv / 'bin'}:/usr/bin:/bin"
    return {**found, "PATH": path, "HOME": str(stage.root), "LANG": "C.UTF-8", **stage.environment}


def done(*words: str | Path, at: Path, **environment: str) -> str:
    """What a program printed; its failure is the test's."""
    ended = subprocess.run(
        words,
        cwd=at,
        env=environment or None,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def interpreter() -> tuple[str, bool]:
    """A Python of the tests' version, and whether a process without rights could start it, too."""
    mine = Path(own_base()).resolve()
    known = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    for path in (mine, known):
        if path.is_file() and all(one.stat().st_mode & 0o1 for one in path.parents):
            return str(path), os.geteuid() == 0
    return str(mine), False


@contextmanager
def contained(image: Stage, address: Address, *, drops: bool) -> Iterator[subprocess.Popen[bytes]]:
    """The container's process, at another address; `drops`: with the rights of its USER alone."""
    assert image.user >= 10000 and image.user in image.users.values(), "it does not run as root"
    if drops:
        done("chown", "-R", str(image.user), image.root, at=image.root)
    rights = {"user": image.user, "group": image.user, "extra_groups": []} if drops else {}
    with subprocess.Popen(
        [str(image.venv / "bin" / image.command[0]), *moved(tuple(image.command[1:]), address)],
        cwd=image.here,
        env=variables(image),
        stderr=subprocess.PIPE,
        **rights,  # type: ignore[call-overload]  # of what Popen takes
    ) as process:
        try:
            yield process
        finally:
            process.kill()
