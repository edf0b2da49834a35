"""A Django project in source code: its manage.py, its callables, and the settings that each names.

A server imports wsgi.py or asgi.py and never manage.py, so a deployment has their settings. Nothing
is imported here.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.apps import modules

VARIABLE = "DJANGO_SETTINGS_MODULE"
LITERAL = re.compile(rf"""{VARIABLE}["']\]?\s*[,=]\s*["']([^"'\n]+)["']""")
MODULE = re.compile(r"[^\W\d]\w{0,60}(\.[^\W\d]\w{0,60})*")
"""The name of a module, whose parts can be names of files."""
FOR_TESTS = {"test", "tests", "testing", "ci", "test_settings", "settings_test"}
FOR_DEPLOYMENT = {"prod", "prd", "production", "live", "deploy", "deployment"}
PACKAGES_OF_SETTINGS = {"settings", "config", "conf", "configs", "configurations"}
OF_SPLITS = {"base", "common", "default", "defaults", "dev", "development", "local"}
"""Modules of settings that have others beside them."""
OF_DEBUG = re.compile(r"([A-Z]+_)*DEBUG(_[A-Z]+)*")
MAKER = "get_{kind}_application"
DEPTH = 4
"""Folders deep: `backend/`, `services/web/` and `src/` are where projects are in a repository."""


class NamedSettings(Struct, frozen=True):
    """The settings in a file: a module (empty: computed, or none), and whether it names any."""

    module: str = ""
    named: bool = False

    @property
    def for_tests(self) -> bool:
        """Whether the module is one for tests, by a part of its name."""
        return not FOR_TESTS.isdisjoint(self.module.split("."))


class Project(Struct, frozen=True, kw_only=True):
    """A folder with a manage.py of Django; `wsgi` and `asgi` are modules of its callables."""

    folder: Path
    manage: NamedSettings
    wsgi: str | None = None
    asgi: str | None = None

    def settings_of(self, module: str | None) -> NamedSettings:
        """The settings that a module of this project names."""
        return named_in(self.folder / (module.replace(".", "/") + ".py")) if module else _NONE

    @property
    def served(self) -> NamedSettings:
        """The settings that a server would use: those of wsgi.py, else of asgi.py."""
        first = self.settings_of(self.wsgi)
        return first if first.named else self.settings_of(self.asgi)

    @property
    def named_by(self) -> str:
        """The file that names the settings of a server, or an empty string."""
        for module in (self.wsgi, self.asgi):
            if module and self.settings_of(module).named:
                return f"{module.rpartition('.')[2]}.py"
        return ""


_NONE = NamedSettings()


def projects_in(folder: Path) -> list[Project]:
    """The Django projects of a folder: its own, else those in folders below it."""
    own = project_of(folder)
    if own is not None:
        return [own]
    places = {path.parent for path in modules.files_in(folder, DEPTH) if path.name == "manage.py"}
    return [found for place in sorted(places) if (found := project_of(place)) is not None]


def project_of(folder: Path) -> Project | None:
    """The project of a manage.py; None if there is none, or if it imports nothing of Django.

    Flask-Script and other groups of commands also use the name manage.py.
    """
    manage = folder / "manage.py"
    if not manage.is_file():
        return None
    settings = named_in(manage)
    if not settings.named and not _imports_django(manage):
        return None
    package = settings.module.rpartition(".settings")[0] or settings.module.rpartition(".")[0]
    found = {kind: _callable(folder, package, kind) for kind in ("wsgi", "asgi")}
    project = Project(folder=folder, manage=settings, **found)
    own = [module for module in found.values() if module and module.rpartition(".")[0] == package]
    strange = {
        kind: None
        for kind, module in found.items()
        if own and module not in own and not _is_of(project.settings_of(module), settings)
    }
    return msgspec.structs.replace(project, **strange)


def _is_of(one: NamedSettings, other: NamedSettings) -> bool:
    """Whether settings may be those of the same project: by the outermost package, if known."""
    tops = {settings.module.partition(".")[0] for settings in (one, other)}
    return "" in tops or len(tops) == 1


def _imports_django(path: Path) -> bool:
    """Whether a file imports Django; a file that cannot be parsed must only name it."""
    tree = modules.parsed(path)
    return "django" in (_read(path).lower() if tree is None else modules.imported(tree))


def named_in(path: Path) -> NamedSettings:
    """The settings module that a file sets as a default, by its syntax, else by its text."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _NONE
    if VARIABLE not in text:
        return _NONE
    tree = modules.parsed(path)
    found = (
        LITERAL.findall(text) if tree is None else list(filter(None, map(_set_by, ast.walk(tree))))
    )
    found = [module for module in found if MODULE.fullmatch(module)]
    named = [NamedSettings(module, named=True) for module in found or [""]]
    return next((one for one in named if not one.for_tests), named[0])


def deployed_settings(folder: Path, module: str) -> str:
    """The settings beside a module of settings that are named for a deployment, or "".

    Split settings are modules of one package, or have `settings` in their names:
    `shop.settings.dev` and `shop.settings.prod`, or `shop.settings` and `shop.settings_prod`.
    """
    inside = folder.joinpath(*module.split("."))
    package, place = (
        (module, inside) if inside.is_dir() else (module.rpartition(".")[0], inside.parent)
    )
    own, outer = module.rpartition(".")[2], package.rpartition(".")[2]
    split = outer in PACKAGES_OF_SETTINGS or (own in OF_SPLITS and bool(package))
    for path in sorted(place.glob("*.py")):
        words = set(path.stem.lower().split("_"))
        found = f"{package}.{path.stem}".lstrip(".")
        if words & FOR_DEPLOYMENT and (split or "settings" in words) and found != module:
            return found
    return ""


def debug_variable(folder: Path, module: str) -> str:
    """The variable of the environment from which a module of settings reads DEBUG, or ""."""
    inside = folder.joinpath(*module.split("."))
    tree = modules.parsed(inside / "__init__.py" if inside.is_dir() else inside.with_suffix(".py"))
    values = (value for node in ast.walk(tree) if (value := _debug_of(node))) if tree else ()
    words = (
        one.value
        for value in values
        for one in ast.walk(value)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )
    return next((word for word in words if OF_DEBUG.fullmatch(word)), "")


def _debug_of(node: ast.AST) -> ast.expr | None:
    """The value of an assignment to DEBUG."""
    if isinstance(node, ast.Assign):
        target: ast.expr = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    else:
        return None
    return node.value if isinstance(target, ast.Name) and target.id == "DEBUG" else None


def _set_by(node: ast.AST) -> str:
    """The module that a statement puts into the variable, or a default within the call."""
    if isinstance(node, ast.Call) and len(node.args) > 1 and _is_variable(node.args[0]):
        return _text(node.args[1])
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and _is_variable(target.slice):
            return _text(node.value)
    return ""


def _is_variable(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == VARIABLE


def _text(node: ast.expr) -> str:
    """A literal, or the default of a call such as `os.getenv("NAME", "default")`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Call):
        named = [one.value for one in node.keywords if one.arg == "default"]
        given = [*named, *node.args[1:]]
        return _text(given[0]) if given else ""
    if isinstance(node, ast.BoolOp):
        return _text(node.values[-1])
    return ""


def _callable(folder: Path, package: str, kind: str) -> str | None:
    """The module wsgi or asgi: in the package of the settings, else the only one of Django."""
    module = f"{package}.{kind}" if package else kind
    if (folder / (module.replace(".", "/") + ".py")).is_file():
        return module
    found = [
        path
        for path in modules.files_in(folder, DEPTH)
        if path.name == f"{kind}.py" and MAKER.format(kind=kind) in _read(path)
    ]
    if len(found) != 1:
        return None
    return ".".join(found[0].relative_to(folder).with_suffix("").parts)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
