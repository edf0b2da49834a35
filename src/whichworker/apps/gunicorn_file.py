"""The settings of a gunicorn.conf.py, read without running it.

Arithmetic, the number of cores and variables with a default are computed, since such files mostly
say `workers = multiprocessing.cpu_count() * 2 + 1`. Other expressions stay source text.
"""

from __future__ import annotations

import ast
import operator
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from whichworker.apps import modules

NAMES = ("gunicorn.conf.py", "gunicorn_config.py", "gunicorn_conf.py")
UNKNOWN = "$"
"""Begins the source text of a setting whose value only the running file has."""
Value = int | float | str | bool | None
MOST = 1_000_000
"""The largest number that a setting may be computed to."""
OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
}
CALLS: dict[str, Callable[..., Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "max": max,
    "min": min,
    "round": round,
}
CORES = ("multiprocessing.cpu_count", "os.cpu_count", "cpu_count", "os.process_cpu_count")
VARIABLES = ("os.environ.get", "os.getenv", "environ.get", "getenv")


class Unknown(Exception):
    """An expression whose value only the running file has."""


def settings_in(path: Path, variables: Mapping[str, str]) -> dict[str, Value]:
    """The settings by name; one that cannot be computed has its source text after a `$`.

    `variables` belong to the deployment, not to this shell.
    """
    tree = modules.parsed(path) if path.is_file() else None
    found: dict[str, Value] = {}
    for node in tree.body if tree is not None else ():
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        try:
            said = _value(node.value, found, variables)
        except (Unknown, ArithmeticError, TypeError, ValueError):
            said = f"{UNKNOWN}{ast.unparse(node.value)}"
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        found |= {target.id: said for target in targets if isinstance(target, ast.Name)}
    return found


def _value(node: ast.expr, known: Mapping[str, Value], variables: Mapping[str, str]) -> Any:
    """The value of an expression; raises Unknown, or what a wrong operand raises."""

    def of(inner: ast.expr) -> Any:
        return _value(inner, known, variables)

    match node:
        case ast.Constant(value=int() | float() | str() | None as value):
            return value
        case ast.Name(id=name) if name in known and not str(known[name]).startswith(UNKNOWN):
            return known[name]
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            return _bounded(OPERATORS[type(sign)](of(left), of(right)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -of(operand)
        case ast.BoolOp(op=ast.Or(), values=values):
            return next((found for one in values if (found := of(one))), of(values[-1]))
        case ast.Subscript(value=place, slice=ast.Constant(value=str() as name)):
            if ast.unparse(place).endswith("environ") and name in variables:
                return variables[name]
        case ast.Call(func=function, args=args, keywords=[]):
            return _called(ast.unparse(function), args, of, variables)
    raise Unknown


def _called(
    name: str,
    args: list[ast.expr],
    of: Callable[[ast.expr], Any],
    variables: Mapping[str, str],
) -> Any:
    if name in CORES and not args:
        return os.cpu_count() or 1
    if name == "len" and len(args) == 1 and ast.unparse(args[0]) == "os.sched_getaffinity(0)":
        return len(os.sched_getaffinity(0))
    if name in VARIABLES and args:
        found = variables.get(str(of(args[0])))
        return found if found is not None else of(args[1]) if len(args) > 1 else None
    if name in CALLS:
        return _bounded(CALLS[name](*map(of, args)))
    raise Unknown


def _bounded(value: Any) -> Any:
    """The value; raises Unknown for one that no setting has, such as a text times a million."""
    if isinstance(value, str) and len(value) < MOST:
        return value
    if isinstance(value, int | float) and abs(value) <= MOST:
        return value
    raise Unknown
