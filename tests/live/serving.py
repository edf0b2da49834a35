"""A live page of a journal, served in this process, and requests to it."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whichworker.live import guard
from whichworker.live.web import LivePage, bound, serve


@contextmanager
def served(folder: Path) -> Iterator[LivePage]:
    """The page of a run's folder until the block ends."""
    listening = bound(0)
    ready = threading.Event()
    shown: list[tuple[LivePage, asyncio.AbstractEventLoop]] = []

    async def run() -> None:
        page = LivePage(folder, listening.getsockname()[1], guard.new_token(), with_logs=True)
        shown.append((page, asyncio.get_running_loop()))
        asyncio.get_running_loop().call_later(0.05, ready.set)
        await serve(page, listening)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    page, loop = shown[0]
    try:
        yield page
    finally:
        loop.call_soon_threadsafe(page.over.set)
        thread.join(10)
        assert not thread.is_alive()


def asked(
    page: LivePage, path: str = "", method: str = "GET", *, token: str = "", **headers: str
) -> tuple[int, dict[str, str], str]:
    """The status, the headers and the body; `path` is below the token."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/{token or page.token}/{path}", headers=named)
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return response.status, fields, response.read().decode()
    finally:
        connection.close()


def first_event(page: LivePage) -> str:
    """The data of the first event of the stream."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    try:
        connection.request("GET", f"/{page.token}/events")
        response = connection.getresponse()
        assert response.getheader("Content-Type", "").startswith("text/event-stream")
        while True:
            line = response.fp.readline().decode()
            assert line, "the stream ended without an event"
            if line.startswith("data: "):
                return line.removeprefix("data: ").strip()
    finally:
        connection.close()
