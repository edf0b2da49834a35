"""Workers that are forked from a loaded app share the memory that is not written to again."""

from __future__ import annotations

from functools import partial

from whichworker.model import Settings
from whichworker.result import ArmResult, Audit, Result
from whichworker.units import show_bytes

NAME = "preload-app"
Outcome = partial(Audit, name=NAME, title="workers share the memory of the app")
LEAST_SAVING = 0.05
"""Share of the memory; two launches differ by less than this."""
DIFF = """# gunicorn.conf.py
+preload_app = True
"""


def audit(result: Result, best: ArmResult) -> Audit:
    """By the memory (PSS) of the same arm with preload: it must save memory and cost no speed."""
    workers = best.settings.get("workers")
    if best.server != "gunicorn" or not isinstance(workers, int):
        evidence = f"whichworker has no such setting for {best.server}"
        return Outcome(state="not applicable", evidence=evidence)
    if workers < 2:
        return Outcome(state="not applicable", evidence="a single worker has nothing to share")
    if best.settings.get("preload") == "yes":
        return Outcome(state="passed", evidence="the app is preloaded")
    wanted: Settings = {**best.settings, "preload": "yes"}
    alike = (best.server, best.kind, best.version, best.python, wanted)
    twin = next(
        (
            arm
            for arm in result.arms
            if (arm.server, arm.kind, arm.version, arm.python, arm.settings) == alike
        ),
        None,
    )
    if twin is None or twin.memory_bytes is None or best.memory_bytes is None:
        name = best.name.partition("#")[0].partition("[")[0]
        named = ",".join(f"{key}={value}" for key, value in wanted.items())
        evidence = f"it was not measured with preload: add {name}[{named}] to the race"
        return Outcome(state="not applicable", evidence=evidence)
    saved = 1 - twin.memory_bytes / best.memory_bytes
    sizes = f"{twin.name} needs {show_bytes(twin.memory_bytes)} of memory with preload,"
    sizes += f" {show_bytes(best.memory_bytes)} without"
    if any((claim.better, claim.worse) == (best.name, twin.name) for claim in result.claims):
        return Outcome(state="passed", evidence=f"{sizes}, but preloading makes it slower")
    if saved < LEAST_SAVING:
        return Outcome(state="passed", evidence=f"{sizes}, which saves too little")
    problem, evidence = "Workers do not share the memory of the app", f"{sizes}: {saved:.0%} less"
    return Outcome(state="failed", problem=problem, evidence=evidence, diff=DIFF)
