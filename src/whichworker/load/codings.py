"""Bodies without their Content-Encoding (RFC 9110, section 8.4), decoded after they were timed."""

from __future__ import annotations

import importlib
import zlib
from functools import lru_cache
from typing import Any

from whichworker.load.framing import BODY_LIMIT_BYTES, Response

GZIP_BITS, DEFLATE_BITS, RAW_BITS = 31, 15, -15
"""`wbits` of zlib.decompressobj; some servers send `deflate` without the header of zlib."""
DECODERS = {"br": ("brotli", "brotlicffi"), "zstd": ("compression.zstd", "zstandard")}
"""Packages that decode what the standard library of Python 3.11 cannot, if one is installed."""


class CodingError(ValueError):
    """The body cannot be decoded."""


def codings(response: Response) -> tuple[str, ...]:
    """The encodings of the body, in lower case, in the order in which they were applied."""
    values = [value for name, value in response.headers if name == "content-encoding"]
    words = (word.strip().lower() for value in values for word in value.split(","))
    return tuple(word for word in words if word not in ("", "identity"))


def decoded(response: Response) -> bytes:
    """The body as the app wrote it; raises CodingError if it is damaged or no decoder is there."""
    return _decode(codings(response), response.body)


def shown(response: Response) -> bytes:
    """The decoded body if it can be decoded, else the body as it came: for people to read."""
    try:
        return decoded(response)
    except CodingError:
        return response.body


# Cached, as a server repeats a static page; a response that varies costs one decoding.
@lru_cache(maxsize=8)
def _decode(words: tuple[str, ...], body: bytes) -> bytes:
    for word in reversed(words):
        if body:  # of a response to HEAD there is nothing to decode
            body = _inflate(word.removeprefix("x-"), body)
    return body


def _inflate(word: str, body: bytes) -> bytes:
    if word == "gzip":
        return _unzip(word, body, GZIP_BITS)
    if word == "deflate":
        try:
            return _unzip(word, body, DEFLATE_BITS)
        except CodingError:
            return _unzip(word, body, RAW_BITS)
    for name in DECODERS.get(word, ()):
        try:
            module: Any = importlib.import_module(name)
        except ImportError:
            continue
        try:
            return bytes(module.decompress(body))
        except Exception as error:  # each package has an exception of its own
            raise CodingError(f"it is no valid {word}: {error}") from error
    needs = DECODERS.get(word)
    raise CodingError(f"no decoder for {word} is installed{f' ({needs[-1]})' if needs else ''}")


def _unzip(word: str, body: bytes, bits: int) -> bytes:
    found = b""
    while body:  # a gzip body may have several members
        reader = zlib.decompressobj(bits)
        try:
            found += reader.decompress(body, BODY_LIMIT_BYTES - len(found) + 1)
        except zlib.error as error:
            raise CodingError(f"it is no valid {word}: {error}") from error
        if len(found) > BODY_LIMIT_BYTES:
            raise CodingError(f"it is more than {BODY_LIMIT_BYTES} bytes without its {word}")
        if not reader.eof:
            raise CodingError(f"it is no valid {word}: its end is missing")
        body = reader.unused_data
    return found
