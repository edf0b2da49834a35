"""The published result: what is written can be read again, by us and by anyone with the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from whichworker import foreign, result
from whichworker.result import AnyResult, LoadResult

from .report import load_samples, samples

PUBLISHED = Path(__file__).parents[1] / "docs" / "reference" / "result.schema.json"
SAMPLES = (
    samples.race,
    samples.invalid,
    samples.interrupted,
    samples.single,
    samples.unanswered,
    samples.sparse,
    samples.hostile,
)
LOADS = (
    load_samples.opened,
    load_samples.closed,
    load_samples.failing,
    load_samples.invalid,
    load_samples.unanswered,
)
EVERY: list[AnyResult] = [*(sample() for sample in SAMPLES), *(sample() for sample in LOADS)]
every_sample = pytest.mark.parametrize(
    "found", EVERY, ids=[f"{found.kind}-{place}" for place, found in enumerate(EVERY)]
)


def no_constant(text: str) -> Any:
    raise AssertionError(f"{text} is not JSON")


@every_sample
def test_what_is_written_is_read_again(found: AnyResult) -> None:
    assert result.decode(result.encode(found)) == found


@every_sample
def test_what_is_written_is_of_the_published_schema(found: AnyResult) -> None:
    Draft202012Validator(result.schema()).validate(
        json.loads(result.encode(found), parse_constant=no_constant)
    )


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(result.schema())
    assert result.schema()["$id"] == result.SCHEMA


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "guess"},
        {"arms": [{"name": "a"}]},
        {"validity": {"state": "perhaps"}},
        {"blocks": "eight"},
        {"machine": None},
        {"ties": [["a"]]},
    ],
)
def test_neither_the_schema_nor_the_reader_takes_what_is_wrong(broken: dict[str, Any]) -> None:
    wrong = {**json.loads(result.encode(samples.race())), **broken}
    assert not Draft202012Validator(result.schema()).is_valid(wrong)
    with pytest.raises(foreign.Unreadable):
        result.decode(json.dumps(wrong).encode())


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "race"},
        {"kind": None},
        {"engine": None},
        {"requests": 1.5},
        {"rate_per_second": "quick"},
        {"service_seconds": {"p50": 0.1}},
        {"question": {"url": "http://localhost/"}},
        {"validity": {"state": "perhaps"}},
        {"failures": [{"kind": "status"}]},
    ],
)
def test_a_load_is_described_as_strictly_as_a_race(broken: dict[str, Any]) -> None:
    wrong = {**json.loads(result.encode(load_samples.opened())), **broken}
    assert not Draft202012Validator(result.schema()).is_valid(wrong)
    with pytest.raises(foreign.Unreadable):
        result.decode(json.dumps(wrong).encode())


def test_a_distribution_has_the_fields_of_the_contract() -> None:
    found = json.loads(result.encode(load_samples.closed()))
    assert list(found["service_seconds"]) == [
        "count",
        "min",
        "mean",
        "stdev",
        "p50",
        "p90",
        "p95",
        "p99",
        "p99_9",
        "max",
    ]
    assert found["service_seconds"]["p99"] is None
    assert (
        found["response_seconds"]
        is found["send_lag_seconds"]
        is found["response_intervals"]
        is None
    )


def test_a_load_says_of_what_kind_it_is() -> None:
    found = result.decode(result.encode(load_samples.failing()))
    assert isinstance(found, LoadResult)
    assert found.kind == "load"


def test_the_text_is_for_people_too() -> None:
    text = result.encode(samples.race()).decode()
    assert text.endswith("}\n")
    assert text.splitlines()[1].startswith('  "schema": "urn:whichworker:result:')


def test_what_is_absent_is_null_and_never_zero() -> None:
    arm = json.loads(result.encode(samples.sparse()))["arms"][0]
    measured = (
        "throughput_per_second",
        "cpu_seconds_per_request",
        "memory_bytes",
        "cold_start_seconds",
        "latency_at_saturation_seconds",
    )
    assert {name: arm[name] for name in measured} == dict.fromkeys(measured)


def test_the_worker_class_is_called_class() -> None:
    arm = json.loads(result.encode(samples.race()))["arms"][1]
    assert arm["class"] == "gthread"
    assert "kind" not in arm


def test_fields_of_a_later_version_are_ignored() -> None:
    later = {**json.loads(result.encode(samples.race())), "added_later": 1}
    assert result.decode(json.dumps(later).encode()) == samples.race()
    assert Draft202012Validator(result.schema()).is_valid(later)


def test_units_are_seconds_bytes_and_per_second() -> None:
    """Never milliseconds and never percent."""
    names = set(_properties(result.schema()))
    assert len(names) > 60
    assert not [
        name for name in names if name.endswith(("_ms", "_milliseconds", "_percent", "_mb", "_us"))
    ]


def _properties(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for part in schema for name in _properties(part)]
    if not isinstance(schema, dict):
        return []
    return [
        *schema.get("properties", {}),
        *(name for part in schema.values() for name in _properties(part)),
    ]


@pytest.mark.skipif(
    not PUBLISHED.exists(), reason="the reference has not been generated: make docs"
)
def test_the_published_schema_is_that_of_the_code() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == json.loads(
        msgspec.json.encode(result.schema())
    )


def test_a_result_is_not_changed_by_its_report() -> None:
    found = samples.race()
    before = result.encode(found)
    assert result.encode(replace(found)) == before


def test_descriptions_of_the_schema_have_no_indentation_whatever_library_wrote_them() -> None:
    inner = {"type": "object", "description": "One.\n\n    Two,\n      indented.\n    "}
    schema = {"$defs": {"A": inner, "B": {"description": {"description": "a property's name"}}}}
    assert result.described(schema) == {
        "$defs": {
            "A": {"type": "object", "description": "One.\n\nTwo,\n  indented."},
            "B": {"description": {"description": "a property's name"}},
        }
    }
