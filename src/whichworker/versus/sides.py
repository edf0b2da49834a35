"""The two sides of a comparison, found and learnt, and one question about both."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.model import Answer, App, Arm, Finding, Question, Request, Subject, Terms, codes
from whichworker.model.comparison_codes import RESPONSES_CHANGED, SIDES_DIFFER
from whichworker.question.ask import ask
from whichworker.question.own import base_of, place_of
from whichworker.question.stages import Asked, Discovered
from whichworker.versus import dependencies, revisions
from whichworker.versus.dependencies import Tree

COMMIT = "commit"
"""The key of an app's origin for its commit; empty for the folder as it is."""
TODAY = "the folder"
"""The side of the app as it is now, with changes that are not committed."""
USUAL = "gthread,uvicorn"
"""The setups of a comparison without `--servers`, if no file of the project starts one."""
ORIGIN_SECONDS = 30
ORIGIN = (
    "import importlib.util, sys; found = importlib.util.find_spec(sys.argv[1]);"
    " print((found.origin or '') if found else '')"
)


class Side(Struct, frozen=True):
    """One side: its name, and the app as a race names it, seen from `here`.

    A version of the app has its `commit`, and its files as a `tree`.
    """

    label: str
    app: str | None
    here: Path
    options: RaceOptions
    commit: str = ""
    tree: Tree | None = None


def ask_of(side: Side, cache: Path, terms: Callable[[Terms], Terms]) -> Asked:
    """The options of a side, checked; without `--servers` the project's own setup is raced."""
    named = bool(side.options.servers)
    options = side.options if named else _with(side.options, servers=USUAL)
    asked = ask(side.app, options, side.here, cache)
    asked = msgspec.structs.replace(asked, terms=terms(asked.terms))
    return asked if named else msgspec.structs.replace(asked, today=True)


def of_setups(found: Discovered) -> Discovered:
    """The same with its two setups; raises UsageError for another number."""
    if len(found.arms) != 2:
        named = ", ".join(arm.name for arm in found.arms)
        raise UsageError(
            f"a comparison has two sides, not {len(found.arms)}: {named}",
            hint="name two: --servers A,B; or two versions of the app: --app-at REV",
        )
    return found


def at_revisions(
    names: Sequence[str],
    app: str | None,
    options: RaceOptions,
    here: Path,
    folder: Path,
) -> Iterator[Side]:
    """The app at one or two revisions, each below `folder`, and in its own folder if at one.

    Raises UsageError for a revision that does not exist, and for what has only one version.
    """
    _check(names, app, options)
    base = base_of(here, app)
    for number, name in enumerate(names):
        found = revisions.find(name, base)
        place = folder / f"{number}-{found.commit[:12]}" / found.root.name  # apps have its name
        revisions.write(found, place)
        below = base.resolve().relative_to(found.root)
        there = place / below
        if not there.is_dir():
            raise UsageError(
                f"{name} has no folder {below}",
                hint="name a version that has the app",
            )
        named = app if app is not None and not Path(app).is_dir() else None
        tree = Tree(there, place)
        yield Side(name, named, there, _moved(options, here, app, there), found.commit, tree)
    if len(names) == 1:
        yield Side(TODAY, app, here, options)


def interpreters(
    sides: Sequence[Side], base: Path, python: str, cache: Path, note: Callable[[str], None]
) -> list[Side]:
    """The sides with their interpreters: `python` is the one of the app in the folder `base`."""
    base = base.resolve()
    today = Tree(base, revisions.root_of(base))
    found = []
    for side in sides:
        own = python
        if side.tree is not None:
            own = dependencies.python_of(side.tree, today, python, cache, note)
        options = _with(side.options, python=(own,))
        found.append(msgspec.structs.replace(side, options=options))
    return found


def check_origin(side: Side, app: App) -> None:
    """Raise UsageError if the app's module would be imported from another version's files."""
    target = app.wsgi or app.asgi or ""
    module = target.partition(":")[0].partition(".")[0]
    if not side.commit or not module or app.shim:
        return
    path = ":".join([app.directory, *app.paths])
    run = subprocess.run(
        [app.python, "-c", ORIGIN, module],
        cwd=app.directory,
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=ORIGIN_SECONDS,
        check=False,
    )
    origin = run.stdout.strip()
    if origin and Path(app.directory).resolve() not in Path(origin).resolve().parents:
        raise UsageError(
            f"{side.label} would import {module} from {origin}, which is another version of it",
            hint=f"uninstall {module} from the app's environment, or install it without its code",
        )


def one_question(
    sides: Sequence[Side], found: Sequence[Discovered], learnt: Sequence[Subject]
) -> tuple[Question, list[Finding]]:
    """The question about one setup on both versions of the app, and what differs between them.

    Raises UsageError if no request can be compared.
    """
    first, second = learnt
    requests, findings = common(
        (first.workload.requests, second.workload.requests),
        (sides[0].label, sides[1].label),
        named=second.workload.learn == "named" or _named(sides[1].options),
    )
    arms = [
        msgspec.structs.replace(arm, name=side.label, python=side.label, today="")
        for side, one in zip(sides, found, strict=True)
        for arm in (setup_of(one),)
    ]
    if arms[0].settings != arms[1].settings or arms[0].server != arms[1].server:
        text = f"{arms[0].server} in {sides[0].label}, {arms[1].server} in {sides[1].label}"
        findings.append(SIDES_DIFFER.finding(f"The two versions start other setups: {text}"))
    apps = {
        side.label: _of_commit(one.question.apps[setup_of(one).python], side.commit)
        for side, one in zip(sides, found, strict=True)
    }
    subject = msgspec.structs.replace(
        second, apps=apps, workload=msgspec.structs.replace(second.workload, requests=requests)
    )
    asked = found[1].asked
    question = Question(terms=asked.terms, subject=subject, arms=tuple(arms), budget=asked.budget)
    return question, findings


def _of_commit(app: App, commit: str) -> App:
    """The app with its commit among the facts that the journal keeps."""
    return msgspec.structs.replace(app, origin={**app.origin, COMMIT: commit})


def common(
    both: tuple[Sequence[Request], Sequence[Request]], labels: tuple[str, str], *, named: bool
) -> tuple[tuple[Request, ...], list[Finding]]:
    """The requests that both versions respond to, with what their responses have in common.

    Raises UsageError if there are none, or if one that the user named gives two statuses.
    """
    first = {_key(one): one for one in both[0]}
    kept: list[Request] = []
    changed: list[str] = []
    lost = [one.title for one in both[1] if _key(one) not in first]
    keys = {_key(one) for one in both[1]}
    lost += [one.title for one in both[0] if _key(one) not in keys]
    for request in both[1]:
        other = first.get(_key(request))
        if other is None:
            continue
        if other.answer == request.answer:
            kept.append(request)
            continue
        statuses = other.answer.status, request.answer.status
        if statuses[0] != statuses[1]:
            text = f"{request.title} has status {statuses[0]} in {labels[0]}"
            text += f" and {statuses[1]} in {labels[1]}"
            if named:
                raise UsageError(text, hint="name a path that both versions have: --url /path")
            lost.append(text)
            continue
        changed.append(request.title)
        alike = tuple(one for one in request.answer.headers if one in other.answer.headers)
        answer = Answer(status=request.answer.status, headers=alike)
        kept.append(msgspec.structs.replace(request, answer=answer))
    if not kept:
        raise UsageError(
            f"{labels[0]} and {labels[1]} have no request in common",
            seen="\n".join(lost[:6]),
            hint="name a path that both versions have: --url /path",
        )
    findings = []
    if changed:
        text = f"{len(changed)} of {len(kept)} requests have another response in {labels[1]}"
        findings.append(RESPONSES_CHANGED.finding(text, evidence="\n".join(changed[:20])))
    if lost:
        findings.append(
            codes.REQUESTS_LEFT_OUT.finding(
                f"{len(lost)} requests are not compared: only one version has them",
                evidence="\n".join(lost[:20]),
            )
        )
    return tuple(kept), findings


def _key(request: Request) -> tuple[str, str, bytes, str]:
    return request.method, request.path, request.body, request.name


def _named(options: RaceOptions) -> bool:
    return bool(options.url) or options.workload.startswith("/")


def setup_of(found: Discovered) -> Arm:
    """The setup to compare with: the named one, else the project's own, else a usual one."""
    able = [
        arm
        for arm in found.arms
        if found.question.apps[arm.python].target(arm.interface) is not None
    ]
    if found.asked.options.servers == USUAL:
        return next((arm for arm in able if arm.today), able[0])
    if len(found.arms) != 1:
        raise UsageError(
            f"two versions of the app are compared on one setup, not on {len(found.arms)}",
            hint="name one: --servers gthread",
        )
    return found.arms[0]


def _check(names: Sequence[str], app: str | None, options: RaceOptions) -> None:
    if len(names) > 2 or len(set(names)) < len(names):
        raise UsageError(
            f"--app-at takes one or two different versions, not {', '.join(names)}",
            hint="one is compared with the folder as it is",
        )
    if app is not None and app.startswith("builtin:"):
        raise UsageError(
            "the built-in apps have one version only",
            hint="compare setups: whichworker versus --servers A,B",
        )
    if len(options.python) > 1:
        raise UsageError(
            "two versions of the app are compared on one interpreter",
            hint="give one --python, or none",
        )
    if options.login:
        raise UsageError(
            "two versions of the app do not share a login: each has its own copy of local files",
            hint="compare pages that need no login: --url /path",
        )


def _moved(options: RaceOptions, here: Path, app: str | None, there: Path) -> RaceOptions:
    """The options as seen from the other version's folder: its own env file if it has one."""
    if not options.env_file or (there / options.env_file).is_file():
        return options
    return _with(options, env_file=str(place_of(here, app, options.env_file).resolve()))


def _with(options: RaceOptions, **changes: object) -> RaceOptions:
    return msgspec.structs.replace(options, **changes)
