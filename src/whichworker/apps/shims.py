"""A module around an app that servers cannot name: a factory, or Django without wsgi.py."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

from msgspec import Struct

from whichworker import whole_files
from whichworker.errors import UsageError

MODULE = "whichworker_app"
TARGET = f"{MODULE}:application"
FACTORY = '''"""Made by whichworker: servers name a callable, and {target} makes one."""

from {module} import {top}

application = {attribute}({arguments})
'''
DJANGO = '''"""Made by whichworker: {settings} names no {kind.upper} application."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")

from django.core.{kind} import get_{kind}_application

application = get_{kind}_application()
'''


class Call(Struct, frozen=True):
    """A factory `module:attribute` and the literals that it gets, as Python writes them."""

    target: str
    arguments: str = ""

    @property
    def shown(self) -> str:
        """The call as a person writes it."""
        return f"{self.target}({self.arguments})"


def parse_call(text: str) -> Call:
    """Read `module:attribute` or `module:factory('literal', name=1)`.

    Raises UsageError for arguments that are no literals: nothing is evaluated.
    """
    target, bracket, rest = text.partition("(")
    if not bracket:
        return Call(target)
    try:
        tree = ast.parse(f"f({rest}", mode="eval").body
        if not isinstance(tree, ast.Call) or any(one.arg is None for one in tree.keywords):
            raise ValueError
        parts = [ast.unparse(one) for one in tree.args]
        for value in (*tree.args, *(one.value for one in tree.keywords)):
            ast.literal_eval(value)
        parts += [f"{one.arg}={ast.unparse(one.value)}" for one in tree.keywords]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise UsageError(
            f"not a call with literals: {text!r}",
            hint="write texts and numbers, such as shop:create_app('production')",
        ) from error
    return Call(target, ", ".join(parts))


def of_factory(call: Call) -> str:
    """The module that calls a factory."""
    module, _, attribute = call.target.partition(":")
    return FACTORY.format(
        target=call.target,
        module=module,
        top=attribute.partition(".")[0],
        attribute=attribute,
        arguments=call.arguments,
    )


def of_django(settings: str, kind: str) -> str:
    """The module that makes Django's callable, WSGI or ASGI."""
    return DJANGO.replace("{kind.upper}", kind.upper()).format(settings=settings, kind=kind)


def write(cache: Path, text: str) -> str:
    """Write the module below the cache, never into the project; returns its folder."""
    folder = cache / "shims" / hashlib.sha256(text.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    whole_files.write(folder / f"{MODULE}.py", text.encode())
    return str(folder)
