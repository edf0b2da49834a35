"""The codes of findings about a server setup that failed: by kind of failure, and by check."""

from __future__ import annotations

from whichworker.model.findings import Code

LOST = "A server setup that fails has no place in the ranking."
ARM = {
    kind: Code(f"arm-{kind}", "info" if kind == "refused" else "error", title, LOST, cure)
    for kind, title, cure in (
        ("install", "The environment could not be built", "read the message of the installer"),
        ("refused", "The server cannot serve this app", "choose a server of the app's interface"),
        ("start", "The server did not start", "read the end of its log"),
        ("died", "The server died under load", "read the end of its log"),
        ("connect", "The server refused a connection", "read its log"),
        ("tls", "The encrypted connection failed", "check the certificate and the port"),
        ("reset", "A connection broke within a response", "read the log of the server"),
        ("timeout", "A response missed the deadline", "use fewer --connections"),
        ("framing", "A response is not valid HTTP/1.1", "report it to the authors of the server"),
        ("status", "A response has a wrong status", "name a path that returns 200: --url /path"),
        ("header", "A response has a wrong header", "compare it with the expected response"),
        ("body", "A response has a wrong body", "compare it with the expected response"),
        ("exhausted", "This machine ran out of ports or files", "use fewer --connections"),
        ("check", "A check of a response failed", "compare it with the response in the evidence"),
        ("capture", "A value for a later request is missing", "correct the capture of the session"),
        ("overflow", "The listen queue was full", "use fewer --connections"),
        ("generator", "The load generator was the bottleneck", "use more cores for the generator"),
        ("conformance", "The server failed a preflight check", "run whichworker preflight"),
        ("memory", "The server used more memory than the budget", "use fewer workers"),
        ("impossible", "A response came impossibly soon", "check the route that is requested"),
        ("upstream", "The local upstream was the bottleneck", "use more cores for the services"),
    )
}
"""A server setup without a number, by the kind of its failure (`model.FAILURE_KINDS`)."""

CONFORMANCE = {
    case: Code(
        f"conformance-{case}",
        "error",
        f"The server fails a check: {checked}",
        "A fast server is no use to an app that needs what the server gets wrong.",
        "choose another server, or avoid what it gets wrong",
    )
    for case, checked in (
        ("answers", "the responses of the workload"),
        ("json", "JSON from a sync view"),
        ("json-async", "JSON from an async view"),
        ("orm", "a query by the ORM, sync"),
        ("orm-async", "a query by the ORM, async"),
        ("post", "a POST of 200 kB with its length"),
        ("post-async", "a POST of 200 kB to an async view"),
        ("chunked", "a POST of 200 kB in chunks"),
        ("stream", "a response in five chunks"),
        ("stream-async", "a response in five chunks from an async view"),
        ("slow", "several clients of a slow sync view"),
        ("slow-async", "several clients of a slow async view"),
        ("headers", "path, query, host and a header"),
        ("404", "a path that does not exist"),
        ("500", "a view that raises"),
        ("head", "HEAD, then GET"),
        ("keep-alive", "a second request on the same connection"),
        ("stop", "the stop signal with a request in flight"),
        ("reload", "the reload signal under load"),
    )
}
"""A failed case of the preflight (`workloads.conformance`); an error if it stops the setup."""
