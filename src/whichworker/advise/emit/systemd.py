"""A unit for systemd: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html"""

from __future__ import annotations

from whichworker.advise.emit.parts import GRACE_SECONDS, command, heading, mebibytes, memory_limit, needs_path, reasons, shown
from whichworker.model.deployments import Deployment, Emitted

FOLDER = "FOLDER_OF_THESE_FILES"
"""Stands for the folder that the files are written to, which is known when they are."""


def emit(what: Deployment) -> list[Emitted]:
    """PROJECT.service."""
    argv = command(what, f"{FOLDER}/")
    argv[0] = f"{what.bin}/{argv[0]}"
    environment = "".join(f"Environment={name}={value}\n" for name, value in what.environment.items())
    path = f"Environment=PYTHONPATH={FOLDER}\n" if needs_path(what) else ""
    file = f"EnvironmentFile={what.environment_file}\n" if what.environment_file else ""
    limit = memory_limit(what)
    memory = f"# half as much again as was seen under load\nMemoryMax={mebibytes(limit)}M\n" if limit else ""
    text = f"""{heading(what)}{reasons(what)}# pip install -r {FOLDER}/requirements-server.txt   (in the project's environment)
# cp {FOLDER}/{what.project}.service /etc/systemd/system/ && systemctl enable --now {what.project}
[Unit]
Description={what.project}, served by {what.arm}
After=network.target

[Service]
WorkingDirectory={what.directory}
{environment}{path}{file}ExecStart={shown(argv)}
# a graceful stop: requests under way are answered before it ends
KillSignal={what.stop_signal}
KillMode=mixed
TimeoutStopSec={GRACE_SECONDS}
Restart=on-failure
{memory}# a connection is an open file, and so is each to a database
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""
    return [Emitted(name=f"{what.project}.service", text=text, kind="systemd")]
