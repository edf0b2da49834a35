"""Exports as their readers see them: parsed back, with the names and units of the tools."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from whichworker.errors import UsageError
from whichworker.report import files
from whichworker.report.exports import ENDINGS, FORMATS, Export, locust_csv, parse_exports, render
from whichworker.result import LoadResult

from . import export_samples, load_samples

SAMPLES: tuple[Callable[[], LoadResult], ...] = (
    export_samples.full,
    export_samples.closed,
    load_samples.opened,
    load_samples.invalid,
    load_samples.unanswered,
)
every_sample = pytest.mark.parametrize(
    "sample",
    SAMPLES,
    ids=lambda sample: f"{sample.__module__.rpartition('.')[2]}-{sample.__name__}",
)
TREND = {"avg", "min", "med", "max", "p(90)", "p(95)", "p(99)"}


def texts(name: str, result: LoadResult) -> list[str]:
    return [text for _, text in render(Export(name, "x"), result)]


def scrape(result: LoadResult) -> dict[str, Metric]:
    """Families by name; a counter's is without `_total`."""
    (text,) = texts("prometheus", result)
    assert text.endswith("\n")
    families = {
        family.name.removeprefix("whichworker_load_"): family
        for family in text_string_to_metric_families(text)
    }
    assert text.count("# TYPE") == text.count("# HELP") == len(families), "no family twice"
    return families


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    (sample,) = [one for one in families[name].samples if labels.items() <= one.labels.items()]
    return float(sample.value)


def summary(result: LoadResult) -> dict[str, Any]:
    (text,) = texts("k6", result)
    read: dict[str, Any] = json.loads(text)
    return read


def tables(result: LoadResult) -> list[list[dict[str, str]]]:
    read = []
    for text in texts("locust", result):
        head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        read.append([dict(zip(head, row, strict=True)) for row in rows])
    return read


# What was asked for.


def test_exports_are_asked_for_by_format_and_path() -> None:
    assert parse_exports(["k6=a=b.json", "locust=out/shop"]) == (
        Export("k6", "a=b.json"),
        Export("locust", "out/shop"),
    )
    assert parse_exports(["locust=shop"])[0].paths == (
        "shop_stats.csv",
        "shop_stats_history.csv",
        "shop_failures.csv",
    )


@pytest.mark.parametrize(
    ("text", "fact", "hint"),
    [
        (
            "csv=x",
            "unknown export format: 'csv'",
            "one of prometheus, influx, k6, locust, grafana",
        ),
        ("x.json", "unknown export format: 'x.json'", "--export k6=summary.json"),
        ("k6", "the export has no file name: 'k6'", "--export k6=PATH"),
        ("k6=", "the export has no file name: 'k6='", "--export k6=PATH"),
        ("influx=-", "not standard output", "--export influx=PATH"),
    ],
)
def test_what_cannot_be_exported_is_said(text: str, fact: str, hint: str) -> None:
    with pytest.raises(UsageError, match=fact) as caught:
        parse_exports([text])
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("path", "fact"),
    [
        ("missing/x", "there is no folder missing"),
        ("folder", "folder is a folder"),
        ("k.json", "two results"),
    ],
)
def test_where_an_export_cannot_go_is_said_before_the_load(
    path: str, fact: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=fact):
        files.check_writable(json="k.json", wanted=parse_exports([f"k6={path}"]))


def test_every_file_of_an_export_is_written(tmp_path: Path) -> None:
    wanted = parse_exports([f"{name}={tmp_path / name}" for name in FORMATS])
    files.check_writable(wanted=wanted)
    written = files.write_load(export_samples.full(), wanted=wanted)
    assert {path.name for path in written} == {
        "prometheus",
        "influx",
        "k6",
        "grafana",
        *(f"locust{ending}" for ending in ENDINGS["locust"]),
    }
    assert all(path.stat().st_size for path in written)


# What holds for all of them.


@every_sample
@pytest.mark.parametrize("name", FORMATS)
def test_every_result_can_be_exported(name: str, sample: Callable[[], LoadResult]) -> None:
    assert all(texts(name, sample()))


def test_of_an_invalid_run_there_are_counts_only() -> None:
    result = replace(export_samples.full(), validity=load_samples.invalid().validity)
    families = scrape(result)
    assert value(families, "valid") == 0
    assert value(families, "right_answers", request="cart") == 7343
    assert not [name for name in families if name.endswith("_seconds") and name != "window_seconds"]
    metrics = summary(result)["metrics"]
    assert metrics["http_reqs"] == {"count": 15_000}
    assert not [name for name in metrics if "duration" in name or "waiting" in name]
    stats, history, failures = tables(result)
    assert stats[-1]["Request Count"] == "15000"
    assert {
        stats[-1][name] for name in ("Requests/s", "Median Response Time", "Max Response Time")
    } == {""}
    assert {stats[-1][name] for name in (*locust_csv.PERCENTILES, "100%")} == {"N/A"}
    assert not history and len(failures) == 2


def test_a_load_without_answers_has_no_times() -> None:
    result = replace(load_samples.unanswered(), validity=load_samples.opened().validity)
    assert not [
        name
        for name, family in scrape(result).items()
        if family.type == "histogram" or "quantile" in name
    ]
    assert summary(result)["metrics"]["http_req_failed"] == {"value": 1.0, "passes": 40, "fails": 0}
    assert tables(result)[0][-1]["Median Response Time"] == ""


# Prometheus.


def test_prometheus_reads_what_was_counted() -> None:
    result = export_samples.full()
    families = scrape(result)
    assert value(families, "valid") == 1
    assert value(families, "info", run=result.run.id, loop="open", url=result.question.url) == 1
    assert value(families, "right_answers", request="front page") == 7343
    assert value(families, "failures", kind="status") == 312
    assert value(families, "responses", status="503") == 312
    assert value(families, "checks", check="cart is empty", result="fail") == 12
    assert value(families, "received_bytes") == 31_400_000
    assert {family.type for family in families.values()} == {"gauge", "counter", "histogram"}
    assert all(family.documentation for family in families.values())


def test_prometheus_buckets_grow_to_the_count() -> None:
    result = export_samples.full()
    assert result.service_seconds is not None
    family = scrape(result)["service_seconds"]
    buckets = [sample.value for sample in family.samples if sample.name.endswith("_bucket")]
    assert buckets == sorted(buckets) and buckets[0] == 5 and buckets[-1] == export_samples.COUNT
    sums = {
        sample.name.rpartition("_")[2]: sample.value
        for sample in family.samples
        if "le" not in sample.labels
    }
    assert sums["count"] == export_samples.COUNT
    assert sums["sum"] == pytest.approx(
        result.service_seconds.mean * export_samples.COUNT, rel=1e-3
    )


def test_prometheus_has_the_percentiles_that_the_sample_supports_with_their_intervals() -> None:
    families = scrape(export_samples.closed())
    assert {sample.labels["quantile"] for sample in families["quantile_seconds"].samples} == {
        "0.5",
        "0.9",
        "0.95",
    }
    assert {sample.labels["time"] for sample in families["quantile_seconds"].samples} == {"service"}
    low, high = (
        value(families, f"quantile_{end}_seconds", quantile="0.5") for end in ("low", "high")
    )
    assert low < high
    assert "response_seconds" not in families


def test_prometheus_takes_any_text_as_a_label() -> None:
    title = 'a "quoted"\\ line\nand a second, {with} = signs'
    result = replace(load_samples.opened(), per_request={title: 20_000})
    assert value(scrape(result), "right_answers", request=title) == 20_000


# k6.


def test_the_summary_has_the_shape_of_k6() -> None:
    result = export_samples.full()
    read = summary(result)
    assert set(read) == {"root_group", "metrics"}
    root = read["root_group"]
    assert (root["name"], root["path"], root["id"], root["groups"]) == (
        "",
        "",
        "d41d8cd98f00b204e9800998ecf8427e",
        {},
    )
    check = root["checks"]["cart is empty"]
    assert set(check) == {"name", "path", "id", "passes", "fails"}
    assert (check["path"], check["passes"], check["fails"]) == ("::cart is empty", 7331, 12)
    metrics = read["metrics"]
    assert metrics["http_reqs"] == {"count": 15_000, "rate": 1500.0}
    assert metrics["http_req_failed"] == {
        "value": pytest.approx(314 / 15_000),
        "passes": 314,
        "fails": 14_686,
    }
    assert metrics["checks"] == {
        "value": pytest.approx(14_674 / 14_686),
        "passes": 14_674,
        "fails": 12,
    }
    assert metrics["iterations"]["count"] == 7343
    assert metrics["data_sent"] == {"count": 1_200_000, "rate": 120_000.0}
    for name in (
        "duration",
        "blocked",
        "connecting",
        "tls_handshaking",
        "sending",
        "waiting",
        "receiving",
    ):
        assert set(metrics[f"http_req_{name}"]) == TREND, name
    assert set(metrics["iteration_duration"]) == set(metrics["response_duration"]) == TREND


def test_k6_counts_in_milliseconds() -> None:
    result = export_samples.full()
    assert result.service_seconds is not None and result.service_seconds.p95 is not None
    duration = summary(result)["metrics"]["http_req_duration"]
    assert duration["p(95)"] == pytest.approx(result.service_seconds.p95 * 1000)
    assert duration["avg"] == pytest.approx(result.service_seconds.mean * 1000)


def test_k6_gets_no_statistic_that_the_sample_does_not_support() -> None:
    metrics = summary(export_samples.closed(100))["metrics"]
    assert set(metrics["http_req_duration"]) == TREND - {"p(95)", "p(99)"}
    assert metrics["vus"] == {"value": 64, "min": 64, "max": 64}
    assert (
        "checks" not in metrics
        and "iterations" not in metrics
        and "http_req_blocked" not in metrics
    )


# locust.


def test_the_tables_have_locusts_columns() -> None:
    """As locust 2.47 writes them; read from its files."""
    percentiles = "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
    stats, history, failures = texts("locust", export_samples.full())
    assert stats.splitlines()[0] == (
        "Type,Name,Request Count,Failure Count,Median Response Time,"
        "Average Response Time,Min Response Time,Max Response Time,"
        f"Average Content Size,Requests/s,Failures/s,{percentiles}"
    )
    assert history.splitlines()[0] == (
        f"Timestamp,User Count,Type,Name,Requests/s,Failures/s,{percentiles},"
        "Total Request Count,Total Failure Count,"
        "Total Median Response Time,Total Average Response Time,Total Min Response Time,"
        "Total Max Response Time,Total Average Content Size"
    )
    assert failures.splitlines()[0] == "Method,Name,Error,Occurrences,First Seen,Last Seen"


def test_locust_rows_of_several_requests() -> None:
    result = export_samples.full()
    stats, history, failures = tables(result)
    assert [(row["Type"], row["Name"]) for row in stats] == [
        ("", "front page"),
        ("", "cart"),
        ("", "Aggregated"),
    ]
    assert (stats[0]["Request Count"], stats[0]["Failure Count"], stats[0]["50%"]) == (
        "7343",
        "",
        "N/A",
    )
    assert (stats[-1]["Request Count"], stats[-1]["Failure Count"], stats[-1]["Requests/s"]) == (
        "15000",
        "314",
        "1500.0",
    )
    assert result.response_seconds is not None and result.response_seconds.p95 is not None
    assert float(stats[-1]["95%"]) == pytest.approx(result.response_seconds.p95 * 1000, abs=0.001)
    assert stats[-1]["99.99%"] == "N/A" and stats[-1]["Average Content Size"] == ""
    assert [int(row["Total Request Count"]) for row in history] == [
        1500 * place for place in range(1, 10)
    ] + [15_000]
    assert {row["User Count"] for row in history} == {""}
    assert int(history[1]["Timestamp"]) - int(history[0]["Timestamp"]) == 1
    assert history[-1]["Total Failure Count"] == "314" and history[0]["Total Failure Count"] == ""
    assert failures[0]["Error"] == "status: expected status 200, got 503; body starts 'busy'"
    assert list(failures[1].values()) == [
        "",
        "",
        "timeout: no complete response within 5 s",
        "2",
        "",
        "",
    ]


def test_locust_rows_of_one_request() -> None:
    stats, history, failures = tables(export_samples.closed())
    assert (stats[0]["Type"], stats[0]["Name"]) == ("GET", "/books?page=2")
    assert {**stats[0], "Type": "", "Name": "Aggregated"} == stats[1]
    assert stats[0]["95%"] != "N/A" and stats[0]["99%"] == "N/A"
    assert [row["User Count"] for row in history] == ["64"]
    assert not failures
