"""A module around an app that servers cannot name: a factory, or Django without wsgi.py."""

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
    """The module that calls a factory."""
    module, _, attribute = target.removesuffix("()").partition(":")
    return FACTORY.format(
        target=target, module=module, top=attribute.partition(".")[0], attribute=attribute
    )


def of_django(settings: str, kind: str) -> str:
    """The module that makes Django's callable, WSGI or ASGI."""
    return DJANGO.replace("{kind.upper}", kind.upper()).format(settings=settings, kind=kind)


def write(cache: Path, text: str) -> str:
    """Write the module below the cache, never into the project; returns its folder."""
    folder = cache / "shims" / hashlib.sha256(text.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{MODULE}.py").write_text(text, encoding="utf-8")
    return str(folder)
