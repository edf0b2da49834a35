"""The possible apps in a folder, found in source code without imports: callables and factories."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

FRAMEWORKS = {
    "FastAPI": "fastapi",
    "Starlette": "starlette",
    "Flask": "flask",
    "Quart": "quart",
    "Litestar": "litestar",
    "Sanic": "sanic",
    "Falcon": "falcon",
    "Bottle": "bottle",
}
FACTORIES = (
    "create_app",
    "make_app",
    "get_app",
    "build_app",
    "create_application",
    "get_application",
)
CONVENTIONS = {"wsgi.py": "application", "asgi.py": "application"}
SKIPPED = {
    "tests",
    "test",
    "docs",
    "examples",
    "migrations",
    "node_modules",
    "site-packages",
    "build",
    "dist",
    "__pycache__",
    "venv",
    "env",
}
DEPTH, MOST_FILES, MOST_BYTES = 3, 2000, 1_000_000
"""Folders deep, files, and bytes of one file: apps are near the top, and a scan must be quick."""
USUAL = ("app", "application", "api", "main")


class Candidate(Struct, frozen=True, kw_only=True):
    """A callable that could be the app, below a root; a factory must be called first."""

    target: str
    root: str
    framework: str
    factory: bool = False


def candidates(folder: Path) -> list[Candidate]:
    """Every candidate in a folder: the apps, or the factories if there are none.

    A factory whose own module makes an app is left out.
    """
    found: list[Candidate] = []
    for path in _modules(folder):
        root, module = module_of(path, folder)
        try:
            tree = _parsed(path)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # the last two: expressions that are nested too deeply
        made = list(_made(tree, path.name))
        found += [
            Candidate(target=f"{module}:{name}", root=str(root), framework=framework)
            for name, framework in made
        ]
        if not made:
            found += [
                Candidate(target=f"{module}:{name}", root=str(root), framework="", factory=True)
                for name in _factories(tree)
            ]
    found = list({one.target: one for one in found}.values())
    objects = [one for one in found if not one.factory]
    return objects or found


def _parsed(path: Path) -> ast.Module:
    """The syntax of a file, without Python's warnings about other people's code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(path.read_bytes())


def module_of(path: Path, folder: Path) -> tuple[Path, str]:
    """The import root of a file (`src` if that is no package, else `folder`), and its module."""
    root = (
        folder / "src"
        if path.is_relative_to(folder / "src") and not (folder / "src/__init__.py").exists()
        else folder
    )
    parts = path.relative_to(root).with_suffix("").parts
    return root, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _modules(folder: Path) -> Iterator[Path]:
    """Python files near the top, those of shallow folders first."""
    level, seen = [folder], 0
    for _ in range(DEPTH):
        below: list[Path] = []
        for place in level:
            try:
                entries = sorted(place.iterdir())
            except OSError:
                continue
            for entry in entries:
                if entry.is_dir() and not entry.is_symlink():
                    hidden = (
                        entry.name.startswith((".", "_"))
                        or entry.name in SKIPPED
                        or (entry / "pyvenv.cfg").exists()
                    )
                    below += [] if hidden else [entry]
                elif (
                    entry.suffix == ".py"
                    and seen < MOST_FILES
                    and entry.stat().st_size <= MOST_BYTES
                ):
                    seen += 1
                    yield entry
        level = below


def _made(tree: ast.Module, file: str) -> Iterator[tuple[str, str]]:
    """Module-level apps: calls of framework classes, and `application` in wsgi.py or asgi.py."""
    for node in tree.body:
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and CONVENTIONS.get(file) == node.name
        ):
            yield node.name, ""
            continue
        name = _assigned(node)
        value = getattr(node, "value", None)
        if name is None:
            continue
        if isinstance(value, ast.Call) and (framework := FRAMEWORKS.get(_called(value))):
            yield name, framework
        elif CONVENTIONS.get(file) == name or (
            isinstance(value, ast.Call) and _called(value) in FACTORIES
        ):
            yield name, ""


def _assigned(node: ast.stmt) -> str | None:
    if (
        isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
    ):
        return node.targets[0].id
    if (
        isinstance(node, ast.AnnAssign)
        and node.value is not None
        and isinstance(node.target, ast.Name)
    ):
        return node.target.id
    return None


def _called(call: ast.Call) -> str:
    function = call.func
    return (
        function.attr
        if isinstance(function, ast.Attribute)
        else function.id
        if isinstance(function, ast.Name)
        else ""
    )


def _factories(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in FACTORIES:
            arguments = node.args
            if len(arguments.args) + len(arguments.posonlyargs) <= len(
                arguments.defaults
            ) and not any(default is None for default in arguments.kw_defaults):
                yield node.name


def clearest(found: list[Candidate]) -> Candidate | None:
    """The only candidate, or the only one with a usual name in the shallowest module; else None."""
    if len(found) == 1:
        return found[0]
    depth = min((one.target.count(".") for one in found), default=0)
    near = [one for one in found if one.target.count(".") == depth]
    usual = [one for one in near if one.target.partition(":")[2] in USUAL]
    if len(near) == 1:
        return near[0]
    return usual[0] if len(usual) == 1 else None
