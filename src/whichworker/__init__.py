"""whichworker: which server and worker should serve my Python web app? Measured here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whichworker.errors import WhichworkerError
    from whichworker.model import App, Arm, Budget, Finding, Question, Subject, Terms, Workload
    from whichworker.result import Result

__version__ = "0.1.0.dev0"
__all__ = [
    "App",
    "Arm",
    "Budget",
    "Finding",
    "Question",
    "Result",
    "Subject",
    "Terms",
    "WhichworkerError",
    "Workload",
    "__version__",
]
_PLACES = {"WhichworkerError": "errors", "Result": "result"}


def __getattr__(name: str) -> Any:
    """Import a name at its first use: `whichworker --help` needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES.get(name, 'model')}"), name)
