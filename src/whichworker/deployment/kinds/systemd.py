"""A unit for systemd: https://www.freedesktop.org/software/systemd/man/systemd.service.html"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from whichworker.deployment.kinds.parts import (
    GRACE_SECONDS,
    Start,
    command,
    heading,
    mebibytes,
    memory_limit,
    misread,
    python_path,
    reasons,
)
from whichworker.model.deployments import Deployment, Emitted

PLAIN = re.compile(r"[\w@+=:,./-]+")


def quoted(word: str, *, variables: bool = True) -> str:
    """A word by systemd.syntax(7) and systemd.service(5), where % and $ are special."""
    told = word.replace("%", "%%")
    told = told.replace("$", "$$") if variables else told
    if PLAIN.fullmatch(told):
        return told
    escaped = told.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write(what: Deployment) -> list[Emitted]:
    """PROJECT.service."""
    argv = command(what, f"{what.folder}/")
    argv[0] = f"{what.bin}/{argv[0]}"
    told = {**what.environment, **python_path(what)}
    environment = "".join(
        f"Environment={quoted(f'{name}={value}', variables=False)}\n"
        for name, value in told.items()
    )
    file = f"EnvironmentFile={what.environment_file}\n" if what.environment_file else ""
    file = misread(what, "systemd") + file
    limit = memory_limit(what)
    memory = (
        f"# 1.5 times the memory measured under load\nMemoryMax={mebibytes(limit)}M\n"
        if limit
        else ""
    )
    unit = f"{what.folder}/{what.project}.service"
    text = f"""{heading(what)}{reasons(what)}# in the project's environment:
# pip install -r {what.folder}/requirements-server.txt
# cp {unit} /etc/systemd/system/ && systemctl enable --now {what.project}
[Unit]
Description={what.project}, served by {what.arm}
After=network.target

[Service]
WorkingDirectory={what.directory.replace("%", "%%")}
{environment}{file}ExecStart={" ".join(map(quoted, argv))}
# a graceful stop: the server finishes the requests in flight, then ends
KillSignal={what.stop_signal}
KillMode=mixed
TimeoutStopSec={GRACE_SECONDS}
Restart=on-failure
{memory}# each client and each database connection is an open file
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""
    return [Emitted(name=f"{what.project}.service", text=text, kind="systemd")]


def read(text: str, path: Path, directory: str) -> Start:
    """The start that a unit describes."""
    lines = [
        line.strip()
        for line in text.replace("\\\n", " ").splitlines()
        if not line.startswith(("#", ";"))
    ]
    told = [line.partition("=")[2] for line in lines if line.startswith("Environment=")]
    command = next((line.partition("=")[2] for line in lines if line.startswith("ExecStart=")), "")
    folder = next(
        (line.partition("=")[2] for line in lines if line.startswith("WorkingDirectory=")),
        directory,
    )
    environment = dict(
        one.replace("%%", "%").split("=", 1)
        for text in told
        for one in shlex.split(text)
        if "=" in one
    )
    argv = tuple(word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command))
    return Start(argv=argv, folder=folder.replace("%%", "%"), environment=environment)
