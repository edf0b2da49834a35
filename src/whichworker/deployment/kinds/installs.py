"""How an image gets the packages of the app: by the file that lists them in its project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from whichworker import foreign
from whichworker.deployment.kinds import quoting
from whichworker.model.deployments import Deployment

PIP = "pip install --no-cache-dir"
EXPORTED = "requirements-app.txt"
LOCKS = {
    "uv.lock": (
        "uv",
        f"uv export --frozen --quiet --no-dev --no-emit-project --output-file {EXPORTED}",
    ),
    "poetry.lock": ("poetry poetry-plugin-export", f"poetry export --output {EXPORTED}"),
    "Pipfile.lock": ("pipenv", f"pipenv requirements > {EXPORTED}"),
}
"""The packages and the command that turn a lock file into a list for pip."""
BESIDE = {"uv.lock": "pyproject.toml", "poetry.lock": "pyproject.toml", "Pipfile.lock": "Pipfile"}
"""The file that the tool of a lock file reads, too."""
LISTS = (
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
)
"""Lists for pip; the first that is there counts, before a lock file."""
REFERENCE = re.compile(
    r"^\s*(?:(?:-r|-c|--requirement|--constraint)[\s=]*(?P<list>[^\s#]+)"
    r"|(?P<local>-e|--editable|\.|/|file:|[^#\n]*@\s*file:))",
    re.MULTILINE,
)
"""A line of a list that names another list, or something to build: pip.pypa.io, Requirements File
Format."""


class Install(Struct, frozen=True):
    """Instructions of a Dockerfile: a stage of its own, and lines before and after COPY of the app.

    `resolves` says that the lines after it may change the packages of the server.
    """

    stage: str = ""
    before: str = ""
    after: str = ""
    resolves: bool = False


def install(what: Deployment) -> Install:
    """The instructions that install what the project lists, and the project itself if it was."""
    folder = Path(what.directory)
    project = _project(folder)
    own = f"RUN {PIP} --no-deps .\n" if what.installed and _is_package(folder, project) else ""
    if name := next((name for name in LISTS if (folder / name).is_file()), ""):
        return _of_list(folder, name, own)
    if name := next((name for name in LOCKS if (folder / name).is_file()), ""):
        return Install(stage=_stage(what, folder, name), before=_EXPORTED, after=own)
    listed = project.project.dependencies
    if listed and not own:  # a project that was not installed still lists what it needs
        words = " ".join(quoting.shell(one) for one in listed)
        return Install(before=f"RUN {PIP} {words}\n")
    if _is_package(folder, project):
        return Install(after=f"RUN {PIP} .\n", resolves=True)
    return Install(before="# nothing here lists the packages of the app: add RUN pip install …\n")


_EXPORTED = f"COPY --from=locked /app/{EXPORTED} ./\nRUN {PIP} -r {EXPORTED}\n"


def _stage(what: Deployment, folder: Path, lock: str) -> str:
    """A stage that reads the lock file: its tool stays out of the image."""
    tool, export = LOCKS[lock]
    files = " ".join(name for name in (BESIDE[lock], lock) if (folder / name).is_file())
    return (
        f"FROM python:{what.python}-slim AS locked\nWORKDIR /app\nRUN {PIP} {tool}\n"
        f"COPY {files} ./\nRUN {export}\n\n"
    )


def _of_list(folder: Path, name: str, own: str) -> Install:
    """A list for pip; one that names files elsewhere in the project needs all of it."""
    place, run = Path(name).parent, f"RUN {PIP} -r {name}\n"
    lists = _lists(folder, Path(name))
    if lists is None or any(one.parent != place for one in lists):
        return Install(after=run + own, resolves=True)
    copied = f"COPY {place} ./{place}/\n" if place.name else f"COPY {_words(lists)} ./\n"
    return Install(before=copied + run, after=own)


def _words(lists: list[Path]) -> str:
    return " ".join(str(one) for one in lists)


def _lists(folder: Path, name: Path) -> list[Path] | None:
    """A list and those that it names; None if something in the project is to be built, or if a
    name has characters that COPY would read differently."""
    found, waiting = [], [name]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        if not quoting.PLAIN.fullmatch(str(one)) or not (folder / one).is_file():
            return None
        found.append(one)
        text = (folder / one).read_text(encoding="utf-8", errors="replace")
        for line in REFERENCE.finditer(text):
            if line["local"]:
                return None
            if "://" not in line["list"]:
                waiting.append(one.parent / line["list"])
    return found


class _Uv(Struct):
    package: bool = True


class _Poetry(Struct, rename="kebab"):
    package_mode: bool = True


class _Packagers(Struct):
    uv: _Uv = field(default_factory=_Uv)
    poetry: _Poetry = field(default_factory=_Poetry)


class _Listed(Struct):
    dependencies: list[str] = []


class _Packaged(Struct, rename="kebab"):
    """The parts of pyproject.toml about packages."""

    build_system: dict[str, Any] | None = None
    project: _Listed = field(default_factory=_Listed)
    tool: _Packagers = field(default_factory=_Packagers)


def _is_package(folder: Path, project: _Packaged) -> bool:
    """Whether pip can build the project; its tool may say that it is an application only."""
    only_runs = not project.tool.uv.package or not project.tool.poetry.package_mode
    return not only_runs and (project.build_system is not None or (folder / "setup.py").is_file())


def _project(folder: Path) -> _Packaged:
    """pyproject.toml; the defaults if there is none that can be read."""
    try:
        return foreign.toml_in(foreign.text_of(folder / "pyproject.toml"), _Packaged)
    except foreign.Unreadable:
        return _Packaged()
