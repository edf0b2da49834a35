"""A WSGI app that burns a known amount of CPU: WORK rounds of hashing, so that arms can be made
slower by a known share."""

import hashlib
import os

ROUNDS = int(os.environ.get("WORK", "1000"))
BODY = b'{"answer": 42}'


def application(environ, start_response):
    digest = b"whichworker"
    for _ in range(ROUNDS):
        digest = hashlib.sha256(digest).digest()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]
    )
    return [BODY]
