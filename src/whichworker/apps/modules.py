"""The Python files near the top of a folder, and the names by which they are imported."""

from __future__ import annotations

import ast
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

SKIPPED = {
    "tests",
    "test",
    "docs",
    "examples",
    "migrations",
    "alembic",
    "node_modules",
    "site-packages",
    "build",
    "dist",
    "__pycache__",
    "venv",
    "env",
}
DEPTH, MOST_FOLDERS, MOST_FILES, MOST_BYTES = 5, 2000, 2000, 1_000_000
"""Folders deep, folders of one depth, files, and bytes of one file: apps are near the top, and a
scan must be quick."""
MARKS = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "manage.py",
    "Pipfile",
    ".venv/pyvenv.cfg",
    "venv/pyvenv.cfg",
)
"""Files in the folder that the imports of a project begin at, mostly."""


def files_in(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Python files near the top, those of shallow folders first; tests and environments are not."""
    code = (path for path in near_the_top(folder, depth, _is_skipped) if _is_code(path))
    return itertools.islice(code, MOST_FILES)


def near_the_top(folder: Path, depth: int, is_skipped: Callable[[Path], bool]) -> Iterator[Path]:
    """All files of a folder, those of shallow folders first; links to folders are not followed."""
    level = [folder]
    for _ in range(depth):
        below: list[Path] = []
        for place in level[:MOST_FOLDERS]:
            try:
                entries = sorted(place.iterdir())
            except OSError:
                continue
            for entry in entries:
                if not entry.is_dir():
                    yield entry
                elif not entry.is_symlink() and not is_skipped(entry):
                    below.append(entry)
        level = below


def parsed(path: Path) -> ast.Module | None:
    """The syntax of a file, without Python's warnings about it.

    None for one that is not Python, of a newer version, or nested too deeply.
    """
    try:
        with warnings.catch_warnings():  # about code that is not ours
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # the last two: expressions that are nested too deeply


def bound(tree: ast.Module) -> Iterator[str]:
    """The names that the top level of a file defines, assigns or imports from elsewhere."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (one.id for one in targets if isinstance(one, ast.Name))
            case ast.ImportFrom(names=names):
                yield from (one.asname or one.name for one in names)


def module_of(path: Path, folder: Path, tree: ast.Module | None = None) -> tuple[Path, str]:
    """The folder that the imports of a file begin at, and the file's module.

    It is the folder below `folder` in which most of the file's own imports are found. If that does
    not decide, it is the one that holds the outermost package, or a mark of a project.
    """
    places = [place for place in path.parents if place == folder or folder in place.parents]
    inner = sum(1 for place in places if (place / "__init__.py").exists())
    usual = next((place for place in places if not (place / "__init__.py").exists()), folder)
    if not inner:
        marked = [place for place in places if any((place / mark).exists() for mark in MARKS)]
        usual = _source_of(path, folder) or (marked[0] if marked else folder)
    tops, least = _imports(tree) if tree is not None else (set(), 0)
    allowed = places[least:] or [folder]
    found = {place: sum(_has(place, top) for top in tops) for place in allowed}
    best = max(found.values(), default=0)
    root = usual if found.get(usual, 0) == best else next(p for p in allowed if found[p] == best)
    parts = path.relative_to(root).with_suffix("").parts
    return root, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.Module) -> set[str]:
    """The first names of a file's absolute imports, but for the standard library."""
    return _imports(tree)[0]


def _source_of(path: Path, folder: Path) -> Path | None:
    """`src`, if the file is in it and it is no package."""
    source = folder / "src"
    return source if path.is_relative_to(source) and not (source / "__init__.py").exists() else None


def _imports(tree: ast.Module) -> tuple[set[str], int]:
    """The first names of absolute imports but the standard library's; how far relative ones go."""
    tops: set[str] = set()
    levels = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            levels = max(levels, node.level)
            if node.module and not node.level:
                tops.add(node.module.partition(".")[0])
    return tops - set(sys.stdlib_module_names), levels


def _has(place: Path, top: str) -> bool:
    return (place / f"{top}.py").is_file() or (place / top).is_dir()


def _is_code(path: Path) -> bool:
    name = path.name
    return (
        path.suffix == ".py"
        and not name.startswith("test_")
        and name not in ("conftest.py", "setup.py")
        and path.is_file()
        and path.stat().st_size <= MOST_BYTES
    )


def _is_skipped(folder: Path) -> bool:
    name = folder.name
    return name.startswith((".", "_")) or name in SKIPPED or (folder / "pyvenv.cfg").exists()
