"""The possible apps in a folder, found in source code without imports: callables and factories."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from whichworker.apps import modules

FRAMEWORKS = {
    "FastAPI": "fastapi",
    "Starlette": "starlette",
    "Flask": "flask",
    "APIFlask": "flask",
    "OpenAPI": "flask",
    "Quart": "quart",
    "Litestar": "litestar",
    "Sanic": "sanic",
    "Falcon": "falcon",
    "Bottle": "bottle",
    "FlaskApp": "connexion",
    "AsyncApp": "connexion",
}
"""By class. A class of another name is known by its module, as in `MODULES`."""
MODULES = {
    "falcon.App": "falcon",
    "falcon.API": "falcon",
    "falcon.asgi.App": "falcon",
    "blacksheep.Application": "blacksheep",
    "connexion.App": "connexion",
    "emmett.App": "emmett",
    "responder.API": "responder",
    "web.application": "webpy",
}
FACTORIES = (
    "create_app",
    "make_app",
    "get_app",
    "build_app",
    "create_application",
    "get_application",
    "app_factory",
    "create_asgi_app",
    "create_wsgi_app",
)
MAKERS = (*FACTORIES, "get_wsgi_application", "get_asgi_application", "make_wsgi_app", "init_app")
WRAPPERS = ("Middleware", "ProxyFix", "ASGIApp", "WSGIApp", "WhiteNoise", "WsgiToAsgi", "Sentry")
"""Parts of the names of classes that serve the app that they are given."""
CONVENTIONS = {"wsgi.py": "application", "asgi.py": "application"}
USUAL = ("app", "application", "api", "main", "asgi_app", "wsgi_app")


class Candidate(Struct, frozen=True, kw_only=True):
    """A callable that could be the app, below a root; a factory must be called first.

    `needs` are the arguments that a factory requires.
    """

    target: str
    root: str
    framework: str
    factory: bool = False
    needs: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The module of the target."""
        return self.target.partition(":")[0]


def candidates(folder: Path) -> list[Candidate]:
    """Every candidate in a folder: the apps, or the factories if there are none.

    A factory whose own module makes an app is left out.
    """
    found = [one for path in modules.files_in(folder) for one in candidates_of(path, folder)]
    found = list({(one.root, one.target): one for one in found}.values())
    objects = [one for one in found if not one.factory]
    return objects or found


def candidates_of(path: Path, folder: Path) -> list[Candidate]:
    """The candidates in one file: its apps, or its factories."""
    tree = modules.parsed(path)
    if tree is None:
        return []
    made, factories = list(_made(tree, path.name)), list(_factories(tree))
    if not made and not factories:
        return []
    root, module = modules.module_of(path, folder, tree)
    if made:
        return [
            Candidate(target=f"{module}:{name}", root=str(root), framework=framework)
            for name, framework in made
        ]
    return [
        Candidate(
            target=f"{module}:{name}", root=str(root), framework="", factory=True, needs=needs
        )
        for name, needs in factories
    ]


class _Made:
    """One app of a module: the names it has, and whether another object now serves it."""

    def __init__(self, name: str, framework: str) -> None:
        self.names = [name]
        self.framework = framework

    @property
    def name(self) -> str:
        """The name to give to a server."""
        return next((name for name in USUAL if name in self.names), self.names[0])


def _made(tree: ast.Module, file: str) -> Iterator[tuple[str, str]]:
    """Module-level apps: frameworks' classes, calls that make one, conventions; each once."""
    bound: dict[str, _Made] = {}
    origins, classes = _origins(tree), _subclasses(tree)
    for node in _statements(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if CONVENTIONS.get(file) == node.name:
                bound[node.name] = _Made(node.name, "")
            continue
        names, value = _assigned(node)
        if not names or value is None:
            continue
        inner = _inner(value, bound)
        framework = _framework(value, origins, classes)
        if inner is not None:
            inner.names = [*names] if isinstance(value, ast.Call) else [*inner.names, *names]
        elif framework is not None:
            inner = _Made(names[0], framework)
            inner.names = [*names]
        elif kept := [name for name in names if CONVENTIONS.get(file) == name]:
            inner = _Made(kept[0], "")
        if inner is not None:
            bound |= dict.fromkeys(names, inner)
    for made in dict.fromkeys(bound.values()):
        yield made.name, made.framework


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, also those in `if`, `try` and `with`, but not of a script."""
    for node in body:
        if isinstance(node, ast.If):
            if "__main__" not in ast.dump(node.test):
                yield from _statements([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            handlers = [one for handler in node.handlers for one in handler.body]
            yield from _statements([*node.body, *handlers, *node.orelse, *node.finalbody])
        elif isinstance(node, ast.With):
            yield from _statements(node.body)
        else:
            yield node


def _assigned(node: ast.stmt) -> tuple[list[str], ast.expr | None]:
    """The names that a statement gives to one value."""
    if isinstance(node, ast.Assign):
        return [one.id for one in node.targets if isinstance(one, ast.Name)], node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id], node.value
    return [], None


def _inner(value: ast.expr, bound: dict[str, _Made]) -> _Made | None:
    """The app that a value is, under another name or within an object that serves it."""
    if isinstance(value, ast.Name):
        return bound.get(value.id)
    if not isinstance(value, ast.Call) or not any(word in _called(value) for word in WRAPPERS):
        return None
    given = [*value.args, *(keyword.value for keyword in value.keywords)]
    return next(
        (bound[one.id] for one in given if isinstance(one, ast.Name) and one.id in bound), None
    )


def _framework(value: ast.expr, origins: dict[str, str], classes: dict[str, str]) -> str | None:
    """The framework whose app a call makes; an empty string if only the call knows; or None."""
    if not isinstance(value, ast.Call):
        return None
    called = _called(value)
    whole = _dotted(value.func, origins)
    known = MODULES.get(whole) or FRAMEWORKS.get(whole.rpartition(".")[2]) or classes.get(called)
    return known or ("" if called in MAKERS else None)


def _origins(tree: ast.Module) -> dict[str, str]:
    """The whole name of each imported name."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.asname or one.name: one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def _subclasses(tree: ast.Module) -> dict[str, str]:
    """Classes of the module that are a framework's."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = [
                base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
                for base in node.bases
            ]
            kinds = filter(None, (FRAMEWORKS.get(name) or found.get(name) for name in bases))
            if (kind := next(kinds, None)) is not None:
                found[node.name] = kind
    return found


def _dotted(function: ast.expr, origins: dict[str, str]) -> str:
    """The whole name of a function, with its module if it was imported."""
    if isinstance(function, ast.Attribute):
        return f"{_dotted(function.value, origins)}.{function.attr}"
    if isinstance(function, ast.Name):
        return origins.get(function.id, function.id)
    return ""


def _called(call: ast.Call) -> str:
    return _dotted(call.func, {}).rpartition(".")[2]


def _factories(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The factories of a module, and the arguments that each requires."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in FACTORIES:
            yield node.name, required(node.args)


def required(arguments: ast.arguments) -> tuple[str, ...]:
    """The names of the arguments that have no default."""
    plain = [*arguments.posonlyargs, *arguments.args]
    plain = plain[: len(plain) - len(arguments.defaults)]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return tuple(one.arg for one in [*plain, *(one for one, default in named if default is None)])


def clearest(found: list[Candidate]) -> Candidate | None:
    """The only candidate, or the one of the shallowest module that is clearly the app; else None.

    It is the only one there, the only one with a usual name, or that of wsgi.py, else of asgi.py:
    other modules of the same project are then its scripts.
    """
    if len(found) == 1:
        return found[0]
    depth = min((one.target.count(".") for one in found), default=0)
    near = [one for one in found if one.target.count(".") == depth]
    usual = [one for one in near if one.target.partition(":")[2] in USUAL]
    for rest in (near, usual):
        if len(rest) == 1:
            return rest[0]
    if len({one.root for one in near}) != 1:
        return None
    by_file = (
        [one for one in near if one.module.rpartition(".")[2] == kind] for kind in ("wsgi", "asgi")
    )
    named = next(filter(None, by_file), [])
    return named[0] if len(named) == 1 else None
