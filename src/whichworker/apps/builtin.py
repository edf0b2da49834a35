"""The built-in apps, as a literal table."""

from __future__ import annotations

import hashlib
import os
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

from whichworker.apps import environments, locks
from whichworker.errors import EnvironmentFailed, UsageError
from whichworker.model import App

PREFIX = "builtin:"
BUILTIN = {"django": "django_project"}
WSGI, ASGI = "aviary.wsgi:application", "aviary.asgi:application"


def app(name: str, base: str, cache: Path) -> App:
    """A built-in app on this base interpreter: environment built and database seeded on first use, both in the cache folder.

    `builtin:django` has the newest Django of its interpreter, `builtin:django@5.2` the one of that lock file.
    """
    short, _, version = name.removeprefix(PREFIX).partition("@")
    if short not in BUILTIN:
        raise UsageError(f"no built-in app is called {name!r}", hint=f"one of {', '.join(PREFIX + known for known in BUILTIN)}")
    with as_file(files("whichworker.apps.samples") / BUILTIN[short]) as folder:
        directory = Path(folder)
    interpreter = environments.application(cache, short, _lock(directory, short, version), base)
    django = interpreter.packages["django"]
    data = cache / "data" / f"{short}-{django}-{digest_of_rows(directory)}"
    built = App(
        name=name,
        directory=str(directory),
        python=interpreter.path,
        wsgi=WSGI,
        asgi=ASGI,
        environment={"DJANGO_SETTINGS_MODULE": "aviary.settings", "WHICHWORKER_SAMPLE_DATA": str(data)},
        setup=((interpreter.path, "manage.py", "seed"),),
        ready_path="/json",
        origin={"app": f"built in, Django {django}", "python": f"{base} ({interpreter.version})"},
    )
    seed(built, data, cache)
    return built


def _lock(directory: Path, short: str, version: str) -> Path:
    """The lock file of a version of the framework, or the one that fits any interpreter where none is named."""
    known = sorted(path.stem.removeprefix("requirements-") for path in directory.glob("requirements-*.lock"))
    if version and version not in known:
        hint = f"{PREFIX}{short}, or one of {', '.join(f'{PREFIX}{short}@{other}' for other in known)}"
        raise UsageError(f"the built-in {short} app is not locked to version {version!r}", hint=hint)
    return directory / (f"requirements-{version}.lock" if version else "requirements.lock")


def digest_of_rows(directory: Path) -> str:
    """What the database is made of: other migrations or rows mean another database, never a half-changed one."""
    digest = hashlib.sha256()
    for path in sorted(
        [*directory.glob("*/migrations/0*.py"), *directory.glob("*/*.json"), *directory.glob("*/management/commands/seed.py")]
    ):
        digest.update(path.relative_to(directory).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def seed(built: App, data: Path, cache: Path) -> None:
    """Run the app's setup steps once; a seeding that was cut short is begun again."""

    def make() -> None:
        data.mkdir(parents=True)
        environment = {**os.environ, **built.environment, "PYTHONPYCACHEPREFIX": str(cache / "pycache")}
        for step in built.setup:
            run = subprocess.run(step, cwd=built.directory, env=environment, capture_output=True, text=True, timeout=120, check=False)
            if run.returncode:
                raise EnvironmentFailed(f"the database of {built.name} could not be seeded", seen=run.stderr[-2000:])

    locks.once(data, make)
