"""Arm names: `family-class[-loop][@version][/python][key=value,…]`, and unique short names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.model import Arm, Knob, SettingValue
from whichworker.servers import table
from whichworker.servers.protocol import Server

_NAME = re.compile(
    r"(?P<name>[a-z0-9-]+)"
    r"(?:@(?P<source>(?:\.{0,2}/|~/|git\+)[^\[\]]+|[^\[\]]+\.whl)"
    r"|(?:@(?P<version>[\w.!+]+))?(?:/(?P<python>[\w.]+))?)"
    r"(?:\[(?P<settings>[^\[\]]*)\])?",
    re.ASCII,
)
"""A source, which is a path or git+URL, takes the place of version and interpreter."""
SOURCE = re.compile(r"(?:\.{0,2}/|~/|git\+).+|.+\.whl")


class Wanted(Struct, frozen=True):
    """The parts of an arm name, with the full server name."""

    server: str
    version: str | None
    python: str | None
    settings: dict[str, str]

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        python = f"/{self.python}" if self.python else ""
        settings = ",".join(f"{key}={value}" for key, value in self.settings.items())
        return self.server + version + python + (f"[{settings}]" if settings else "")


LATEST = "latest"
GROUPS = ("all-wsgi", "all-asgi")


def split(text: str) -> list[str]:
    """Split a list of arm names at its commas, but not at those inside brackets."""
    return [part.strip() for part in re.findall(r"(?:\[[^\]]*\]?|[^,\[])+", text) if part.strip()]


def chosen(text: str) -> list[str]:
    """The names of a list; the usual contenders for an empty one.

    `all-wsgi` and `all-asgi` are all servers of that interface that do not take minutes to build.
    """
    found: list[str] = []
    for name in split(text) or table.CONTENDERS:
        interface = name.removeprefix("all-")
        if name in GROUPS:
            servers = ((known, table.load(known)) for known in table.names())
            found += [
                known
                for known, server in servers
                if server.interface == interface and not server.opt_in
            ]
        else:
            found.append(name)
    return found


def parse(text: str) -> Wanted:
    """Parse one arm name; raises UsageError, with candidates, if it is unknown or ambiguous."""
    match = _NAME.fullmatch(text.strip())
    if not match:
        raise UsageError(
            f"not the name of a server setup: {text!r}",
            hint="names look like granian-wsgi@2.8.7/3.12[workers=2,threads=4]",
        )
    settings: dict[str, str] = {}
    for part in filter(str.strip, (match["settings"] or "").split(",")):
        key, _, value = (word.strip() for word in part.partition("="))
        if key in settings:
            raise UsageError(f"{text!r} sets {key} twice")
        settings[key] = value
    version = match["source"] or match["version"]
    return Wanted(resolve(match["name"]), version, match["python"], settings)


def resolve(name: str) -> str:
    """The full name: itself, a worker class of gunicorn, or the only name with these parts."""
    known = table.names()
    if name in known:
        return name
    if f"gunicorn-{name}" in known:  # sync, gthread, gevent, asgi: the words of `gunicorn -k`
        return f"gunicorn-{name}"
    parts = set(name.split("-"))
    candidates = [full for full in known if parts <= set(full.split("-"))]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise UsageError(
            f"{name!r} is not unique: {', '.join(candidates)}", hint="give the full name"
        )
    families = {full.partition("-")[0] for full in known}
    close = difflib.get_close_matches(name, [*known, *families], n=1)
    meant = [full for full in known if close and full.startswith(close[0])]
    raise UsageError(
        f"no server is called {name!r}",
        hint=f"did you mean {' or '.join(meant)}?"
        if meant
        else "`whichworker servers` lists all names",
    )


def contender(wanted: Wanted, python: str, *, cores: int) -> Arm:
    """The arm of a name, with the server's defaults for `cores` cores.

    `python` is the label of its interpreter; the arm's name has it only if `wanted` has one.
    """
    server = table.load(wanted.server)
    chosen = {
        name: setting(server, wanted.server, name, value) for name, value in wanted.settings.items()
    }
    return Arm(
        name=str(wanted),
        server=wanted.server,
        kind=server.kind,
        family=server.family,
        interface=server.interface,
        requirements=held(server.requirements, wanted),
        python=python,
        settings={**server.settings(cores), **chosen},
        apart=wanted.version is not None,
    )


def held(requirements: tuple[str, ...], wanted: Wanted) -> tuple[str, ...]:
    """The packages to install, the first at the wanted version; raises UsageError without any.

    `latest` is the newest one, even if the app's environment has another.
    """
    if not requirements and wanted.version:
        raise UsageError(f"{wanted.server} has no versions: nothing is installed for it")
    return tuple(
        pin(requirement, None if rank or wanted.version == LATEST else wanted.version)
        for rank, requirement in enumerate(requirements)
    )


def pin(requirement: str, version: str | None) -> str:
    """A requirement at one version or source, with its extras; unchanged without a version."""
    if version is None:
        return requirement
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    held = Requirement(requirement)
    if SOURCE.fullmatch(version):
        held.specifier, held.url = SpecifierSet(), _address(version)
    else:
        held.specifier, held.url = SpecifierSet(f"=={version}"), None
    return str(held)


def _address(source: str) -> str:
    """The URL of a source, whose relative path begins in the current folder; raises UsageError."""
    if source.startswith("git+"):
        return source
    path = Path(source).expanduser().absolute()
    if not path.exists():
        raise UsageError(
            f"there is no wheel or folder {path}", hint="name one that exists, or git+URL"
        )
    return path.as_uri()


def setting(server: Server, arm: str, name: str, value: str) -> SettingValue:
    """Check one setting against the server's knobs; raises UsageError with the choices."""
    knobs: dict[str, Knob] = {knob.name: knob for knob in server.knobs}
    if name not in knobs:
        raise UsageError(
            f"{arm} has no setting {name!r}", hint=f"it has {', '.join(knobs) or 'none at all'}"
        )
    knob = knobs[name]
    if knob.choices:
        if value not in knob.choices:
            raise UsageError(
                f"{arm}: {name} cannot be {value!r}", hint=f"one of {', '.join(knob.choices)}"
            )
        return value
    if not value.isascii() or not value.isdigit() or int(value) < knob.least:
        raise UsageError(
            f"{arm}: {name} must be a whole number of at least {knob.least}, not {value!r}"
        )
    return int(value)


def number_copies(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """Name the second arm of the same name `#2`, the third `#3`: a race of copies is allowed."""
    seen: dict[str, int] = {}
    numbered = []
    for arm in arms:
        seen[arm.name] = seen.get(arm.name, 0) + 1
        copy = seen[arm.name]
        numbered.append(
            arm if copy == 1 else msgspec.structs.replace(arm, name=f"{arm.name}#{copy}")
        )
    return tuple(numbered)
