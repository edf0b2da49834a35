"""The nouns of whichworker: frozen structs that every room shares and no room owns.

Times are seconds, sizes bytes, rates per second, shares fractions, unless a name says otherwise.
"""

from __future__ import annotations

from whichworker.model.arms import (
    App,
    Arm,
    Budget,
    Command,
    Environment,
    Interface,
    Knob,
    Pool,
    Resolution,
    Settings,
    SettingValue,
)
from whichworker.model.findings import Code, Finding, Severity
from whichworker.model.loads import (
    FAILURE_KINDS,
    PHASES,
    CheckCount,
    Failure,
    Load,
    Pace,
    RouteTally,
    SliceOrder,
    SliceTally,
    Stage,
    Tally,
)
from whichworker.model.objectives import Clause, Slo
from whichworker.model.question import Question, Subject, Terms
from whichworker.model.readings import Machine, Probes, Reading
from whichworker.model.requests import (
    Address,
    Answer,
    Capture,
    Check,
    Login,
    Permits,
    Request,
    Session,
    Step,
    Tls,
    Workload,
)

__all__ = [
    "FAILURE_KINDS",
    "PHASES",
    "Address",
    "Answer",
    "App",
    "Arm",
    "Budget",
    "Capture",
    "Check",
    "CheckCount",
    "Clause",
    "Code",
    "Command",
    "Environment",
    "Failure",
    "Finding",
    "Interface",
    "Knob",
    "Load",
    "Login",
    "Machine",
    "Pace",
    "Permits",
    "Pool",
    "Probes",
    "Question",
    "Reading",
    "Request",
    "Resolution",
    "RouteTally",
    "Session",
    "SettingValue",
    "Settings",
    "Severity",
    "SliceOrder",
    "SliceTally",
    "Slo",
    "Stage",
    "Step",
    "Subject",
    "Tally",
    "Terms",
    "Tls",
    "Workload",
]
