"""A program of supervisor: http://supervisord.org/configuration.html#program-x-section-settings"""

from __future__ import annotations

from whichworker.deployment.kinds.parts import (
    GRACE_SECONDS,
    command,
    heading,
    python_path,
    reasons,
    shown,
)
from whichworker.model.deployments import Deployment, Emitted


def emit(what: Deployment) -> list[Emitted]:
    """PROJECT.supervisor.conf."""
    argv = command(what, f"{what.folder}/")
    argv[0] = f"{what.bin}/{argv[0]}"
    told = {**what.environment, **python_path(what)}
    environment = ",".join(f'{name}="{value.replace("%", "%%")}"' for name, value in told.items())
    file = (
        f"; start supervisord with the variables of {what.environment_file}: it reads no such files\n"
        if what.environment_file
        else ""
    )
    text = f"""{heading(what, ";")}{reasons(what, ";")}[program:{what.project}]
command={shown(argv).replace("%", "%%")}
directory={what.directory.replace("%", "%%")}
{f"environment={environment}" if environment else "; no environment of its own"}
{file}autorestart=true
; a graceful stop: requests under way are answered before it ends
stopsignal={what.stop_signal.removeprefix("SIG")}
stopwaitsecs={GRACE_SECONDS}
stopasgroup=false
killasgroup=true
minfds=65536
"""
    return [Emitted(name=f"{what.project}.supervisor.conf", text=text, kind="supervisor")]
