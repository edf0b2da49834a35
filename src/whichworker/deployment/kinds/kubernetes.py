"""A deployment and its service: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/"""

from __future__ import annotations

import json
import re

from whichworker.deployment.kinds import docker
from whichworker.deployment.kinds.parts import (
    GRACE_SECONDS,
    PORT,
    command,
    everywhere,
    heading,
    mebibytes,
    memory_limit,
    reads_python,
    reasons,
)
from whichworker.model.deployments import Deployment, Emitted


def emit(what: Deployment) -> list[Emitted]:
    """kubernetes.yaml, beside the Dockerfile of the image it runs."""
    argv = everywhere(command(what) if reads_python(what) else what.argv)
    name = re.sub(r"[^a-z0-9-]+", "-", what.project.lower()).strip("-") or "app"
    seen = mebibytes(what.memory_bytes) if what.memory_bytes else None
    limit = memory_limit(what)
    memory = f"\n              memory: {seen}Mi" if seen else ""
    most = f"\n            limits:\n              memory: {mebibytes(limit)}Mi" if limit else ""
    host = [{"name": "Host", "value": what.host}]
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
      # a graceful stop: requests under way are answered before it ends
      terminationGracePeriodSeconds: {GRACE_SECONDS}
      containers:
        - name: {name}
          image: {name}:latest
          command: {json.dumps(argv)}
          ports:
            - containerPort: {PORT}
          resources:
            requests:
              # the cores it was raced on, and the memory it was seen to use
              cpu: {what.cores}{memory}{most}
          readinessProbe:
            httpGet: {{path: {json.dumps(what.ready_path)}, port: {PORT}, httpHeaders: {json.dumps(host)}}}
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
    return [Emitted(name="kubernetes.yaml", text=text, kind="kubernetes"), *docker.emit(what)]
