"""A Deployment and its Service: https://kubernetes.io/docs/concepts/workloads/controllers/"""

from __future__ import annotations

import json
import re
from pathlib import Path

from msgspec import Struct

from whichworker import foreign
from whichworker.deployment.kinds import docker, quoting
from whichworker.deployment.kinds.parts import (
    GRACE_SECONDS,
    PORT,
    Start,
    command,
    everywhere,
    heading,
    mebibytes,
    memory_limit,
    reads_python,
    reasons,
)
from whichworker.errors import UsageError
from whichworker.model.deployments import Deployment, Emitted


class _Object(Struct):
    kind: str = ""


class _Variable(Struct):
    name: str
    value: str


class _Container(Struct):
    command: list[str] = []
    args: list[str] = []
    env: list[_Variable] = []


class _Pod(Struct):
    containers: list[_Container]


class _Template(Struct):
    spec: _Pod


class _Replicas(Struct):
    template: _Template


class _Workload(Struct):
    spec: _Replicas


def write(what: Deployment) -> list[Emitted]:
    """kubernetes.yaml, and the Dockerfile of its image."""
    argv = everywhere(command(what) if reads_python(what) else what.argv)
    label = re.sub(r"[^a-z0-9-]+", "-", what.project.lower()).strip("-") or "app"
    # RFC 1035: a letter first, 63 characters at most
    label = label if label[0].isalpha() else f"app-{label}"
    name = quoting.yaml(label[:63].rstrip("-"))
    seen = mebibytes(what.memory_bytes) if what.memory_bytes else None
    limit = memory_limit(what)
    memory = f"\n              memory: {seen}Mi" if seen else ""
    most = f"\n            limits:\n              memory: {mebibytes(limit)}Mi" if limit else ""
    host = [{"name": "Host", "value": what.host}]
    path, headers = quoting.yaml(what.ready_path), json.dumps(host)
    text = f"""{heading(what)}{reasons(what)}apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 1
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      # a graceful stop: the server finishes the requests in flight, then ends
      terminationGracePeriodSeconds: {GRACE_SECONDS}
      containers:
        - name: {name}
          image: {quoting.yaml(f"{label}:latest")}
          command: [{", ".join(map(quoting.yaml, argv))}]
          securityContext:
            runAsNonRoot: true
            runAsUser: {docker.USER}
            allowPrivilegeEscalation: false
            capabilities: {{drop: ["ALL"]}}
            seccompProfile: {{type: RuntimeDefault}}
          ports:
            - containerPort: {PORT}
          resources:
            requests:
              # the cores of the race, and the memory that it measured
              cpu: {what.cores}{memory}{most}
          readinessProbe:
            httpGet: {{path: {path}, port: {PORT}, httpHeaders: {headers}}}
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  selector: {{app: {name}}}
  ports:
    - port: 80
      targetPort: {PORT}
"""
    return [Emitted(name="kubernetes.yaml", text=text, kind="kubernetes"), *docker.write(what)]


def read(text: str, path: Path, directory: str) -> Start:
    """The start that the container of the deployment describes; raises UsageError."""
    try:
        containers = [
            container
            for document in foreign.yaml_in(text)
            if foreign.fitted(document, _Object).kind == "Deployment"
            for container in foreign.fitted(document, _Workload).spec.template.spec.containers
        ]
    except foreign.Unreadable as error:
        raise UsageError(
            f"{path} is not a Kubernetes deployment: {error}",
            hint="write the files again with --emit",
        ) from error
    container = containers[0] if containers else _Container()
    return Start(
        argv=(*container.command, *container.args),
        folder=directory,
        environment={one.name: one.value for one in container.env},
    )
