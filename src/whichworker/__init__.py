"""whichworker: which server and worker should serve my Python web app? Measured, on this machine."""

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
