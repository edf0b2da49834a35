"""Why an app cannot be imported, and what to do: install, set variables, or choose others."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from whichworker.apps import django_project, environment_files
from whichworker.environments import own_python
from whichworker.errors import UsageError
from whichworker.model import App
from whichworker.process import tracebacks

SHOWN_LINES = 8
MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
UNSET = re.compile(
    r"environment variable|\benvvar\b|\.env\b(?!/)|is missing, and has no default"
    r"|setting must not be empty|validation errors? for \w*(settings|config)\b"
    r"|(?-i:KeyError: ['\"][A-Z][A-Z0-9_]+['\"])",
    re.IGNORECASE,
)
"""Messages about a variable that is not set, of the standard library and of the packages that
read settings: pydantic, environs, django-environ, decouple, Starlette, Flask."""
NO_FILE = re.compile(r"(?:FileNotFoundError|Config file)\b.*?'([^']*\.env[^'/]*)'")
REFUSED = re.compile(r"connection refused|\bErr(no|or) 111\b", re.IGNORECASE)
INSTALLS = {
    "uv.lock": "uv sync",
    "poetry.lock": "poetry install",
    "pdm.lock": "pdm install",
    "Pipfile": "pipenv install",
    "requirements.txt": "pip install -r requirements.txt",
    "pyproject.toml": "pip install .",
    "setup.py": "pip install .",
}
"""By a file of the project, the command that installs its dependencies; the first one counts."""


def endless(imported: str, ports: Sequence[int], seconds: int) -> UsageError:
    """The error for an import that did not end in time, with the ports on which it listens."""
    if ports:
        return UsageError(
            f"importing {imported} starts a server of its own on port {ports[0]}, and does not end",
            hint='put that call below: if __name__ == "__main__":',
        )
    return UsageError(
        f"importing {imported} took longer than {seconds} s",
        hint="move slow work out of its modules, into functions",
    )


def not_importable(
    imported: str, log: str, app: App, variables: Mapping[str, str], here: Path
) -> UsageError:
    """The error for an import that failed with these variables; `here` is the current folder."""
    lines = log.strip().splitlines() or ["no message"]
    fact = tracebacks.fact_of(log) or lines[-1]
    return UsageError(
        f"the app {app.name if app.shim else imported} cannot be imported: {fact}",
        seen=tracebacks.shown(log, SHOWN_LINES),
        hint=_hint(imported, lines, app, variables, here),
    )


def _hint(
    imported: str, lines: Sequence[str], app: App, variables: Mapping[str, str], here: Path
) -> str:
    missing = next((match for line in reversed(lines) if (match := MISSING.search(line))), None)
    if missing and missing[1].partition(".")[0] != imported.partition(":")[0].partition(".")[0]:
        return _installation(missing[1], app)
    message = "\n".join(lines[tracebacks.exception_at(lines) or -1 :])
    chosen = bool(variables.get(django_project.VARIABLE))  # it is those settings that fail
    for named_by in () if chosen else ("served", "manage"):
        settings = app.origin.get(named_by, "")
        if settings and django_project.VARIABLE in message:
            file = {"served": app.origin["settings"], "manage": "manage.py"}[named_by]
            return f"set {django_project.VARIABLE}={settings}, which {file} names"
    if (absent := NO_FILE.search(message)) is not None:
        return f"the app reads {os.path.normpath(absent[1])} itself: write this file first"
    if REFUSED.search(message):
        return "the app connects to a service while it is imported: start this service first"
    if UNSET.search(message):
        return _variables(app, here)
    how = f"{app.python} imports it in {app.directory}; --python names another interpreter"
    if (settings := app.origin.get("manage", "")) and not chosen:
        return f"{how}; {django_project.VARIABLE}={settings} races the settings of manage.py"
    if not app.environment_file and environment_files.beside(Path(app.directory), here):
        return f"{how}; {_variables(app, here)}"
    return how


def _variables(app: App, here: Path) -> str:
    """How to set the variables that the app needs, with the file of the project that has them."""
    folder = Path(app.directory)
    if app.environment_file:
        return f"add what is missing to {app.environment_file}, or to the variables of your shell"
    if found := environment_files.beside(folder, here):
        name = os.path.relpath(found, here)
        return f"{name} was not read: add --env-file {name}"
    how = "set the variables that the app needs, in your shell or by --env-file FILE"
    if example := environment_files.example(folder, here):
        return f"{how}; {os.path.relpath(example, here)} is the project's example of such a file"
    return how


def _installation(module: str, app: App) -> str:
    """How to install what is missing: into the app's environment, or into a new one."""
    found = [
        (place, how)
        for place in own_python.upwards(Path(app.directory))
        for name, how in INSTALLS.items()
        if (place / name).is_file()
    ]
    where, how = found[0] if found else (Path(app.directory), "")
    if app.origin.get("python") != own_python.NONE_FOUND:
        command = f" ({how} in {where})" if how else ""
        return (
            f"{app.python} has no module {module}: install the app's dependencies there{command},"
            " or name another interpreter: --python PATH"
        )
    makes = how.split()[0] in ("uv", "poetry", "pdm", "pipenv") if how else False
    new = how if makes else f"python -m venv .venv && .venv/bin/{how or 'pip install …'}"
    return (
        f"no environment of the app was found (VIRTUAL_ENV, .venv): make one in {where} ({new}),"
        " or name its interpreter: --python PATH"
    )
