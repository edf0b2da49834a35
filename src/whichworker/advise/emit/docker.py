"""A Dockerfile: https://docs.docker.com/reference/dockerfile/"""

from __future__ import annotations

import json
from pathlib import Path

from whichworker.advise.emit.parts import PORT, SHIM_FILE, command, everywhere, heading, reasons
from whichworker.model.deployments import Deployment, Emitted


def emit(what: Deployment) -> list[Emitted]:
    """Dockerfile, to be built from the project's folder with the emitted files beside it."""
    folder = Path(what.directory)
    if (folder / "requirements.txt").is_file():
        install = "COPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt\nCOPY . .\n"
    elif (folder / "pyproject.toml").is_file():
        install = "COPY . .\nRUN pip install --no-cache-dir .\n"
    else:
        install = "COPY . .\n"
    argv = everywhere(command(what))
    if what.config is not None and argv[:2] == ["gunicorn", "--config"]:
        argv += ["--bind", f"0.0.0.0:{PORT}"]
    config = f"COPY {what.config.name} ./\n" if what.config is not None else ""
    shim = f"COPY {SHIM_FILE} ./\n" if what.shim else ""
    environment = "".join(f"ENV {name}={value}\n" for name, value in {"PYTHONUNBUFFERED": "1", **what.environment}.items())
    text = f"""{heading(what)}{reasons(what)}# docker build -t {what.project} PROJECT, with the files of this folder copied to it
FROM python:{what.python}-slim
WORKDIR /app
COPY requirements-server.txt ./
RUN pip install --no-cache-dir -r requirements-server.txt
{install}{config}{shim}{environment}EXPOSE {PORT}
# the server answers what is under way, then ends
STOPSIGNAL {what.stop_signal}
CMD {json.dumps(argv)}
"""
    return [Emitted(name="Dockerfile", text=text, kind="docker")]
