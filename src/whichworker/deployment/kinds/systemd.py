"""A unit for systemd: https://www.freedesktop.org/software/systemd/man/systemd.service.html"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from whichworker.deployment.kinds import quoting
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

HARDENING = """NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0027
"""
"""systemd.exec(5). Without MemoryDenyWriteExecute: ctypes and JIT compilers need the opposite."""
ROOTS = """# root owns the project: a user is made for the server, who must be able to read it
DynamicUser=yes
"""
ENV, UNSAFE = "/usr/bin/env", re.compile(r"""["'\\$]""")
"""systemd starts no program with such a character in its path, so another one starts it."""
HOMES = ("/home/", "/root/", "/run/user/")


def write(what: Deployment) -> list[Emitted]:
    """PROJECT.service."""
    argv = command(what, f"{what.folder}/")
    argv[0] = f"{what.bin}/{argv[0]}"
    argv[:0] = [ENV] if UNSAFE.search(argv[0]) else []
    told = {**what.environment, **python_path(what)}
    environment = "".join(
        f"Environment={quoting.systemd(f'{name}={value}', variables=False)}\n"
        for name, value in told.items()
    )
    place = quoting.systemd_glob(what.environment_file)
    file = misread(what, "systemd") + (f"EnvironmentFile={place}\n" if place else "")
    file += f"UnsetEnvironment={' '.join(what.unraced)}\n" if what.unraced else ""
    folder = quoting.systemd_path(what.directory)
    user = f"User={what.user}\n" if what.user else ROOTS
    at_home = any(path.startswith(HOMES) for path in (what.directory, what.bin, what.folder))
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
{user}WorkingDirectory={folder}
{environment}{file}ExecStart={" ".join(map(quoting.systemd, argv))}
# a graceful stop: the server finishes the requests in flight, then ends
KillSignal={what.stop_signal}
KillMode=mixed
TimeoutStopSec={GRACE_SECONDS}
Restart=on-failure
{memory}# each client and each database connection is an open file
LimitNOFILE=65536
# the server needs no rights, and writes only below the project
{HARDENING}ProtectHome={"read-only" if at_home else "yes"}
ReadWritePaths={quoting.systemd_word(what.directory)}

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
    argv = argv[1:] if argv[:1] == (ENV,) else argv
    return Start(argv=argv, folder=folder.replace("%%", "%"), environment=environment)
