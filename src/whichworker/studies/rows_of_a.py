"""The published table of study A: requests/s on gevent, uvicorn, hypercorn asyncio and uvloop."""

from __future__ import annotations

from whichworker.studies.table import PublishedRow

PUBLISHED_ARMS = ("gunicorn-gevent", "gunicorn-uvicorn", "hypercorn", "hypercorn-uvloop")
ARMS = (
    *PUBLISHED_ARMS,
    "hypercorn-trio",
    "granian-asgi",
    "granian-asgi-uvloop",
    "granian-wsgi",
    "daphne",
    "gunicorn-gthread",
)
"""The published ones, trio (which the study could not run), later ones, and threads."""

SYNC, ASYNC = ("sync",), ("async",)


def _all(*values: float) -> dict[str, float]:
    return dict(zip(PUBLISHED_ARMS, values, strict=True))


def _asgi(*values: float) -> dict[str, float]:
    return dict(zip(PUBLISHED_ARMS[1:], values, strict=True))


def _row(
    title: str,
    variant: str,
    workload: str,
    values: dict[str, float],
    service: float = 0.0,
    **more: object,
) -> PublishedRow:
    return PublishedRow(
        title=title,
        variant=variant,
        workload=workload,
        values=values,
        service_seconds=service,
        **more,  # type: ignore[arg-type]
    )


BLOCKS = "requests blocks the event loop of an async view: it can only make one call at a time"
INTERNET = "the upstream was the public internet"

ROWS: tuple[PublishedRow, ...] = (
    _row("JSON", "sync", "json", _all(30913.89, 4061.19, 3753.90, 4929.08)),
    _row("JSON", "async", "json-async", _asgi(3464.25, 3270.73, 4533.80)),
    _row("Query JSON", "sync", "query-json", _all(11498.22, 1845.01, 1691.03, 1969.74)),
    _row("Query JSON", "async", "query-json-async", _asgi(1997.32, 1565.80, 2148.56)),
    _row("Query HTML", "sync", "query-html", _all(7113.50, 1590.24, 1189.28, 1577.94)),
    _row("Query HTML", "async", "query-html-async", _asgi(1749.29, 1382.19, 1792.08)),
    _row("Gateway 1 s", "sync", "gateway-1s", _all(1861.80, 1819.99, 1747.01, 1769.52), 1.0),
    _row("Gateway 1 s", "async", "gateway-1s-async", _asgi(1805.06, 1676.20, 1712.17), 1.0),
    _row("Gateway 3 s", "sync", "gateway-3s", _all(635.14, 631.95, 585.55, 578.60), 3.0),
    _row(
        "Gateway 3 s",
        "async",
        "gateway-3s-async",
        _asgi(1592.22, 1476.54, 1395.52),
        3.0,
        really_seconds=1.0,
    ),
    _row("Gateway 10 s", "sync", "gateway-10s", _all(181.38, 181.37, 181.43, 152.51), 10.0),
    _row(
        "Gateway 10 s",
        "async",
        "gateway-10s-async",
        _asgi(90.72, 37.97, 29.12),
        10.0,
        remark="hypercorn's came from a read timeout of 10 s in its own command line, which drops"
        " normal slow requests",
    ),
    _row("Brotli", "sync", "brotli", _all(414.45, 295.72, 314.35, 324.34)),
    _row("Brotli", "async", "brotli-async", _asgi(158.04, 142.45, 193.18)),
    _row(
        "Requests",
        "sync",
        "http-requests",
        _all(38.50, 25.08, 22.04, 16.01),
        upstream=True,
        remark=INTERNET,
    ),
    _row("Requests", "async", "http-requests-async", _asgi(0, 0, 0), upstream=True, remark=BLOCKS),
    _row("HTTPX", "sync", "http-httpx", _all(0.50, 0, 0, 0), upstream=True, remark=INTERNET),
    _row(
        "HTTPX",
        "async",
        "http-httpx-async",
        _asgi(42.81, 17.74, 17.42),
        upstream=True,
        remark=INTERNET,
    ),
    _row(
        "AIOHTTP",
        "async",
        "http-aiohttp-async",
        _asgi(35.07, 23.40, 45.29),
        upstream=True,
        remark=INTERNET,
    ),
    _row(
        "Cache hit", "sync", "cache-hit", _all(26658.00, 5654.22, 3251.49, 4327.30), 0.02, remark=""
    ),
    _row("Cache hit", "async", "cache-hit-async", _asgi(6295.06, 3735.66, 4035.76), 0.02),
    _row("Cache set", "sync", "cache-set", _all(9669.09, 4366.79, 3236.40, 3676.91), 0.2),
    _row("Cache set", "async", "cache-set-async", _asgi(3806.02, 3399.52, 3713.74), 0.2),
    _row("Requests, reused", "sync", "http-requests-reused", {}, upstream=True),
    _row("HTTPX, reused", "sync", "http-httpx-reused", {}, upstream=True),
    _row("HTTPX, reused", "async", "http-httpx-async-reused", {}, upstream=True),
    _row("AIOHTTP, reused", "async", "http-aiohttp-async-reused", {}, upstream=True),
)
