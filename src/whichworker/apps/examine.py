"""Import the app once, in its own interpreter, before anything is planned: what cannot be imported cannot be raced."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec

from whichworker.apps import builtin
from whichworker.errors import UsageError
from whichworker.model import App, Finding

IMPORT_SECONDS = 60

LOOK = """
import importlib, inspect, json, sys
module, _, path = sys.argv[1].partition(":")
found = importlib.import_module(module)
for part in path.split("."):
    found = getattr(found, part)
call = found if inspect.isfunction(found) or inspect.isclass(found) else getattr(type(found), "__call__", found)
asgi = inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(call)
settings = sys.modules.get("django.conf")
debug = bool(settings and settings.settings.configured and settings.settings.DEBUG)
print(json.dumps({"asgi": asgi, "debug": debug}))
"""


def look(target: str, python: str, directory: str, environment: dict[str, str], cache: Path) -> dict[str, bool]:
    """Whether a `module:attribute` is an ASGI callable, and whether Django runs with DEBUG.

    Raises UsageError with the end of the traceback where it cannot be imported.
    """
    path = os.pathsep.join(filter(None, [directory, os.environ.get("PYTHONPATH", "")]))
    variables = {**os.environ, **environment, "PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(cache / "pycache")}
    variables.pop("VIRTUAL_ENV", None)
    try:
        run = subprocess.run(
            [python, "-c", LOOK, target],
            cwd=directory,
            env=variables,
            capture_output=True,
            text=True,
            timeout=IMPORT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"importing {target} did not end within {IMPORT_SECONDS} s") from error
    if run.returncode:
        lines = run.stderr.strip().splitlines() or ["no message"]
        hint = f"it is imported in {directory} by {python}; --python names another interpreter"
        raise UsageError(f"the app {target} cannot be imported: {lines[-1]}", seen="\n".join(lines[-8:]), hint=hint)
    found: dict[str, bool] = msgspec.json.decode(run.stdout.splitlines()[-1])
    return found


def examine(app: App, cache: Path) -> list[Finding]:
    """What importing an app shows; raises UsageError where it cannot be imported. The built-in apps are known."""
    if app.name.startswith(builtin.PREFIX):
        return []
    findings = []
    seen = [look(target, app.python, app.directory, app.environment, cache) for target in (app.wsgi, app.asgi) if target]
    if any(found["debug"] for found in seen):
        text = "DEBUG is on: Django keeps every query and answers with debug pages, so these are not the numbers of a deployment"
        findings.append(Finding(code="debug-on", severity="warning", text=text, hint="race with the settings you deploy"))
    if (Path(app.directory) / "gunicorn.conf.py").is_file():
        text = "gunicorn reads the gunicorn.conf.py of this folder: its arms run with settings that are not shown here"
        findings.append(Finding(code="gunicorn-conf", severity="warning", text=text))
    return findings
