"""An app that is named as `module:attribute`, with or without a call."""

from __future__ import annotations

from pathlib import Path

import msgspec

from whichworker.apps import shims
from whichworker.apps.examine import Examiner
from whichworker.environments import own_python
from whichworker.errors import UsageError
from whichworker.model import App


def from_target(
    target: str,
    python: str | None,
    here: Path,
    examiner: Examiner,
    origin: str = "named on the command line",
    project: Path | None = None,
    environment_file: str = "",
) -> App:
    """An app named as `module:attribute`, ASGI or WSGI; a small module calls a factory.

    A factory may have arguments, as gunicorn and Flask take them: literals. The app is imported
    from `here`; `project` is the folder of its interpreter, if that differs. Raises UsageError for
    a factory that needs arguments it did not get.
    """
    interpreter, found_by = own_python.find(project or here, python)
    call = shims.parse_call(target)
    app = App(
        name=target,
        directory=str(here),
        python=interpreter,
        environment_file=environment_file,
        origin={"app": origin, "python": found_by},
    )
    seen = None if "(" in target else examiner.look([call.target], app).targets[call.target]
    if seen is not None and seen.needs:
        raise UsageError(
            f"{call.target} needs {', '.join(seen.needs)}: it is a factory",
            hint=f"write the call: whichworker race \"{call.target}('…')\"",
        )
    if seen is None or seen.factory:
        text = shims.of_factory(call)
        app = msgspec.structs.replace(
            app, paths=(shims.write(examiner.cache, text),), shim=text, name=call.shown
        )
        target = shims.TARGET
        seen = examiner.look([target], app).targets[target]
    wsgi, asgi_target = (None, target) if seen.asgi else (target, None)
    twin = target.replace("wsgi", "asgi") if "wsgi" in target else target.replace("asgi", "wsgi")
    if twin != target and (here / (twin.partition(":")[0].replace(".", "/") + ".py")).is_file():
        wsgi, asgi_target = (twin, target) if seen.asgi else (target, twin)
    return msgspec.structs.replace(app, wsgi=wsgi, asgi=asgi_target)
