"""An app that a configuration file of PasteDeploy makes, as Pyramid's projects have it."""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from pathlib import Path

GLOBAL = ("global_config", "global_conf", "global_settings")
"""Names of the first argument of a factory that only PasteDeploy calls."""
SECTIONS = ("app:main", "pipeline:main", "composite:main", "composit:main")
FOLDERS = ("", "conf", "config", "etc", "deploy")
DEPLOYED = ("production.ini", "prod.ini", "app.ini")
"""Usual names of the file of a deployment."""


def is_factory(needs: Sequence[str]) -> bool:
    """Whether a factory requires the arguments that PasteDeploy gives."""
    return bool(needs) and needs[0].strip("_") in GLOBAL


def files_in(folder: Path) -> list[str]:
    """The files in a folder that make an app, relative to it; that of a deployment comes first."""
    found = [
        path.relative_to(folder)
        for place in FOLDERS
        for path in sorted((folder / place).glob("*.ini"))
        if _makes_app(path)
    ]
    return [str(path) for path in sorted(found, key=lambda path: path.name not in DEPLOYED)]


def target_of(file: str) -> str:
    """The call that makes the app of a file, as a server makes it in the project's folder."""
    return f"paste.deploy:loadapp('config:{file}', relative_to='.')"


def _makes_app(path: Path) -> bool:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, configparser.Error):
        return False
    return any(parser.has_section(name) for name in SECTIONS)
