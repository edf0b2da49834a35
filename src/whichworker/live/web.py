"""The server of the page: Starlette on loopback, with server-sent events and one button."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from whichworker import redaction, units
from whichworker.errors import JournalFailed, UsageError
from whichworker.live import guard, page
from whichworker.live.processes import LiveServer, Processes, writer_of
from whichworker.live.standing import LiveStanding, standing_of
from whichworker.store.journal import FILE, Journal

LOOK_SECONDS = 1.0
"""Between two looks at the run; judging it takes up to a second, so the next look waits longer."""
REST = 4.0
"""Times the time that a look took, until the next one."""
ALIVE_SECONDS = 15.0
"""Without news, a line that keeps proxies and browsers from closing the stream."""
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One event: the standing, or why there is none, the servers, and if the run can be stopped."""

    standing: LiveStanding | None = None
    trouble: str = ""
    servers: tuple[LiveServer, ...] = ()
    stoppable: bool = False


class LivePage:
    """The page of a run, which may change to the next run of the same command."""

    def __init__(self, folder: Path, port: int, token: str) -> None:
        self.folder, self.port, self.token = folder, port, token
        self.over = asyncio.Event()
        self._processes = Processes(folder)
        self._seen: tuple[Path, float, int] | None = None
        self._standing = Shown()
        self._watchers = 0
        self._news = asyncio.Condition()

    @property
    def address(self) -> str:
        """The page's URL, with its token."""
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    def follow(self, folder: Path) -> None:
        """Show this run from now on."""
        self.folder, self._processes = folder, Processes(folder)

    def app(self) -> Starlette:
        """The routes; any other path is not found."""
        return Starlette(
            routes=[
                Route("/{token}/", self._page, methods=["GET"]),
                Route("/{token}/events", self._events, methods=["GET"]),
                Route("/{token}/stop", self._stop, methods=["POST"]),
            ]
        )

    async def watch(self) -> None:
        """Look at the run as long as somebody sees the page, until it is over."""
        while not self.over.is_set():
            took = 0.0
            if self._watchers:
                began = time.monotonic()
                await self._renew()
                took = time.monotonic() - began
            try:
                await asyncio.wait_for(self.over.wait(), LOOK_SECONDS + REST * took)
            except TimeoutError:
                continue
        if self._watchers:
            await self._renew()
        async with self._news:
            self._news.notify_all()

    async def _renew(self) -> None:
        self._standing = await asyncio.to_thread(self._look)
        async with self._news:
            self._news.notify_all()

    def _look(self) -> Shown:
        path = self.folder / FILE
        servers = self._processes.look(time.monotonic())
        stoppable = writer_of(path) is not None
        try:
            state = (path, path.stat().st_mtime, path.stat().st_size)
            if state == self._seen and self._standing.standing:
                standing: LiveStanding | None = self._standing.standing
            else:
                standing, self._seen = standing_of(Journal.read(path)), state
        except (JournalFailed, OSError) as error:
            trouble = "The measurement has not begun" if not path.exists() else str(error)
            return Shown(trouble=trouble, servers=servers, stoppable=stoppable)
        return Shown(standing=standing, servers=servers, stoppable=stoppable)

    def _refused(self, request: Request) -> Response | None:
        token = str(request.path_params["token"])
        why = guard.refusal(request.method, token, self.token, request.headers, self.port)
        return PlainTextResponse(f"{why}\n", 403, HEADERS) if why else None

    async def _page(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        text, policy = page.render(self.folder.name)
        return HTMLResponse(text, headers={**HEADERS, "Content-Security-Policy": policy})

    async def _events(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=HEADERS)

    async def _stream(self) -> AsyncIterator[bytes]:
        """The changes of the run, one event for each; the last event ends the stream."""
        self._watchers += 1
        try:
            yield b"retry: 2000\n\n"
            if not self._standing.standing:
                await self._renew()
            former = b""
            while True:
                data = encoded(self._standing)
                yield b": alive\n\n" if data == former else b"event: run\ndata: " + data + b"\n\n"
                former = data
                if self.over.is_set():
                    yield b"event: over\ndata: {}\n\n"
                    return
                async with self._news:
                    try:
                        await asyncio.wait_for(self._news.wait(), ALIVE_SECONDS)
                    except TimeoutError:
                        continue
        finally:
            self._watchers -= 1

    async def _stop(self, request: Request) -> Response:
        """Interrupt the run as Ctrl-C does: what was measured is kept."""
        if refused := self._refused(request):
            return refused
        writer = writer_of(self.folder / FILE)
        if writer is None:
            return PlainTextResponse("nothing is measured any more\n", 409, HEADERS)
        os.kill(writer, signal.SIGINT)
        return PlainTextResponse("the run is told to stop\n", 202, HEADERS)


def encoded(shown: Shown) -> bytes:
    """One line of JSON, without secrets and control characters."""
    told = redaction.cleaned(msgspec.to_builtins(shown))
    return msgspec.json.encode(_visible(told))


def _visible(value: object) -> object:
    if isinstance(value, str):
        return units.visible(value)
    if isinstance(value, dict):
        return {key: _visible(one) for key, one in value.items()}
    return [_visible(one) for one in value] if isinstance(value, list | tuple) else value


def bound(port: int) -> socket.socket:
    """A listening socket on loopback; raises UsageError if the port is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise UsageError(
            f"port {port} of 127.0.0.1 cannot be used: {error.strerror}",
            hint="choose another --port, or leave it out",
        ) from error
    return listening


class PageServer(uvicorn.Server):
    """Signals belong to the command that shows the page."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(live: LivePage, listening: socket.socket) -> None:
    """Serve the page until `live.over` is set, then tell all who see it."""
    config = uvicorn.Config(
        live.app(),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = PageServer(config)
    serving = asyncio.create_task(server.serve([listening]))
    await live.watch()
    await asyncio.sleep(0.1)  # the last event is on its way
    server.should_exit = True
    await serving
