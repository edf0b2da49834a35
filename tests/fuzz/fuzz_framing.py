"""Feeds the response parser in Python the bytes of atheris: whole, and split as the data decide.

The first byte is read as in fuzz_parser.c. With PLANTED_BUG in the environment a chunked response
is reported as a find.
"""

from __future__ import annotations

import os
import sys

# Only in the environment of `make fuzz`:
import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

with atheris.instrument_imports():
    from whichworker.load.framing import FramingError, Response, ResponseParser

BODY_LIMIT = 4096  # bytes: inputs can reach it
MOST_SPLITS = 7  # three bits of the first byte
PLANTED = "PLANTED_BUG" in os.environ


def outcome(method: str, pieces: list[bytes]) -> Response | None:
    """The response, None for anything else; any error but FramingError is a find."""
    parser = ResponseParser(method, BODY_LIMIT)
    try:
        for piece in pieces:
            parser.feed(piece)
        response = parser.finish()
    except FramingError:
        return None
    assert len(response.body) <= BODY_LIMIT
    assert 200 <= response.status <= 599
    assert not (PLANTED and response.framing == "chunked" and len(response.body) > 2)
    return response


def test_one_input(data: bytes) -> None:
    """One input of the fuzzer."""
    if not data:
        return
    method = "HEAD" if data[0] & 1 else "GET"
    splits = data[0] >> 4 & MOST_SPLITS
    rest = data[1 + splits :]
    pieces = []
    left = rest
    for size in data[1 : 1 + splits]:
        pieces.append(left[:size])
        left = left[size:]
    assert outcome(method, [rest]) == outcome(method, [*pieces, left])


if __name__ == "__main__":
    atheris.Setup(
        sys.argv[1:], test_one_input
    )  # the first is the name by which atheris starts itself again
    atheris.Fuzz()
