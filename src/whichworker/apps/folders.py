"""The app of a folder: by its manage.py, by what its own files deploy, or by its code."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.apps import (
    candidates,
    deployed,
    django_project,
    environment_files,
    modules,
    paste,
    shims,
)
from whichworker.apps.examine import Examiner
from whichworker.apps.targets import from_target
from whichworker.environments import own_python
from whichworker.errors import UsageError
from whichworker.model import App, Finding, codes

KNOWN = (
    "django",
    "flask",
    "fastapi",
    "starlette",
    "quart",
    "litestar",
    "falcon",
    "bottle",
    "sanic",
)
"""Packages whose import shows that a folder has a web app, even if it was not found."""
NAME_IT = "name the app as module:attribute, for example mysite.wsgi:application"


class Folders(Struct, frozen=True):
    """Finds the apps of folders for this interpreter and these variables."""

    python: str | None
    examiner: Examiner
    environment_file: str

    @property
    def told(self) -> dict[str, str]:
        """The variables that the app would see."""
        return {**os.environ, **environment_files.read(self.environment_file)}

    def find(self, folder: Path) -> tuple[App, list[Finding]] | None:
        """The app in a folder or below it; None if nothing there looks like a web app.

        Raises UsageError if there are several, or one that cannot be understood.
        """
        if next(modules.files_in(folder), None) is None:
            return None
        projects = django_project.projects_in(folder)
        below = [one.folder for one in projects]
        if len(below) == 1 and below[0] == folder:
            return self.of_project(projects[0])
        found = [
            one
            for one in candidates.candidates(folder)
            if not any(Path(one.root).is_relative_to(place) for place in below)
        ]
        if (named := self._deployed(folder, found, below)) is not None:
            target, origin = named
            own = [one for one in projects if one.folder == Path(target.root)]
            if own:
                return self._below(own[0], folder, f", {origin}")
            return self._of_candidate(target, origin, folder)
        if len(projects) == 1 and not found:
            return self._below(projects[0], folder)
        if projects:
            _refuse_several(
                folder, [*(str(place) for place in below), *(one.root for one in found)]
            )
        if not found:
            _refuse_strange(folder)
            return None
        chosen = candidates.clearest(found)
        if chosen is None:
            raise _several_candidates(folder, found)
        root = Path(chosen.root)
        place = folder.name if root == folder else root.relative_to(folder)
        return self._of_candidate(chosen, f"found in {place}", folder)

    def _below(
        self, project: django_project.Project, folder: Path, origin: str = ""
    ) -> tuple[App, list[Finding]]:
        """A Django project in a folder below, with a finding that names it."""
        app, said = self.of_project(project)
        text = f"The app is the Django project in {project.folder.relative_to(folder)}{origin}"
        return app, [codes.APP_FOUND.finding(text), *said]

    def _deployed(
        self, folder: Path, found: list[candidates.Candidate], projects: list[Path]
    ) -> tuple[candidates.Candidate, str] | None:
        """The candidate that the project's own files deploy, and its origin: the file."""
        for one in deployed.deployed(folder, self.told):
            module, _, attribute = one.target.partition(":")
            roots = (Path(other.root) for other in found)
            places = [folder / one.folder, *projects, *roots, *_roots_below(found, module)]
            root = next((place for place in places if _file_of(place, module)), None)
            if root is None:
                continue
            named_by = f"named by {one.origin}"
            if attribute:
                text, bare = one.target, attribute.partition("(")[0]
                known = [
                    other
                    for other in found
                    if other.target == f"{module}:{bare}" and Path(other.root) == root
                ]
                kind = (
                    known[0]
                    if known
                    else candidates.Candidate(target=text, root=str(root), framework="")
                )
                return msgspec.structs.replace(kind, target=text, needs=()), named_by
            file = _file_of(root, module)
            own = candidates.candidates_of(file, root) if file else []
            if (clear := candidates.clearest(own)) is not None:
                target = f"{module}:{clear.target.partition(':')[2]}"
                return msgspec.structs.replace(clear, target=target, root=str(root)), named_by
        return None

    def _of_candidate(
        self, chosen: candidates.Candidate, origin: str, folder: Path
    ) -> tuple[App, list[Finding]]:
        if paste.is_factory(chosen.needs) and (files := paste.files_in(Path(chosen.root))):
            chosen = msgspec.structs.replace(chosen, target=paste.target_of(files[0]), needs=())
            origin = f"named by {files[0]}, for PasteDeploy"
        if chosen.needs:
            raise UsageError(
                f"{chosen.target} is a factory that needs {', '.join(chosen.needs)}",
                hint=f"write the call: whichworker race \"{chosen.target}('…')\"",
            )
        factory = chosen.factory and not chosen.target.endswith(")")
        target = chosen.target + ("()" if factory else "")
        app = from_target(
            target,
            self.python,
            Path(chosen.root),
            self.examiner,
            origin,
            folder,
            self.environment_file,
        )
        return app, [codes.APP_FOUND.finding(f"The app is {target}, {origin}")]

    def of_project(self, project: django_project.Project) -> tuple[App, list[Finding]]:
        """A Django project with the settings of a deployment: what wsgi.py or asgi.py names.

        DJANGO_SETTINGS_MODULE in the environment names others, as it does for a server.
        """
        told, manage = self.told.get(django_project.VARIABLE, ""), project.manage.module
        other = "" if project.manage.for_tests else manage
        served = project.served
        settings = told or ("" if served.named else manage)
        interpreter, origin = own_python.find(project.folder, self.python)
        at = str(project.folder / "manage.py")
        app = App(
            name=project.folder.name,
            directory=str(project.folder),
            python=interpreter,
            wsgi=f"{project.wsgi}:application" if project.wsgi else None,
            asgi=f"{project.asgi}:application" if project.asgi else None,
            environment={django_project.VARIABLE: settings} if settings else {},
            environment_file=self.environment_file,
            origin={
                "app": at,
                "python": origin,
                "settings": django_project.VARIABLE if told else (project.named_by or at),
                **({"served": served.module} if served.module else {}),
                **({"manage": other} if other and other != served.module else {}),
            },
        )
        if project.wsgi or project.asgi:
            return app, list(_differences(project, told))
        if not settings:
            raise UsageError(f"{at} names no settings module", hint=NAME_IT)
        place = project.folder / settings.replace(".", "/")
        if not place.with_suffix(".py").is_file() and not place.is_dir():
            package = settings.rpartition(".settings")[0] or settings.rpartition(".")[0]
            raise UsageError(
                "neither wsgi.py nor asgi.py in"
                f" {project.folder / (package or settings).replace('.', '/')}",
                hint=NAME_IT,
            )
        return _of_settings(app, settings, self.examiner)


def _differences(project: django_project.Project, told: str) -> Iterator[Finding]:
    """A finding if the settings of a deployment are not those of manage.py, or not wsgi.py's."""
    served, manage = project.served, project.manage.module
    taken = told or served.module
    if told and served.module and told != served.module:
        yield codes.SETTINGS_DIFFER.finding(
            f"{django_project.VARIABLE} names {told}, {project.named_by} {served.module}:"
            f" the race uses {told}",
            hint=f"unset {django_project.VARIABLE} for {served.module}",
        )
    elif taken and manage and manage != taken and not project.manage.for_tests:
        yield codes.SETTINGS_DIFFER.finding(
            f"manage.py names {manage}, {project.named_by} {taken}: the race uses {taken}, as a"
            " server does",
            hint=f"{django_project.VARIABLE}={manage} for the other",
        )


def _refuse_several(folder: Path, places: list[str]) -> None:
    names = sorted({str(Path(place).relative_to(folder)) for place in places})
    raise UsageError(
        f"several apps are in {folder}: {', '.join(names[:6])}",
        hint=f"name one: whichworker race {names[0]}",
    )


def _several_candidates(folder: Path, found: list[candidates.Candidate]) -> UsageError:
    names = ", ".join(one.target + ("()" if one.factory else "") for one in found[:6])
    place = os.path.relpath(found[0].root, folder)
    inside = "" if place == "." else f"cd {shlex.quote(place)} && "
    return UsageError(
        f"{len(found)} apps are in {folder}: {names}",
        hint=f"name one: {inside}whichworker race {found[0].target}",
    )


def _refuse_strange(folder: Path) -> None:
    """Raise UsageError for a project of the web whose app was not found; others are no project."""
    for path in modules.files_in(folder):
        tree = modules.parsed(path)
        names = modules.imported(tree) if tree is not None else set()
        if known := sorted(names & set(KNOWN)):
            raise UsageError(
                f"no app was found in {folder}, although {path.relative_to(folder)} imports"
                f" {known[0]}",
                hint=NAME_IT,
            )


def _roots_below(found: list[candidates.Candidate], module: str) -> Iterator[Path]:
    """The folders in packages from which a module of this name can be imported, as in an image."""
    for one in found:
        if one.module.endswith(f".{module}"):
            yield Path(one.root, *one.module.removesuffix(f".{module}").split("."))


def _file_of(root: Path, module: str) -> Path | None:
    place = root / module.replace(".", "/")
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _of_settings(app: App, settings: str, examiner: Examiner) -> tuple[App, list[Finding]]:
    """The callables that the settings name, or one made for the race, with a finding."""
    look = examiner.look([], app)
    django = look.django
    named = {kind: getattr(django, kind, None) for kind in ("wsgi", "asgi")} if django else {}
    targets = {kind: ":".join(text.rpartition(".")[::2]) for kind, text in named.items() if text}
    if targets:
        origin = {**app.origin, "app": "WSGI_APPLICATION and ASGI_APPLICATION"}
        found = msgspec.structs.replace(
            app, wsgi=targets.get("wsgi"), asgi=targets.get("asgi"), origin=origin
        )
        examiner.add(list(targets.values()), found, look)
        return found, []
    text = shims.of_django(settings, "wsgi")
    found = msgspec.structs.replace(
        app, wsgi=shims.TARGET, paths=(shims.write(examiner.cache, text),), shim=text
    )
    return found, [codes.RUNSERVER_ONLY.finding()]
