"""The options of `whichworker load`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from whichworker.config.option import option
from whichworker.config.shared_options import DryRun, Json, Positive, Seed


class LoadOptions(Struct, frozen=True, kw_only=True):
    """How `whichworker load` sends requests; also keys of [load] in the configuration file."""

    url: Annotated[
        str, option("URL to load instead of the one in the file", "URL", group="Requests")
    ] = ""
    method: Annotated[str, option("HTTP method", "M", default="GET, or POST with a body")] = ""
    header: Annotated[
        tuple[str, ...], option("Header of each request, as 'Name: value'; repeatable", "H")
    ] = ()
    host: Annotated[
        str,
        option(
            "Name of the site: the Host header and, for https, the server name",
            "NAME",
            default="the host of the URL",
        ),
    ] = ""
    body: Annotated[str, option("Body of each request; @FILE reads a file", "TEXT")] = ""
    expect: Annotated[
        tuple[str, ...],
        option(
            "Check of each response: status=200, header:N=V, body=TEXT, contains=TEXT,"
            " json:PATH=VALUE or sha256=HEX; repeatable",
            "E",
        ),
    ] = ()
    deadline: Annotated[
        float, option("A response that takes longer is a failure", "TIME", "duration")
    ] = 5.0
    no_keep_alive: Annotated[bool, option("Close each connection after its response")] = False
    ca: Annotated[str, option("File of certificate authorities to trust", "FILE")] = ""
    insecure: Annotated[bool, option("Accept any certificate")] = False
    connections: Annotated[
        int,
        option(
            "Number of connections; with --rate or --stage, the maximum",
            "N",
            group="Measurement",
        ),
    ] = 64
    rate: Annotated[
        Positive | None,
        option(
            "Send at this rate, such as 200/s, however slow the server is (open loop)",
            "RATE",
            "rate",
            optional=True,
            default="as fast as the server responds",
        ),
    ] = None
    arrivals: Annotated[
        Literal["constant", "poisson"] | None,
        option("Spacing of requests in an open loop", default="constant"),
    ] = None
    stage: Annotated[
        tuple[str, ...],
        option(
            "Stage of an open loop: 10s:200/s ramps to a rate, 10s@200/s stays at it; repeatable",
            "STAGE",
        ),
    ] = ()
    time: Annotated[
        float,
        option(
            "Length of the measurement",
            "TIME",
            "duration",
            default="10s; with --requests only: at most 10m",
        ),
    ] = 10.0
    requests: Annotated[
        int | None,
        option("Stop after this many requests; with --time, the first limit ends the load", "N"),
    ] = None
    warmup: Annotated[
        Positive | None,
        option("Load before the measurement; not counted", "TIME", "duration", optional=True),
    ] = None
    ramp: Annotated[
        Positive | None,
        option(
            "Open the connections of a closed loop over this time, before the measurement",
            "TIME",
            "duration",
            optional=True,
        ),
    ] = None
    engine: Annotated[
        Literal["auto", "epoll", "native"],
        option("Load engine: native is faster, epoll is always available"),
    ] = "auto"
    threads: Annotated[int, option("Generator threads, each on its own core", "N")] = 1
    spin: Annotated[
        bool | None,
        option(
            "Keep the generator's cores busy between arrivals of an open loop",
            default="above 10,000/s",
        ),
    ] = None
    receive_delay: Annotated[
        bool, option("Measure how long responses wait in the kernel for the generator")
    ] = False
    backlog: Annotated[
        int,
        option(
            "Requests of an open loop that may wait for a connection; one more makes the load"
            " invalid",
            "N",
        ),
    ] = 100_000
    seed: Seed = None


class LoadRunOptions(Struct, frozen=True, kw_only=True):
    """Whether a load may begin and where its result goes; never in the configuration file."""

    i_own_this_target: Annotated[
        bool,
        option("Required for a target on another machine: you may load it", group="Permissions"),
    ] = False
    slo: Annotated[
        str,
        option(
            "Exit with 1 if the objective is missed, such as p99<300ms,errors<0.1%; times need"
            " --rate or --stage",
            "SLO",
            group="Measurement",
        ),
    ] = ""
    json: Json = ""
    hdr: Annotated[str, option("Write the histograms as an HdrHistogram log", "PATH")] = ""
    export: Annotated[
        tuple[str, ...],
        option(
            "Write the result for another tool: prometheus, influx, k6, locust or grafana;"
            " repeatable",
            "FORMAT=PATH",
        ),
    ] = ()
    dry_run: DryRun = False
