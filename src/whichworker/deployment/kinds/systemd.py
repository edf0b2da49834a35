"""A unit for systemd: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html"""

from __future__ import annotations

import re

from whichworker.deployment.kinds.parts import (
    GRACE_SECONDS,
    command,
    heading,
    mebibytes,
    memory_limit,
    python_path,
    reasons,
)
from whichworker.model.deployments import Deployment, Emitted

PLAIN = re.compile(r"[\w@+=:,./-]+")


def quoted(word: str, *, variables: bool = True) -> str:
    """A word as systemd.syntax(7) and systemd.service(5) read it: percent signs and dollars are theirs."""
    told = word.replace("%", "%%")
    told = told.replace("$", "$$") if variables else told
    if PLAIN.fullmatch(told):
        return told
    escaped = told.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def emit(what: Deployment) -> list[Emitted]:
    """PROJECT.service."""
    argv = command(what, f"{what.folder}/")
    argv[0] = f"{what.bin}/{argv[0]}"
    told = {**what.environment, **python_path(what)}
    environment = "".join(
        f"Environment={quoted(f'{name}={value}', variables=False)}\n"
        for name, value in told.items()
    )
    file = f"EnvironmentFile={what.environment_file}\n" if what.environment_file else ""
    limit = memory_limit(what)
    memory = (
        f"# half as much again as was seen under load\nMemoryMax={mebibytes(limit)}M\n"
        if limit
        else ""
    )
    text = f"""{heading(what)}{reasons(what)}# pip install -r {what.folder}/requirements-server.txt   (in the project's environment)
# cp {what.folder}/{what.project}.service /etc/systemd/system/ && systemctl enable --now {what.project}
[Unit]
Description={what.project}, served by {what.arm}
After=network.target

[Service]
WorkingDirectory={what.directory.replace("%", "%%")}
{environment}{file}ExecStart={" ".join(map(quoted, argv))}
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
