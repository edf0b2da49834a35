"""Cached environments: those of the built-in apps, and an overlay for each server and app.

An overlay is a virtual environment of the app's base interpreter. It has only the packages that the
app lacks, resolved under `==` constraints of the app's packages, and a `.pth` line that adds the
app's site-packages after its own. If the app has the server itself, that version is used, by a
script of the overlay. The app's environment is never written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from whichworker.environments import lock_files, locks, scripts
from whichworker.environments.installer import run_uv
from whichworker.environments.interpreters import Interpreter, inspect
from whichworker.environments.resolution import LOCKED, Pins, install, pinned
from whichworker.environments.variables import BYTE_CODE
from whichworker.model import Environment, Resolution
from whichworker.model.distributions import distribution

DESCRIPTION = "environment.json"
REQUIREMENTS = "requirements.txt"
TOOLS = ("pip", "setuptools", "wheel")
"""Packages of an app's environment that do not bind a server's."""


def application(
    cache: Path, name: str, lock: Path, base: str, wish: Resolution = LOCKED
) -> Interpreter:
    """The environment of a built-in app on this base interpreter; built on first use.

    It has what is in the lock file, or the newest versions of a moment for the requirements beside
    it (`.in`). Raises EnvironmentFailed.
    """
    source = lock if wish.locked else lock.with_suffix(".in")
    text = lock.read_text(encoding="utf-8")
    key = digest(name, text if wish.locked else str(wish.as_of), base, inspect(base).version)

    def build(place: Path) -> None:
        if wish.locked:
            install(cache, place, source, lock_files.moment(text))
            return
        pins = pinned(cache, place, source, wish)
        install(cache, place, pins.file, pins.resolution.as_of if pins.resolution else None)

    return inspect(prepare(cache / "apps" / f"{name}-{key}", base, cache, build) / "bin/python")


def overlay(
    cache: Path,
    app: Interpreter,
    requirements: tuple[str, ...],
    wish: Resolution = LOCKED,
    *,
    apart: bool = False,
) -> Environment:
    """The environment for a server with these requirements and this app; built on first use.

    The server has the app's own version of it, if there is one, unless it is `apart`. Raises
    EnvironmentFailed, with uv's message, if the two conflict: a finding, never an upgrade.
    """
    first = distribution(requirements[0]) if requirements else "python"
    wanted = frozenset(map(distribution, requirements))
    own = scripts.of_app(app, wanted - {first} if apart else wanted)
    lock = lock_files.for_server(requirements) if wish.locked else ""
    key = digest(
        *requirements,
        app.base,
        app.version,
        app.site,
        *(f"{name}=={app.packages[name]}" for name in sorted(app.packages)),
        *(["apart"] if apart else []),
        *([scripts.SCRIPT] if own else []),
        lock or (lock_files.day_of_servers() if wish.locked else str(wish.as_of)),
    )
    kept = {name: found.version for name, found in own.items() if scripts.has_program_only(found)}

    def build(place: Path) -> None:
        again = {*kept, first} if apart else {*kept}
        pins = resolve(cache, place, app, requirements, wish, again, kept)
        if pins is not None and pins.resolution is not None:
            install(cache, place, pins.file, pins.resolution.as_of)
        site = Path(inspect(place / "bin/python").site)
        (site / "_whichworker_app.pth").write_text(
            f"import site; site.addsitedir({app.site!r})\n", encoding="utf-8"
        )

        scripts.write(place, own)
        found = inspect(place / "bin/python")
        version = (
            found.packages.get(first)
            or found.packages.get(first.replace("-", "_"))
            or app.packages.get(first, "")
        )
        environment = Environment(
            python=found.path,
            bin=str(place / "bin"),
            version=version if requirements else found.version,
            python_version=found.version,
            packages=found.packages,
            resolution=pins.resolution if pins else None,
        )
        (place / DESCRIPTION).write_bytes(msgspec.json.encode(environment))

    place = prepare(cache / "overlays" / f"{first}-{key}", app.base, cache, build)
    return msgspec.json.decode((place / DESCRIPTION).read_bytes(), type=Environment)


def resolve(
    cache: Path,
    place: Path,
    app: Interpreter,
    requirements: tuple[str, ...],
    wish: Resolution,
    again: Collection[str] = (),
    kept: Mapping[str, str] | None = None,
) -> Pins | None:
    """The required packages that the app lacks, pinned; the app's own versions stay.

    Those `again` are installed even if the app has them, those `kept` at these versions. None for a
    server of the standard library.
    """
    wanted = place / REQUIREMENTS
    lines = [*requirements, *(f"{name}=={version}" for name, version in (kept or {}).items())]
    wanted.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if not requirements:
        return None
    have = {
        name: version
        for name, version in app.packages.items()
        if name not in TOOLS and canonicalize_name(name) not in again
    }
    lock = lock_files.for_server(requirements) if wish.locked else ""
    return pinned(cache, place, wanted, wish, lock=lock, have=have)


def prepare(place: Path, base: str, cache: Path, build: Callable[[Path], None]) -> Path:
    """Build an environment at `place` unless a complete one exists, and keep it in use."""

    def make() -> None:
        run_uv(cache, "venv", "--quiet", "--no-project", "--python", base, str(place))
        build(place)

    locks.share(cache / BYTE_CODE)
    return locks.once(place, make)


def digest(*parts: str) -> str:
    """A short name for everything that decides the content of an environment."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
