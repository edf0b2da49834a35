"""A small web server in threads of this process, for tests that load one."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GREETING = b'{"greeting": "hello"}'


class Handler(BaseHTTPRequestHandler):
    """`/` greets, `/echo` returns the body, `/teapot` is one, `/half` fails every other time."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    asked = 0

    def do_GET(self) -> None:
        """Respond to one request."""
        type(self).asked += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        status = 418 if path == "/teapot" or (path == "/half" and self.asked % 2) else 200
        self.send_response(status)
        content = body if path == "/echo" else GREETING
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name is the base class's

    # The name `format` is the base class's.
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class Origin(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1."""

    request_queue_size = 128

    def __init__(self) -> None:
        handler = type("Counting", (Handler,), {"asked": 0})
        super().__init__(("127.0.0.1", 0), handler)
        self.handler: type[Handler] = handler

    def handle_error(self, request: object, client_address: object) -> None:
        """A client may be killed; anything else is a fault of the test."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def serving() -> Iterator[Origin]:
    """A server that is closed at the end."""
    with Origin() as origin:
        thread = threading.Thread(target=origin.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield origin
        finally:
            origin.shutdown()
            thread.join()
