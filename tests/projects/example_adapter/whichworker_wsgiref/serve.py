"""Serve `module:attribute` by wsgiref until TERM: only the standard library and the app."""

import argparse
from importlib import import_module
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer


class Quiet(WSGIRequestHandler):
    """No line for each request: a race would measure the log."""

    def log_request(self, code="-", size="-"):
        """Nothing."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--backlog", type=int)
    parser.add_argument("app")
    given = parser.parse_args()
    module, _, attribute = given.app.partition(":")
    WSGIServer.request_queue_size = given.backlog
    with WSGIServer((given.host, given.port), Quiet) as server:
        server.set_app(getattr(import_module(module), attribute))
        server.serve_forever()
