"""The built-in FastAPI app: the workloads of the Django project as `def` and `async def` routes."""

import sys
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[2]
PROJECT = SAMPLES / "django_project"  # rows and templates are the same files
sys.path.append(str(SAMPLES))  # for the package `calls`, which the Django project uses, too
