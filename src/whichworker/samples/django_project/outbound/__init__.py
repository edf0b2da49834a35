"""Views that call an upstream or compress: they need the packages of requirements-studies.lock."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # where the package `calls` is, which the built-in FastAPI app uses, too
