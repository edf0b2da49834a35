"""Line protocol read back by its grammar, and a dashboard that asks only for what is written."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from whichworker.report.exports import Export, influx, render
from whichworker.report.exports.influx import Point, dashboard
from whichworker.report.exports.measured import Measured
from whichworker.result import LoadResult

from . import export_samples, load_samples

WORD = r"(?:\\.|[^\\, =\n])+"
STRING = r'"(?:\\.|[^"\\\n])*"'
FIELD = rf"{WORD}=(?:{STRING}|true|false|-?[0-9.e+-]+)"
LINE = re.compile(rf"({WORD})((?:,{WORD}={WORD})*) ({FIELD}(?:,{FIELD})*) ([0-9]+)")
BEGAN = 1_741_091_405 + 1  # after the warm-up of a second


def read_line(line: str) -> tuple[str, dict[str, str], dict[str, Any], int]:
    """One line by the grammar of the protocol; fails where it is not of it."""
    match = LINE.fullmatch(line)
    assert match, line
    tags = re.findall(rf"({WORD})=({WORD})", match[2])
    fields = {
        name: read_value(text) for name, text in re.findall(rf"({WORD})=({STRING}|[^,]+)", match[3])
    }
    return match[1], {plain(name): plain(text) for name, text in tags}, fields, int(match[4])


def plain(text: str) -> str:
    return re.sub(r"\\([,= ])", r"\1", text)


def read_value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else float(text)


def lines(result: LoadResult) -> list[tuple[str, dict[str, str], dict[str, Any], int]]:
    ((_, text),) = render(Export("influx", "x"), result)
    assert text.endswith("\n")
    return [read_line(line) for line in text.splitlines()]


def of(result: LoadResult, measurement: str) -> list[dict[str, Any]]:
    """The fields of every point of a measurement, with its tags."""
    return [{**tags, **fields} for name, tags, fields, _ in lines(result) if name == measurement]


def test_each_second_has_a_point() -> None:
    result = export_samples.full()
    seconds = [
        (fields["value"], at) for name, _, fields, at in lines(result) if name == "http_reqs"
    ]
    assert [at for _, at in seconds] == [(BEGAN + place) * 10**9 for place in range(10)]
    assert sum(count for count, _ in seconds) == result.requests


def test_points_at_the_end_sum_the_window_up() -> None:
    result = export_samples.full()
    assert {at for name, _, _, at in lines(result) if name not in ("http_reqs", "vus")} == {
        (BEGAN + 10) * 10**9
    }
    (whole,) = of(result, "whichworker_load")
    assert (whole["valid"], whole["requests"], whole["rate"], whole["run"]) == (
        True,
        14_686,
        pytest.approx(1468.6),
        result.run.id,
    )
    assert whole["url"] == "http://localhost:8000/books?page=2"
    (failed,) = of(result, "http_req_failed")
    assert (failed["value"], failed["count"]) == (pytest.approx(314 / 15_000), 314)
    assert {point["kind"]: point["count"] for point in of(result, "failures")} == {
        "status": 312,
        "timeout": 2,
    }
    assert {
        point["check"]: (point["passes"], point["fails"]) for point in of(result, "checks")
    } == {
        "list has rows": (7343, 0),
        "cart is empty": (7331, 12),
    }
    assert [point["value"] for point in of(result, "iterations")] == [7343]
    assert [point["value"] for point in of(result, "data_sent")] == [1_200_000]


def test_times_are_in_milliseconds_and_only_those_that_were_measured() -> None:
    result = export_samples.full()
    assert result.service_seconds is not None and result.service_seconds.p99 is not None
    (duration,) = of(result, "http_req_duration")
    assert duration["p99"] == pytest.approx(result.service_seconds.p99 * 1000)
    (short,) = of(export_samples.closed(), "http_req_duration")
    assert "p95" in short and "p99" not in short
    assert not of(export_samples.closed(), "response_duration")
    assert [point["value"] for point in of(export_samples.closed(), "vus")] == [64.0]
    assert not of(result, "vus"), "an open loop has no users"


def test_no_point_takes_the_place_of_another() -> None:
    every = [
        (name, tuple(sorted(tags.items())), at)
        for name, tags, _, at in lines(export_samples.full())
    ]
    assert len(every) == len(set(every))


def test_an_invalid_run_has_counts_and_reasons() -> None:
    result = replace(export_samples.full(), validity=load_samples.invalid().validity)
    (whole,) = of(result, "whichworker_load")
    assert whole["valid"] is False and "61.2% of 20,000" in whole["reasons"]
    assert "rate" not in whole
    assert {name for name, *_ in lines(result)}.isdisjoint(
        {"http_reqs", "http_req_duration", "in_flight", "response_duration"}
    )
    assert of(result, "failures")


SHORT = export_samples.closed(20)


@settings(deadline=None)
@given(st.text(min_size=1), st.text())
def test_any_text_is_written_as_one_line(tag: str, field: str) -> None:
    result = replace(
        SHORT,
        question=replace(load_samples.question(), url=tag),
        validity=replace(load_samples.invalid().validity, reasons=(field,)),
    )
    ((_, text),) = render(Export("influx", "x"), result)
    for line in text.removesuffix("\n").split("\n"):
        read_line(line)


# The dashboard.

(TEXT,) = dashboard()
DASHBOARD: dict[str, Any] = json.loads(TEXT)
TARGETS = [(panel["title"], target) for panel in DASHBOARD["panels"] for target in panel["targets"]]
every_target = pytest.mark.parametrize(
    ("title", "target"), TARGETS, ids=[f"{title}-{target['refId']}" for title, target in TARGETS]
)
QUERY = re.compile(
    r'SELECT (.+) FROM "(\w+)" WHERE "run" =~ /\^\$run\$/ AND \$timeFilter'
    r"(?: GROUP BY (.+?))?(?: fill\(none\))?"
)


@functools.cache
def written() -> list[Point]:
    """Every kind of point there is."""
    exports = []
    for result in (export_samples.full(), export_samples.closed()):
        exports += list(influx.points(Measured(result)))
    return exports


@every_target
def test_a_panel_asks_for_what_is_written(title: str, target: dict[str, Any]) -> None:
    match = QUERY.fullmatch(target["query"])
    assert match, f"{title}: {target['query']}"
    points = [point for point in written() if point.measurement == match[2]]
    assert points, f"{title}: no measurement {match[2]}"
    fields = {name for point in points for name in point.fields}
    asked = set(re.findall(r'"(\w+)"', re.sub(r' AS "[^"]+"', "", match[1])))
    assert asked and asked <= fields, f"{title}: {asked - fields}"
    tags = {name for point in points for name in point.tags}
    grouped = set(re.findall(r'"(\w+)"', match[3] or ""))
    named = set(re.findall(r"\$tag_(\w+)", target.get("alias", "")))
    assert grouped <= tags and named <= grouped
    assert {"run", "url"} <= tags
    assert target["rawQuery"] is True and target["resultFormat"] in ("time_series", "table")


def test_the_dashboard_has_the_panels_people_look_for() -> None:
    titles = " ".join(panel["title"].lower() for panel in DASHBOARD["panels"])
    for word in (
        "rate",
        "fail",
        "duration",
        "percentiles",
        "virtual users",
        "in flight",
        "checks",
        "response time",
    ):
        assert word in titles


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(DASHBOARD)
    assert DASHBOARD["schemaVersion"] >= 36 and len(DASHBOARD["uid"]) <= 40
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["datasource"] == {"type": "influxdb", "uid": "${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    places = {(x, y) for panel in panels for x, y in _places(panel["gridPos"])}
    assert len(places) == sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in panels), (
        "no panel over another"
    )


def test_its_variables_are_answered_by_what_is_written() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert set(re.findall(r"\$\{?(run|datasource)\b", TEXT)) == set(variables)
    match = re.fullmatch(
        r'SHOW TAG VALUES FROM "(\w+)" WITH KEY = "(\w+)"', variables["run"]["query"]
    )
    assert match
    assert any(point.measurement == match[1] and match[2] in point.tags for point in written())


def _places(place: dict[str, int]) -> list[tuple[int, int]]:
    return [
        (place["x"] + right, place["y"] + down)
        for right in range(place["w"])
        for down in range(place["h"])
    ]
