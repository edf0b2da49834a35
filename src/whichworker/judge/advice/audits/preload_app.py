"""An app that is loaded once, before its workers are forked, is in memory once: as far as what it loads is never written to again."""

from __future__ import annotations

from whichworker.model import Settings
from whichworker.result import ArmResult, Audit, Result
from whichworker.units import show_bytes

NAME, TITLE = "preload-app", "workers share the memory of the app"
LEAST_SAVING = 0.05
DIFF = """# gunicorn.conf.py
+preload_app = True
"""


def audit(result: Result, best: ArmResult) -> Audit:
    """By the memory (PSS) of the same arm with preload, where both were measured; failed where it saves a twentieth and costs no speed."""
    workers = best.settings.get("workers")
    if best.server != "gunicorn" or not isinstance(workers, int) or workers < 2:
        evidence = (
            "one process has nobody to share with"
            if best.server == "gunicorn"
            else f"{best.server} has no such setting here"
        )
        return Audit(name=NAME, title=TITLE, state="not applicable", evidence=evidence)
    if best.settings.get("preload") == "yes":
        return Audit(name=NAME, title=TITLE, state="passed", evidence="it is preloaded")
    wanted: Settings = {**best.settings, "preload": "yes"}
    alike = (best.server, best.kind, best.version, best.python)
    twin = next(
        (
            arm
            for arm in result.arms
            if (arm.server, arm.kind, arm.version, arm.python) == alike and arm.settings == wanted
        ),
        None,
    )
    if twin is None or twin.memory_bytes is None or best.memory_bytes is None:
        name = best.name.partition("#")[0].partition("[")[0]
        told = ",".join(f"{key}={value}" for key, value in wanted.items())
        evidence = f"it was not measured with preload: race {name}[{told}], too"
        return Audit(name=NAME, title=TITLE, state="not applicable", evidence=evidence)
    saved = 1 - twin.memory_bytes / best.memory_bytes
    sizes = f"{twin.name} needs {show_bytes(twin.memory_bytes)}, and {show_bytes(best.memory_bytes)} without preload"
    if any((claim.better, claim.worse) == (best.name, twin.name) for claim in result.claims):
        return Audit(name=NAME, title=TITLE, state="passed", evidence=f"{sizes}, but it is slower")
    if saved < LEAST_SAVING:
        return Audit(
            name=NAME, title=TITLE, state="passed", evidence=f"{sizes}: hardly anything is saved"
        )
    return Audit(
        name=NAME, title=TITLE, state="failed", evidence=f"{sizes}: {saved:.0%} less", diff=DIFF
    )
