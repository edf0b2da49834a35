"""An app that is named as `module:attribute`, with or without a call."""

from __future__ import annotations

from pathlib import Path

import msgspec

from whichworker.apps import shims
from whichworker.apps.examine import Examiner
from whichworker.environments import interpreters, own_python
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
    from `here`; `project` is a folder that may have its interpreter, too. Servers start there if
    the interpreter has `here` installed: the app may read files of its project. Raises UsageError
    for a factory that needs arguments it did not get.
    """
    interpreter, found_by = own_python.find(here, python, project)
    installed = project is not None and here != project and _is_installed(here, interpreter)
    call = shims.parse_call(target)
    app = App(
        name=target,
        directory=str(project if installed else here),
        python=interpreter,
        environment_file=environment_file,
        origin={"app": origin, "python": found_by},
    )
    if "(" not in target:
        names = [call.target, *_twin_of(call.target, here)]
        look = examiner.look(names, app)
        seen = look.targets[call.target]
        if seen.needs:
            raise UsageError(
                f"{call.target} needs {', '.join(seen.needs)}: it is a factory",
                hint=f"write the call: whichworker race \"{call.target}('…')\"",
            )
        if not seen.factory:
            return _with_targets(app, names, asgi=seen.asgi)
        made = {shims.TARGET: look.targets[f"{call.target}()"]}
        app = _shimmed(app, call, examiner)
        if len(names) == 1:
            examiner.add([shims.TARGET], app, msgspec.structs.replace(look, targets=made))
    else:
        app = _shimmed(app, call, examiner)
    found = examiner.look([shims.TARGET], app).targets[shims.TARGET]
    return _with_targets(app, [shims.TARGET], asgi=found.asgi)


def _is_installed(sources: Path, interpreter: str) -> bool:
    """Whether an interpreter imports from this folder, as after an editable install."""
    paths = interpreters.inspect(interpreter).paths
    return any(Path(path).resolve() == sources.resolve() for path in paths)


def _shimmed(app: App, call: shims.Call, examiner: Examiner) -> App:
    """The app with the module that calls its factory."""
    text = shims.of_factory(call)
    return msgspec.structs.replace(
        app, paths=(shims.write(examiner.cache, text),), shim=text, name=call.shown
    )


def _twin_of(target: str, here: Path) -> list[str]:
    """The target in the file of the other interface, wsgi.py or asgi.py, if that file exists."""
    twin = target.replace("wsgi", "asgi") if "wsgi" in target else target.replace("asgi", "wsgi")
    file = here / (twin.partition(":")[0].replace(".", "/") + ".py")
    return [twin] if twin != target and file.is_file() else []


def _with_targets(app: App, targets: list[str], *, asgi: bool) -> App:
    """The app with a target whose interface is known, and its twin of the other one, if any."""
    first, other = targets[0], targets[1] if len(targets) > 1 else None
    wsgi, asgi_target = (other, first) if asgi else (first, other)
    return msgspec.structs.replace(app, wsgi=wsgi, asgi=asgi_target)
