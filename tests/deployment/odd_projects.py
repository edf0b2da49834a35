"""Projects in folders whose names some reader of an emitted file takes for something else."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import msgspec
from tests.conftest import missing
from tests.deployment.test_read_back import APP, deployment

from whichworker.deployment.recipe import project_of
from whichworker.model.deployments import Deployment

FOLDERS = (
    "my shop",
    'a "quoted" name',
    "it's",
    "50% off",
    "%n %(here)s",
    "cash $HOME $$",
    "#1",
    "shop #1",
    "shop ;a",
    "a:b,c",
    "café 日本",
    "😀",
    "{a} [b]",
    "*?",
    "back\\slash",
    "-rf",
    "~root",
    "2048",
    "yes",
    "null",
    "1e3",
    "_my__shop_",
    "x" * 200,
)
VALUE = "x=1&y, z (5)"
"""An environment variable that every format can write."""
RECORD = "record.json"
RECORDER = f"""#!/usr/bin/env -S "{sys.executable}" -S -E
import json, os, sys, time
place = os.path.dirname(__file__) + "/{RECORD}." + os.path.basename(__file__)
told = dict(argv=sys.argv[1:], folder=os.getcwd(), environment=dict(os.environ), pid=os.getpid())
with open(place + ".new", "w") as file:
    json.dump(told, file)
os.rename(place + ".new", place)
time.sleep(float(os.environ.get("STAYS", "0")))
"""
"""A program in a server's place: it writes how it was started, and ends after STAYS seconds."""


class Recorded(msgspec.Struct):
    """The start of a recorder; `argv` is without the program."""

    argv: list[str]
    folder: str
    environment: dict[str, str]
    pid: int


def odd(name: str, server: str, place: Path, *, user: str = "") -> Deployment:
    """A server's deployment of a project in a new folder with this name, all paths below it."""
    folder = place / name
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    app = msgspec.structs.replace(APP, directory=str(folder), python=str(programs / "python"))
    what = msgspec.structs.replace(
        deployment(server, folder=str(folder / "deploy")),
        project=project_of(app),
        directory=str(folder),
        bin=str(programs),
        user=user,
        environment={"DJANGO_SETTINGS_MODULE": "shop.settings", "ODD": VALUE},
    )
    program = programs / what.argv[0]
    program.write_text(RECORDER, encoding="utf-8")
    program.chmod(0o755)
    return what


def recorded(what: Deployment) -> Recorded | None:
    """How the program of this deployment was started; None if it was not."""
    path = Path(what.bin) / f"{RECORD}.{what.argv[0]}"
    if not path.is_file():
        return None
    return msgspec.convert(json.loads(path.read_text(encoding="utf-8")), Recorded)


def program(name: str, package: str) -> str:
    """The path of a program that continuous integration has."""
    path = shutil.which(name, path=os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin")))
    return path or missing(f"{name} is not installed; hint: apt install {package}")
