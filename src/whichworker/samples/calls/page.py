"""A stored page, compressed for every request at brotli's own default quality, the highest."""

from pathlib import Path

import brotli

PAGE = (Path(__file__).parent / "page.html").read_bytes()
HEADERS = {"Content-Encoding": "br", "Vary": "Accept-Encoding"}
CONTENT_TYPE = "text/html; charset=utf-8"


def compressed():
    return brotli.compress(PAGE)
