"""An environment for each arm: an overlay on the app's own, with the server's packages."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

from whichworker.environments import resolution, sources
from whichworker.environments import venvs as environments
from whichworker.environments.installer import Unresolvable
from whichworker.environments.interpreters import Interpreter, inspect
from whichworker.errors import EnvironmentFailed
from whichworker.model import Arm, Environment, Failure, Question, Resolution, codes
from whichworker.servers.names import LATEST
from whichworker.store.records import Failed, flat


def build(
    question: Question,
    cache: Path,
    note: Callable[[str], None],
    only: Collection[str] | None = None,
) -> tuple[dict[str, Environment], list[Failed]]:
    """The environments of the arms (of `only` these); a reason for each arm without one."""
    found: dict[str, Environment] = {}
    without: list[Failed] = []
    interpreters: dict[str, Interpreter] = {
        label: inspect(app.python) for label, app in question.apps.items()
    }
    for arm in question.arms:
        if only is not None and arm.name not in only:
            continue
        if question.apps[arm.python].target(arm.interface) is None:
            sample = f"it speaks {arm.interface}, and the app has no {arm.interface} callable"
            without.append(
                Failed(
                    arm=arm.name,
                    failures=(Failure(kind="refused", count=1, sample=sample),),
                    refused=True,
                )
            )
            continue
        try:
            note(f"environment of {arm.name}")
            found[arm.name] = environments.overlay(
                cache,
                interpreters[arm.python],
                sources.settled(arm.requirements, interpreters[arm.python].base, cache),
                _wish(arm, question.terms.resolution),
                apart=arm.apart,
            )
        except EnvironmentFailed as error:
            sample = "\n".join(
                filter(None, (error.fact, error.seen, error.hint and f"hint: {error.hint}"))
            )
            without.append(
                Failed(
                    arm=arm.name,
                    failures=(Failure(kind="install", count=1, sample=sample),),
                    refused=isinstance(error, Unresolvable),  # the app's own versions rule it out
                )
            )
    if any(one.resolution is not None and one.resolution.as_of is None for one in found.values()):
        note(codes.UPLOAD_TIMES_MISSING.title)
    return found, without


def _wish(arm: Arm, wish: Resolution) -> Resolution:
    """The newest versions for an arm `@latest`, else those of the question."""
    return resolution.wished(latest=True) if f"@{LATEST}" in arm.name else wish


def digest(question: Question, found: dict[str, Environment]) -> str:
    """The plan as one short word: a run can be resumed only with the same one."""
    packages = {name: (found[name].python_version, found[name].packages) for name in sorted(found)}
    plan = {"question": flat(question), "packages": packages}
    del plan["question"]["budget"]["seconds"]
    return environments.digest(json.dumps(plan, sort_keys=True, default=str))
