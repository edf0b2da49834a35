"""The server of the page: Starlette on loopback, with server-sent events and one button."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from whichworker import redaction
from whichworker.errors import JournalFailed, UsageError
from whichworker.live import guard, idle, page
from whichworker.live.processes import LiveServer, Processes, started, writer_of
from whichworker.live.standing import Clock, LiveStanding, standing_of
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Header

LOOK_SECONDS = 1.0
"""Between two looks at the run; judging it takes up to a second, so the next look waits longer."""
REST = 4.0
"""Times the time that a look took, until the next one."""
SHOWN_SECONDS = 5.0
"""The clock of the page is renewed this often while nothing is written."""
ALIVE_SECONDS = 15.0
"""Without news, a line that keeps proxies and browsers from closing the stream."""
NOT_BEGUN = "The measurement has not begun"
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
    """The page of a run, which may change to the next run of the same command.

    `with_logs`: the page knows the secrets of the run, so it may show what its servers wrote.
    """

    def __init__(self, folder: Path | None, port: int, token: str, *, with_logs: bool) -> None:
        self.port, self.token, self.with_logs = port, token, with_logs
        self.over = asyncio.Event()
        self._folder: Path | None = None
        self._processes: Processes | None = None
        self._known: tuple[object, LiveStanding] | None = None
        self._cores: tuple[int, ...] = ()
        self._shown, self._looks = Shown(trouble=NOT_BEGUN), 0
        self._watchers, self._last_look = 0, False
        self._news, self._looking = asyncio.Condition(), asyncio.Lock()
        if folder is not None:
            self.follow(folder)

    @property
    def address(self) -> str:
        """The page's URL, with its token."""
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    def follow(self, folder: Path) -> None:
        """Show this run from now on."""
        self._folder = folder.resolve()
        self._processes = Processes(self._folder, with_logs=self.with_logs)

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
        """Look at the run as long as somebody sees the page, and once more when it is over."""
        while not self.over.is_set():
            took = 0.0
            if self._watchers:
                began = time.monotonic()
                await self._renew()
                took = time.monotonic() - began
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), LOOK_SECONDS + REST * took)
        await self._renew(last=True)

    async def _renew(self, *, last: bool = False) -> None:
        """Look again; the streams send what is new."""
        async with self._looking:
            shown = await asyncio.to_thread(self._look)
        async with self._news:
            self._shown, self._looks, self._last_look = shown, self._looks + 1, last
            self._news.notify_all()

    def _look(self) -> Shown:
        folder, processes = self._folder, self._processes
        if folder is None or processes is None:
            return Shown(trouble=NOT_BEGUN)
        path = folder / FILE
        servers, writer = processes.look(time.monotonic()), writer_of(path)
        standing: LiveStanding | None = None
        trouble = ""
        try:
            standing = self._standing(path, writer)
        except FileNotFoundError:
            trouble = NOT_BEGUN
        except (JournalFailed, OSError) as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001 - a page that cannot be shown must not end
            trouble = f"this run cannot be shown: {type(error).__name__}: {error}"
        return Shown(
            standing=standing, trouble=trouble, servers=servers, stoppable=writer is not None
        )

    def _standing(self, path: Path, writer: int | None) -> LiveStanding:
        """The state of the run; judged again if anything changed, or after some seconds."""
        found = path.stat()
        passed = int(time.monotonic() / SHOWN_SECONDS) if writer is not None else 0
        state = (path, found.st_mtime, found.st_size, writer, passed)
        if self._known is not None and self._known[0] == state:
            return self._known[1]
        journal = Journal.read(path)
        cores = next((one.question.budget.generator_cores for one in journal.of(Header)), ())
        if writer is not None and cores != self._cores:
            self._cores = cores
            idle.step_back(cores)
        since = started(writer) if writer is not None else None
        last = datetime.fromtimestamp(found.st_mtime, UTC)
        clock = Clock(datetime.now(UTC) if since else last, since)
        standing = standing_of(journal, clock)
        self._known = (state, standing)
        return standing

    def _refused(self, request: Request) -> Response | None:
        token = str(request.path_params["token"])
        why = guard.refusal(request.method, token, self.token, request.headers, self.port)
        return PlainTextResponse(f"{why}\n", 403, HEADERS) if why else None

    async def _page(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        text, policy = page.render(self._folder.name if self._folder else "")
        return HTMLResponse(text, headers={**HEADERS, "Content-Security-Policy": policy})

    async def _events(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=HEADERS)

    async def _stream(self) -> AsyncIterator[bytes]:
        """The changes of the run, one event for each; the last look ends the stream."""
        self._watchers += 1
        try:
            yield b"retry: 2000\n\n"
            if not self._last_look:
                await self._renew()
            sent, former = -1, b""
            while True:
                data, sent, ended = redaction.encode(self._shown), self._looks, self._last_look
                if data != former:
                    yield b"event: run\ndata: " + data + b"\n\n"
                    former = data
                if ended:
                    yield b"event: over\ndata: {}\n\n"
                    return
                async with self._news:
                    news = self._news.wait_for(lambda: self._looks != sent)  # noqa: B023
                    try:
                        await asyncio.wait_for(news, ALIVE_SECONDS)
                    except TimeoutError:
                        yield b": alive\n\n"
        finally:
            self._watchers -= 1

    async def _stop(self, request: Request) -> Response:
        """Interrupt the run as Ctrl-C does: what was measured is kept."""
        if refused := self._refused(request):
            return refused
        writer = writer_of(self._folder / FILE) if self._folder else None
        try:
            if writer is None:
                raise ProcessLookupError
            os.kill(writer, signal.SIGINT)
        except OSError:
            return PlainTextResponse("nothing is measured any more\n", 409, HEADERS)
        return PlainTextResponse("the run is told to stop\n", 202, HEADERS)


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
