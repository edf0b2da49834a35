"""The built-in apps, as a literal table."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

from msgspec import Struct, field

from whichworker.environments import locks, venvs
from whichworker.environments.resolution import LOCKED
from whichworker.environments.variables import byte_code
from whichworker.errors import EnvironmentFailed, UsageError
from whichworker.model import App, Resolution
from whichworker.model.arms import BUILTIN_PREFIX
from whichworker.process import contained, scratch

WSGI, ASGI = "aviary.wsgi:application", "aviary.asgi:application"
SEED_SECONDS = 120
"""For one setup step; on most machines it takes a few seconds."""
ALONE = {"DATABASE_URL": "", "REDIS_URL": ""}
"""A built-in app uses a service only on request, never because the shell has a variable for it."""
DIRECT = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
"""Calls to an upstream on this machine bypass the user's proxy."""


class Sample(Struct, frozen=True, kw_only=True):
    """A built-in app: folder, callables, framework, and the commands and files of its database."""

    folder: str
    framework: str
    title: str
    wsgi: str | None = None
    asgi: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    seed: tuple[str, ...]
    rows: tuple[str, ...]


DJANGO_ROWS = (
    "django_project/*/migrations/0*.py",
    "django_project/*/*.json",
    "django_project/*/management/commands/seed.py",
)

BUILTIN: dict[str, Sample] = {
    "django": Sample(
        folder="django_project",
        framework="django",
        title="Django",
        wsgi=WSGI,
        asgi=ASGI,
        environment={"DJANGO_SETTINGS_MODULE": "aviary.settings"},
        seed=("manage.py", "seed"),
        rows=DJANGO_ROWS,
    ),
    "fastapi": Sample(
        folder="fastapi_app",
        framework="fastapi",
        title="FastAPI",
        asgi="roost.main:application",
        seed=("seed.py",),
        rows=("django_project/*/*.json", "fastapi_app/seed.py", "fastapi_app/roost/tables.py"),
    ),
    "fastapi-django": Sample(
        folder="fastapi_django",
        framework="django",
        title="FastAPI around Django",
        asgi="mixed.main:application",
        environment={"DJANGO_SETTINGS_MODULE": "aviary.settings"},
        seed=("../django_project/manage.py", "seed"),
        rows=DJANGO_ROWS,
    ),
}


def sample_of(name: str) -> Sample:
    """A built-in app as it is written; raises UsageError for an unknown name."""
    short = name.removeprefix(BUILTIN_PREFIX).partition("@")[0]
    if short not in BUILTIN:
        raise UsageError(
            f"no built-in app is called {name!r}",
            hint=f"one of {', '.join(BUILTIN_PREFIX + known for known in BUILTIN)}",
        )
    return BUILTIN[short]


def app(
    name: str, base: str, cache: Path, *, extras: bool = False, wish: Resolution = LOCKED
) -> App:
    """A built-in app on this base interpreter; the first use builds its environment and database.

    Both are in the cache folder. `builtin:django` has the newest Django for its interpreter,
    `builtin:django@5.2` that of the lock file. With `extras` the environment includes HTTP clients,
    brotli, and drivers for PostgreSQL and Redis. `wish` chooses the versions. Raises UsageError for
    an unknown name, and EnvironmentFailed if a build or the seeding fails.
    """
    short, _, wanted = name.removeprefix(BUILTIN_PREFIX).partition("@")
    sample = sample_of(name)
    with as_file(files("whichworker.samples")) as folder:
        samples = Path(folder)
    directory = samples / sample.folder
    lock = _lock(directory, short, wanted, extras)
    environment = f"{short}-studies" if extras else short
    interpreter = venvs.application(cache, environment, lock, base, wish)
    version = interpreter.packages[sample.framework]
    place = cache / "data" / f"{short}-{version}-{digest_of_rows(samples, sample)}"
    built = App(
        name=name,
        directory=str(directory),
        python=interpreter.path,
        wsgi=sample.wsgi,
        asgi=sample.asgi,
        environment={
            **sample.environment,
            **ALONE,
            "WHICHWORKER_SAMPLE_DATA": str(place),
            **({"WHICHWORKER_EXTRAS": "1", **DIRECT} if extras else {}),
        },
        setup=((interpreter.path, *sample.seed),),
        ready_path="/json",
        origin={
            "app": f"built in, {sample.title} {version}",
            "python": f"{base} ({interpreter.version})",
        },
    )
    seed(built, place, cache)
    return built


def _lock(directory: Path, short: str, version: str, extras: bool) -> Path:
    """The lock file of this version of the framework, or the general one for any interpreter."""
    suffix = "-studies" if extras else ""
    pattern = re.compile(rf"requirements-(\d[\d.]*){suffix}\.lock")
    known = sorted(
        match[1] for path in directory.iterdir() if (match := pattern.fullmatch(path.name))
    )
    if version and version not in known:
        versions = ", ".join(f"{BUILTIN_PREFIX}{short}@{other}" for other in known)
        hint = f"{BUILTIN_PREFIX}{short}, or one of {versions}"
        raise UsageError(
            f"the built-in {short} app is not locked to version {version!r}", hint=hint
        )
    return directory / f"requirements{'-' + version if version else ''}{suffix}.lock"


def digest_of_rows(samples: Path, sample: Sample) -> str:
    """A digest of migrations and rows: a change makes another database, never half of one."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in sample.rows for path in samples.glob(pattern)):
        digest.update(path.relative_to(samples).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def seed(built: App, place: Path, cache: Path) -> None:
    """Run the app's setup steps once; after an interruption they start again."""

    def make() -> None:
        place.mkdir(parents=True)
        set_up(built, {}, cache)

    locks.once(place, make)


def set_up(built: App, variables: Mapping[str, str], cache: Path) -> None:
    """Run an app's setup steps with these variables, below a warden.

    Raises EnvironmentFailed with the end of what a step wrote.
    """
    environment = {
        **os.environ,
        **built.environment,
        **variables,
        **byte_code(cache),
    }
    with scratch.folder() as folder:
        for number, step in enumerate(built.setup):
            log = folder / f"step-{number}"
            status = contained.run(step, built.directory, environment, log, SEED_SECONDS)
            if status is None:
                raise EnvironmentFailed(
                    f"seeding the database of {built.name} took longer than {SEED_SECONDS} s"
                )
            if status:
                raise EnvironmentFailed(
                    f"the database of {built.name} could not be seeded",
                    seen=log.read_text(encoding="utf-8", errors="replace")[-2000:],
                )
