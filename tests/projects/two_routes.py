"""A WSGI app with a report that takes 0.3 s beside a health check that takes no time."""

import time
from collections.abc import Callable
from typing import Any

REPORT_SECONDS = 0.3


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    if environ["PATH_INFO"] == "/report":
        time.sleep(REPORT_SECONDS)
    body = str(environ["PATH_INFO"]).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
