"""A module of two lines around an app that no server can name: a factory, or a Django project without wsgi.py."""

from __future__ import annotations

import hashlib
from pathlib import Path

MODULE = "whichworker_app"
TARGET = f"{MODULE}:application"
FACTORY = '''"""Made by whichworker: servers name a callable, and {target} makes one."""

from {module} import {top}

application = {attribute}()
'''
DJANGO = '''"""Made by whichworker: {settings} names no {kind.upper} application."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")

from django.core.{kind} import get_{kind}_application

application = get_{kind}_application()
'''


def of_factory(target: str) -> str:
    """The text of the module that calls a factory."""
    module, _, attribute = target.removesuffix("()").partition(":")
    return FACTORY.format(
        target=target, module=module, top=attribute.partition(".")[0], attribute=attribute
    )


def of_django(settings: str, kind: str) -> str:
    """The text of the module that makes Django's callable of a kind: wsgi or asgi."""
    return DJANGO.replace("{kind.upper}", kind.upper()).format(settings=settings, kind=kind)


def write(cache: Path, text: str) -> str:
    """The folder that holds the module: in the cache, never in the project."""
    folder = cache / "shims" / hashlib.sha256(text.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{MODULE}.py").write_text(text, encoding="utf-8")
    return str(folder)
