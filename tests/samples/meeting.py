"""An upstream in threads that counts connections and lets calls meet: proof without a clock."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from whichworker.workloads.answers import countries


class Handler(BaseHTTPRequestHandler):
    """Sends a country once all calls that have to meet are here, and status 503 if some miss."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Upstream

    def do_GET(self) -> None:
        """Answer one call."""
        number = int(urlsplit(self.path).path.rpartition("/")[2])
        met = self.server.meet()
        body = json.dumps({"number": number, **countries()[number]}).encode() if met else b"{}"
        self.send_response(200 if met else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # The name `format` is the base class's.
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class Upstream(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; `parties` calls must be here before any response."""

    daemon_threads = (
        True  # a client that is reused keeps its connection for as long as its server runs
    )

    def __init__(self, parties: int, patience_seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = 0
        self._barrier, self._patience = threading.Barrier(parties), patience_seconds

    def process_request(self, request: object, client_address: object) -> None:
        """Count a connection."""
        self.connections += 1
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def meet(self) -> bool:
        """Wait for the others; False where they do not come."""
        try:
            self._barrier.wait(self._patience)
        except threading.BrokenBarrierError:
            return False
        return True

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def upstream(parties: int = 1, patience_seconds: float = 20.0) -> Iterator[Upstream]:
    """An upstream that is closed at the end."""
    with Upstream(parties, patience_seconds) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
