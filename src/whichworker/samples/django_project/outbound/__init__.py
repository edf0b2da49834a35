"""Views that call an upstream or compress: they need the packages of requirements-studies.lock."""

import sys
from pathlib import Path

# The folder of the package `calls`, which the built-in FastAPI app uses, too.
sys.path.append(str(Path(__file__).resolve().parents[2]))
