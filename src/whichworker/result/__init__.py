"""The published result: one JSON schema for every command that measures.

Fields are added, never changed in meaning.

An absent measurement is null with a finding, never 0. Units are seconds, bytes and per second;
never milliseconds or percent.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from whichworker import foreign, redaction
from whichworker.result.advice import AdvisedArm, Audit, Cost, Found, Searched
from whichworker.result.envelope import SCHEMA, Estimate, Run, Validity
from whichworker.result.explain import AskedExplain, ExplainedArm, ExplainResult
from whichworker.result.load import PERCENTILES, AskedLoad, Distribution, Intervals, LoadResult
from whichworker.result.race import (
    ArmProbes,
    ArmResult,
    ArmState,
    AskedQuestion,
    Claim,
    MeasuredStretch,
    RaceVerdict,
    Ratio,
    Result,
    SaturationLatency,
    Twin,
    seconds_to_add,
)
from whichworker.result.second_stage import (
    AtRate,
    Attribution,
    Capacity,
    CoreSpeed,
    CurvePoint,
    Gate,
    Hot,
    PassedTest,
    Profile,
    RouteTimes,
    Scaling,
    WaitPoint,
)
from whichworker.result.study import AskedStudy, Card, Cell, StudyResult, StudyRow
from whichworker.result.versus import VersusResult

__all__ = [
    "PERCENTILES",
    "SCHEMA",
    "AdvisedArm",
    "AnyResult",
    "ArmProbes",
    "ArmResult",
    "ArmState",
    "AskedExplain",
    "AskedLoad",
    "AskedQuestion",
    "AskedStudy",
    "AtRate",
    "Attribution",
    "Audit",
    "Capacity",
    "Card",
    "Cell",
    "Claim",
    "CoreSpeed",
    "Cost",
    "CurvePoint",
    "Distribution",
    "Estimate",
    "ExplainResult",
    "ExplainedArm",
    "Found",
    "Gate",
    "Hot",
    "Intervals",
    "LoadResult",
    "MeasuredStretch",
    "PassedTest",
    "Profile",
    "RaceVerdict",
    "Ratio",
    "Result",
    "RouteTimes",
    "Run",
    "SaturationLatency",
    "Scaling",
    "Searched",
    "StudyResult",
    "StudyRow",
    "Twin",
    "Validity",
    "VersusResult",
    "WaitPoint",
    "cleaned",
    "decode",
    "encode",
    "schema",
    "seconds_to_add",
]

AnyResult = Result | LoadResult | StudyResult | ExplainResult | VersusResult

Kind = TypeVar("Kind", Result, LoadResult, StudyResult, ExplainResult, VersusResult)
KINDS: dict[str, type[AnyResult]] = {
    "race": Result,
    "load": LoadResult,
    "study": StudyResult,
    "explain": ExplainResult,
    "versus": VersusResult,
    "gate": VersusResult,
}


class _Kind(Struct):
    kind: Literal["race", "load", "study", "explain", "versus", "gate"] = "race"


def encode(result: object) -> bytes:
    """A result, or a command's list, as indented JSON without known secrets, newline at the end."""
    return msgspec.json.format(redaction.encode(result), indent=2) + b"\n"


def cleaned(result: Kind) -> Kind:
    """The result as its reader sees it, without known secrets: for pages, tables and exports."""
    if not redaction.knows():
        return result
    return msgspec.json.decode(redaction.encode(result), type=type(result))


def decode(text: bytes) -> AnyResult:
    """Read a result of any kind; raises foreign.Unreadable if it does not fit the schema."""
    return foreign.json_in(text, KINDS[foreign.json_in(text, _Kind).kind])


def schema() -> dict[str, Any]:
    """The published JSON schema of a result of any kind."""
    kinds, components = msgspec.json.schema_components(
        dict.fromkeys(KINDS.values()), ref_template="#/$defs/{name}"
    )
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "whichworker result",
    }
    return {**head, "oneOf": list(kinds), "$defs": described(components)}


def described(schema: Any) -> Any:
    """A schema whose descriptions have no indentation.

    They are docstrings: Python 3.13 and msgspec 0.23 remove it, older ones keep it.
    """
    if isinstance(schema, list):
        return [described(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: described(part) for name, part in schema.items()}
    if isinstance(text := parts.get("description"), str):
        parts["description"] = inspect.cleandoc(text)
    return parts
