"""Results of other tools: what they print, read back, and what it supports."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker.errors import UsageError
from whichworker.secondhand import tools
from whichworker.secondhand.checks import Judged, judge
from whichworker.secondhand.printed import Printed, seconds_of

WRK = """Running 30s test @ http://127.0.0.1:8000/books
  4 threads and 200 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    64.10ms   12.00ms 300.00ms   90.00%
    Req/Sec   780.00     20.00     0.90k    70.00%
  Latency Distribution
     50%   60.00ms
     99%  120.50ms
  93600 requests in 30.00s, 20.00MB read
Requests/sec:   3120.00
Transfer/sec:      0.67MB
"""
LOST = """Running 22s test @ http://127.0.0.1:8000/gateway-10s
  20 threads and 2000 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     0.00us    0.00us   0.00us    -nan%
    Req/Sec    11.20     28.00   220.00     90.00%
  4000 requests in 22.05s, 1.10MB read
  Socket errors: connect 0, read 0, write 0, timeout 4000
Requests/sec:    181.38
"""
HEY = """
Summary:
  Total:\t2.0312 secs
  Slowest:\t0.0900 secs
  Fastest:\t0.0010 secs
  Average:\t0.0100 secs
  Requests/sec:\t4923.2

Latency distribution:
  10% in 0.0050 secs
  50% in 0.0090 secs
  99% in 0.0500 secs

Status code distribution:
  [200]\t9000 responses
  [503]\t1000 responses

Error distribution:
  [7]\tGet "http://x": EOF
"""
OHA = """Summary:
  Success rate:\t100.00%
  Total:\t10.0012 secs
  Average:\t0.0123 secs
  Requests/sec:\t4062.5

Response time distribution:
  50.00% in 0.0110 secs
  99.90% in 0.0700 secs

Status code distribution:
  [200] 40630 responses
"""
AB = """Server Software:        gunicorn
Concurrency Level:      10
Time taken for tests:   1.234 seconds
Complete requests:      1000
Failed requests:        12
   (Connect: 0, Receive: 0, Length: 12, Exceptions: 0)
Requests per second:    810.37 [#/sec] (mean)
Time per request:       12.340 [ms] (mean)
Time per request:       1.234 [ms] (mean, across all concurrent requests)
Percentage of the requests served within a certain time (ms)
  50%     12
  99%     30
 100%     44 (longest request)
"""
K6 = """
     checks.........................: 100.00% ✓ 8481      ✗ 0
     http_req_duration..............: avg=77.93ms med=18.28ms max=1m0s p(90)=249.7ms p(95)=310.36ms
     http_req_failed................: 0.00%   ✓ 0         ✗ 3855
     http_reqs......................: 3855    64.08/s
     iterations.....................: 771     12.8/s
     vus_max........................: 10      min=10      max=10
"""
LOCUST = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,"
    "Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,99%,100%\n"
    "GET,/,2800,14,780,782.1,613,1200,120,93.3,0.4,780,950,1200\n"
    ",Aggregated,2800,14,780,782.1,613,1200,120,93.3,0.4,780,950,1200\n"
)


def one(text: str, service: float | None = None, **more: int) -> Judged:
    (run,) = tools.read(text, "a file")
    return judge(msgspec.structs.replace(run, **more), service)


def codes_of(judged: Judged) -> set[str]:
    return {finding.code for finding in judged.findings}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WRK, ("wrk", 3120.0, 30.0, 93600, 200, 0.0641, {"p50": 0.06, "p99": 0.1205}, 0)),
        (
            HEY,
            (
                "hey",
                4923.2,
                2.0312,
                10000,
                None,
                0.01,
                {"p10": 0.005, "p50": 0.009, "p99": 0.05},
                1007,
            ),
        ),
        (OHA, ("oha", 4062.5, 10.0012, 40630, None, 0.0123, {"p50": 0.011, "p99.9": 0.07}, 0)),
        (AB, ("ab", 810.37, 1.234, 1000, 10, 0.01234, {"p50": 0.012, "p99": 0.03}, 12)),
        (
            K6,
            (
                "k6",
                64.08,
                3855 / 64.08,
                3855,
                10,
                0.07793,
                {"p50": 0.01828, "p90": 0.2497, "p95": 0.31036},
                0,
            ),
        ),
        (LOCUST, ("locust", 93.3, 2800 / 93.3, 2800, None, 0.7821, {"p50": 0.78, "p99": 0.95}, 14)),
    ],
    ids=["wrk", "hey", "oha", "ab", "k6", "locust"],
)
def test_what_each_tool_prints_is_read(text: str, expected: tuple[object, ...]) -> None:
    (run,) = tools.read(text, "a file")
    seen = (
        run.tool,
        run.rate,
        run.seconds,
        run.requests,
        run.connections,
        run.mean_seconds,
        run.percentiles,
        run.failed,
    )
    for found, wanted in zip(seen, expected, strict=True):
        assert found == (pytest.approx(wanted) if isinstance(wanted, float | dict) else wanted)


def test_a_consistent_closed_loop_supports_a_rate_and_no_response_time() -> None:
    judged = one(WRK)
    assert judged.usable
    assert codes_of(judged) == {"closed-loop-times", "single-run"}
    assert judged.supports.startswith("about 3,120/s at full load, once")


def test_response_times_that_were_thrown_away_are_missed() -> None:
    judged = one(LOST, service=10.0)
    assert not judged.usable
    assert codes_of(judged) >= {"times-lost", "failures-counted", "whole-waves"}
    assert "response times of slow requests are missing" in judged.supports


def test_a_rate_above_connections_over_service_time_is_impossible() -> None:
    """The published async route of three seconds, which slept one: 1592/s on 2000 connections."""
    run = Printed(tool="wrk", rate=1592.22, connections=2000, requests=35_000, seconds=22.0)
    assert codes_of(judge(run, 3.0)) >= {"ceiling-beaten"}
    run = Printed(tool="wrk", rate=635.14, connections=2000, requests=14_000, seconds=22.0)
    judged = judge(run, 3.0)
    assert "ceiling-reached" in codes_of(judged)
    assert judged.supports.startswith("at least 635/s")


def test_failures_are_no_speed() -> None:
    judged = one(HEY)
    (finding,) = [one for one in judged.findings if one.code == "failures-counted"]
    assert "1,000 status 503" in finding.text
    assert "at most 4,427/s were correct" in finding.text
    assert not judged.usable


def test_few_requests_support_no_high_percentile() -> None:
    run = Printed(tool="oha", requests=900, rate=90.0, percentiles={"p50": 0.1, "p99": 0.2})
    (finding,) = [one for one in judge(run).findings if one.code == "too-few-requests"]
    assert finding.text == "p99 of 900 requests"


ARENA = {
    "framework": "flask",
    "results": {
        "static": {
            "framework": "flask", "rps": 51000, "avg_latency": "18.08ms", "p99_latency": "18.08ms",
            "connections": 1024, "duration": "5s", "status_2xx": 255000, "reconnects": 0,
        },
        "short": {
            "framework": "flask", "rps": 77000, "avg_latency": "28.75ms", "p99_latency": "257.7ms",
            "connections": 4096, "duration": "5s", "status_2xx": 385000, "reconnects": 385000,
        },
        "paced": {
            "framework": "flask", "rps": 109754, "avg_latency": "9103406.4us",
            "p99_latency": "17588224.0us", "connections": 1024, "duration": "20s",
            "status_2xx": 2196148, "target_rate": 1000000,
        },
    },
}  # fmt: skip


def test_each_test_of_an_arena_is_judged() -> None:
    static, short, paced = (judge(run) for run in tools.read(json.dumps(ARENA), "flask.json"))
    assert "percentile-is-mean" in codes_of(static)
    assert "connections-idle" in codes_of(short)
    assert "too-short" in codes_of(short)
    assert "target-missed" in codes_of(paced)
    assert "little-broken" not in codes_of(paced), "in an open loop requests wait outside, too"


def test_json_of_k6_and_oha() -> None:
    exported = {
        "metrics": {
            "http_reqs": {"count": 3855, "rate": 64.08},
            "http_req_duration": {"avg": 77.93, "med": 18.28, "p(95)": 310.36},
            "http_req_failed": {"value": 0.1},
            "vus_max": {"value": 10},
        }
    }
    (run,) = tools.read(json.dumps(exported), "k6.json")
    assert (run.connections, run.failed) == (10, 386)
    assert run.percentiles == {"p95": pytest.approx(0.31036), "p50": pytest.approx(0.01828)}
    wrapped = {"metrics": {name: {"values": one} for name, one in exported["metrics"].items()}}
    assert tools.read(json.dumps(wrapped), "k6.json") == [run]
    oha = {
        "summary": {"requestsPerSec": 100.0, "total": 10.0, "average": 0.01},
        "latencyPercentiles": {"p50": 0.01, "p99.9": 0.2, "p10": None},
        "statusCodeDistribution": {"200": 990, "500": 10},
        "errorDistribution": {"aborted due to deadline": 5},
    }
    (run,) = tools.read(json.dumps(oha), "oha.json")
    assert run.failures == {"status 500": 10, "aborted due to deadline": 5}
    assert run.percentiles == {"p50": 0.01, "p99.9": 0.2}


def test_several_runs_in_one_file() -> None:
    assert [run.rate for run in tools.read(WRK + LOST + WRK, "runs.txt")] == [
        3120.0,
        181.38,
        3120.0,
    ]


@pytest.mark.parametrize(
    "text", ["", "hello", "{", "{}", '{"metrics": 3}', '{"results": {"a": 1}}', "Summary:\n", "[1]"]
)
def test_other_files_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        tools.read(text, "it")
    assert "wrk" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5.80ms", 0.0058),
        ("250us", 0.00025),
        ("1m2s", 62),
        ("3", 3),
        ("-nan", None),
        ("", None),
        ("1x", None),
    ],
)
def test_durations_of_tools(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == (None if seconds is None else pytest.approx(seconds))


PIECES = [WRK, LOST, HEY, OHA, AB, K6, LOCUST, json.dumps(ARENA)]


@given(st.sampled_from(PIECES), st.data())
def test_a_damaged_result_is_read_or_refused(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    more = data.draw(st.text(alphabet="0123456789.,%:[]{}\"'smµ \n-", max_size=30))
    damaged = text[:at] + more + text[at + data.draw(st.integers(0, 20)) :]
    try:
        runs = tools.read(damaged, "it")
    except UsageError:
        return
    for run in runs:
        judge(run, 1.0)
