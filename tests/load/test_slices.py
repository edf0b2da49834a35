"""Slices of load on connections that persist: both engines, and the generator's process."""

from __future__ import annotations

import ctypes
import io
import os
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from tests.load.conftest import Listener

from whichworker.errors import GeneratorFailed, UsageError
from whichworker.load import child, engines
from whichworker.load.dial import dial
from whichworker.load.generator import Generator
from whichworker.load.native import engine as native
from whichworker.load.seat import Seat
from whichworker.model import (
    Address,
    Answer,
    Load,
    Pace,
    Request,
    Session,
    SliceOrder,
    SliceTally,
    Stage,
    Step,
    Tls,
)

Handler = Callable[[socket.socket], None]
Start = Callable[[Handler], Address]
Engine = Literal["epoll", "native"]
Take = Callable[..., Seat]

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
RIGHT = Answer(status=200, body=b"hello")
CORES = tuple(sorted(os.sched_getaffinity(0)))[-1:]
PATIENCE = 30.0
built = pytest.mark.skipif(not native.available(), reason=native.missing_reason())
ENGINES = pytest.mark.parametrize("name", ["epoll", pytest.param("native", marks=built)])


class Server:
    """Responds with `reply` of the request's number (from 1) and keeps it; None: it hangs up."""

    def __init__(
        self, reply: Callable[[int], bytes | None] = lambda number: HELLO, *, close: bool = False
    ) -> None:
        self.paths: list[bytes] = []
        self.sockets: list[socket.socket] = []
        self._reply = reply
        self._close = close
        self._lock = threading.Lock()
        self._ended = threading.Semaphore(0)

    def __call__(self, sock: socket.socket) -> None:
        with self._lock:
            self.sockets.append(sock)
        try:
            self._serve(sock)
        finally:
            self._ended.release()

    def _serve(self, sock: socket.socket) -> None:
        while data := sock.recv(65536):
            with self._lock:
                self.paths.append(data.split(b" ", 2)[1])
                number = len(self.paths)
            answer = self._reply(number)
            if answer is None:
                return
            if self._close:  # its end comes with the response, so it never crosses a request
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            sock.sendall(answer)
            if self._close:
                sock.shutdown(socket.SHUT_RDWR)
                return

    def wait_for_ends(self, count: int) -> None:
        """Until so many connections have ended."""
        for _ in range(count):
            assert self._ended.acquire(timeout=PATIENCE)


def load_of(address: Address, *requests: Request, **more: Any) -> Load:
    words: dict[str, Any] = {"connections": 4, "settle_seconds": 0.0, "window_seconds": 1.0} | more
    return Load(
        address=address, host="localhost", requests=requests or (Request(answer=RIGHT),), **words
    )


def order_of(
    uncounted: int = 10, counted: int = 50, most: float = PATIENCE, **more: Any
) -> SliceOrder:
    return SliceOrder(seat="one", uncounted=uncounted, counted=counted, most_seconds=most, **more)


def kinds(tally: SliceTally) -> dict[str, int]:
    return {failure.kind: failure.count for failure in tally.failures}


@pytest.fixture
def take() -> Iterator[Take]:
    """Take a seat of an engine; all of them are closed at the end."""
    seats: list[Seat] = []

    def begin(name: Engine, address: Address, *requests: Request, **more: Any) -> Seat:
        seats.append(engines.take_seat(load_of(address, *requests, engine=name, **more)))
        return seats[-1]

    yield begin
    for seat in seats:
        seat.close()


@ENGINES
@pytest.mark.parametrize("uncounted", [0, 10])
def test_counts_are_exact(start: Start, take: Take, name: Engine, uncounted: int) -> None:
    server = Server()
    seat = take(name, start(server))
    assert not server.paths
    assert not server.sockets
    for slices in range(1, 4):
        tally = seat.slice(order_of(uncounted))
        assert (tally.engine, tally.failures, tally.reopened, tally.reconnects) == (name, (), 0, 0)
        assert (tally.requests, tally.responses, tally.most_in_flight) == (50, uncounted + 54, 4)
        assert (
            len(server.paths) == slices * tally.responses
        )  # nothing is sent, or in flight, beside of slices
        assert tally.began_ns <= tally.opened_ns < tally.closed_ns < tally.ended_ns
        assert (tally.opened_ns == tally.began_ns) == (uncounted == 0)
        assert tally.seconds == (tally.closed_ns - tally.opened_ns) / 1e9
        assert tally.cpu_seconds > 0
        assert tally.run_delay_seconds >= 0
        assert tally.times == ()
    assert len(server.sockets) == 4


@ENGINES
def test_every_connection_is_busy_until_the_last_is_counted(
    start: Start, take: Take, name: Engine
) -> None:
    together = threading.Barrier(4, timeout=PATIENCE)  # no response before four requests are there

    def reply(number: int) -> bytes:
        together.wait()
        return HELLO

    seat = take(name, start(Server(reply)))
    for _ in range(3):
        tally = seat.slice(order_of(uncounted=4, counted=12))
        assert (tally.requests, tally.responses, tally.failures) == (12, 20, ())


@ENGINES
def test_times_of_a_profile(start: Start, take: Take, name: Engine) -> None:
    seat = take(name, start(Server()))
    tally = seat.slice(order_of(profile=True))
    assert len(tally.times) == tally.responses == 64
    assert all(before <= after for before, after in pairwise((0, *tally.times)))
    assert (tally.times[9], tally.times[59]) == (
        tally.opened_ns - tally.began_ns,
        tally.closed_ns - tally.began_ns,
    )
    assert tally.times[-1] <= tally.ended_ns - tally.began_ns


def fin(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_RDWR)


def reset(sock: socket.socket) -> None:
    # The connection's thread still reads it, so only connecting to nowhere ends it, with a reset.
    nowhere = struct.pack("H14x", socket.AF_UNSPEC)
    assert ctypes.CDLL(None).connect(sock.fileno(), nowhere, len(nowhere)) == 0


@ENGINES
@pytest.mark.parametrize("end", [fin, reset])
def test_connections_closed_while_idle_are_opened_again(
    start: Start, take: Take, name: Engine, end: Handler
) -> None:
    server = Server()
    seat = take(name, start(server))
    seat.slice(order_of())
    for sock in server.sockets[:3]:
        end(sock)
    tally = seat.slice(order_of())
    assert (tally.requests, tally.responses, tally.reopened, tally.reconnects, tally.failures) == (
        50,
        64,
        3,
        0,
        (),
    )
    assert (len(server.paths), len(server.sockets)) == (128, 7)


@ENGINES
def test_connections_that_were_idle_for_long_are_made_again(
    start: Start, take: Take, name: Engine
) -> None:
    """A server that closes them after two seconds may do so when the next request arrives."""
    server = Server()
    seat = take(name, start(server))
    seat.slice(order_of())
    time.sleep(1.6)
    tally = seat.slice(order_of())
    assert (tally.requests, tally.reopened, tally.failures) == (50, 0, ())
    assert len(server.sockets) == 8
    seat.slice(order_of())
    assert len(server.sockets) == 8


@ENGINES
def test_bytes_while_idle_are_a_failure_and_cost_the_connection(
    start: Start, take: Take, name: Engine
) -> None:
    server = Server()
    seat = take(name, start(server))
    seat.slice(order_of())
    server.sockets[0].setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )  # the last response may not be acknowledged yet
    server.sockets[0].sendall(b"HTTP/1.1 408 Too Late\r\n\r\n")
    tally = seat.slice(order_of())
    assert (tally.requests, tally.responses, tally.reopened, tally.reconnects) == (50, 64, 0, 0)
    assert kinds(tally) == {"framing": 1}
    assert (
        tally.failures[0].sample
        == "GET /: bytes that belong to no request: b'HTTP/1.1 408 Too Late\\r\\n\\r\\n'"
    )
    assert len(server.sockets) == 5
    assert seat.slice(order_of()).failures == ()


@ENGINES
@pytest.mark.parametrize("announced", [True, False])
def test_a_connection_for_each_response(
    start: Start, take: Take, name: Engine, announced: bool
) -> None:
    answer = HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") if announced else HELLO
    server = Server(lambda number: answer, close=True)
    seat = take(name, start(server))
    for slices in range(1, 4):
        tally = seat.slice(order_of())
        assert (tally.requests, tally.responses, tally.failures) == (50, 64, ())
        assert len(server.paths) == slices * 64
        if announced:
            assert (tally.reconnects, tally.reopened, len(server.sockets)) == (60, 0, slices * 64)


@ENGINES
def test_a_wrong_body_is_reported(start: Start, take: Take, name: Engine) -> None:
    server = Server(lambda number: HELLO.replace(b"hello", b"hullo") if number % 8 == 0 else HELLO)
    seat = take(name, start(server))
    tally = seat.slice(order_of())
    assert kinds(tally) == {"body": 8}
    assert (tally.responses, len(server.paths)) == (56, 64)
    assert tally.requests <= 46
    assert kinds(seat.slice(order_of())) == {"body": 8}  # of this slice alone


@ENGINES
@pytest.mark.parametrize("flood", [100, None])
def test_a_server_that_dies(start: Start, take: Take, name: Engine, flood: int | None) -> None:
    def reply(number: int) -> bytes | None:
        if number == 31:
            listener.refuse()
        return HELLO if number <= 30 else None

    listener = Listener(Server(reply))
    seat = take(name, listener.address, flood=flood)
    tally = seat.slice(order_of(most=1.0))
    assert set(kinds(tally)) in ({"connect"}, {"connect", "reset"})
    assert 20 <= tally.responses <= 30
    assert tally.requests == tally.responses - 10
    listener.close()
    tally = seat.slice(order_of())
    assert kinds(tally) == {"connect": 4}
    assert (tally.began_ns, tally.ended_ns, tally.opened_ns, tally.requests, tally.seconds) == (
        0,
        0,
        0,
        0,
        0.0,
    )
    assert "Connection refused by 127.0.0.1" in tally.failures[0].sample


@ENGINES
def test_too_many_failures_end_a_slice_and_not_the_seat(
    start: Start, take: Take, name: Engine
) -> None:
    seat = take(name, start(Server(lambda number: HELLO if number > 20 else None)), flood=8)
    tally = seat.slice(order_of(uncounted=0, counted=1000))
    assert kinds(tally)["reset"] >= 8
    assert (tally.responses, tally.requests) == (0, 0)
    while (tally := seat.slice(order_of())).failures:
        pass
    assert (tally.requests, tally.responses) == (50, 64)


@ENGINES
def test_sending_stops_in_time(start: Start, take: Take, name: Engine) -> None:
    release = threading.Event()

    def reply(number: int) -> bytes:
        if number > 20:
            release.wait(PATIENCE)
        return HELLO

    server = Server(reply)
    seat = take(name, start(server))
    timer = threading.Timer(1.0, release.set)
    timer.start()
    tally = seat.slice(order_of(uncounted=5, counted=1000, most=0.5))
    timer.join()
    assert (tally.requests, tally.responses, tally.failures) == (
        15,
        24,
        (),
    )  # those that were late are drained
    assert len(server.paths) == 24
    assert seat.slice(order_of()).requests == 50


@ENGINES
def test_no_response_before_the_deadline(start: Start, take: Take, name: Engine) -> None:
    release = threading.Event()

    def reply(number: int) -> bytes:
        if number > 20:
            release.wait(PATIENCE)
        return HELLO

    server = Server(reply)
    seat = take(name, start(server), deadline_seconds=0.4)
    tally = seat.slice(order_of(uncounted=5, counted=1000, most=0.2))
    release.set()
    assert (tally.requests, tally.responses, kinds(tally)) == (15, 20, {"timeout": 4})
    tally = seat.slice(order_of())
    assert (tally.requests, tally.responses, tally.failures) == (50, 64, ())


@pytest.mark.parametrize("kept", [True, False])
def test_the_same_start_is_the_same_sequence(start: Start, take: Take, kept: bool) -> None:
    requests = tuple(
        Request(path=f"/{name}", answer=RIGHT, weight=weight)
        for name, weight in (("a", 3), ("b", 2), ("c", 0), ("d", 1))
    )
    size = 6 * -(-16_384 // 6)
    server = Server()
    address = start(server)
    sequences = []
    for name in ("epoll", "native") if native.available() else ("epoll", "epoll"):
        seat = take(name, address, *requests, connections=1, seed=3)
        for place in (7, 7 + size, 0, size - 3):
            server.paths.clear()
            assert seat.slice(order_of(start=place)).failures == ()
            sequences.append(list(server.paths))
    assert sequences[:4] == sequences[4:]
    assert sequences[0] == sequences[1] != sequences[2]
    assert sequences[3][3:] == sequences[2][: 61 - 3]
    assert sequences[2][7:] == sequences[0][: 61 - 7]
    counts = Counter(sequences[2][:60])
    assert counts == {b"/a": 30, b"/b": 20, b"/d": 10}


@ENGINES
def test_a_unix_socket(tmp_path: Path, take: Take, name: Engine) -> None:
    path = str(tmp_path / "socket")
    server = Server()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen(0)  # room for one at a time: the others have to be tried again
        listener = Listener(server, sock)
        seat = take(name, listener.address)
        for _ in range(2):
            tally = seat.slice(order_of())
            assert (tally.requests, tally.responses, tally.failures) == (50, 64, ())
        assert len(server.sockets) == 4
        listener.close()


@ENGINES
def test_an_interrupt_leaves_a_seat_that_can_go_on(start: Start, take: Take, name: Engine) -> None:
    def reply(number: int) -> bytes:
        if number == 100:
            os.kill(os.getpid(), signal.SIGINT)
        return HELLO

    seat = take(name, start(Server(reply)))
    with pytest.raises(KeyboardInterrupt):
        seat.slice(order_of(counted=10_000_000))
    tally = seat.slice(order_of())
    assert (tally.requests, tally.responses, tally.failures) == (50, 64, ())


@built
def test_an_error_in_a_callback_is_raised_once(
    start: Start, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fail_badly(*words: object) -> None:
        calls.append(words)
        raise ZeroDivisionError

    release = threading.Event()
    monkeypatch.setattr("whichworker.load.native.judge.Judge.fail", fail_badly)
    seat = take(
        "native",
        start(Server(lambda number: HELLO if release.wait(PATIENCE) else None)),
        deadline_seconds=0.1,
    )
    with pytest.raises(ZeroDivisionError):
        seat.slice(order_of())
    release.set()
    assert len(calls) == 1  # four were late


@built
def test_an_engine_that_keeps_nothing_has_no_slices(start: Start) -> None:
    from whichworker.load.mix import prepare_asks
    from whichworker.load.native.judge import Judge

    load = load_of(start(Server()))
    whole = native.make_engine(load, Judge(prepare_asks(load)), (0, 0, 1))
    for call in (whole.look, lambda: whole.adopt(0), lambda: whole.slice(1, 1, 0, 0), whole.sliced):
        with pytest.raises(RuntimeError):
            call()
    kept = native.make_engine(load, Judge(prepare_asks(load)), (0, 0, 0), slices=True)
    with pytest.raises(KeyError):
        kept.histogram("service")
    with pytest.raises(ValueError, match="a slice needs"):
        kept.slice(0, 1, 0, 0)
    with pytest.raises(RuntimeError):
        kept.slice(1, 1, 0, 0)  # nothing to ask
    assert kept.look() == (4, 0)
    assert kept.sliced()[-1] == b""
    pairs = [socket.socketpair() for _ in range(5)]
    for ours, _ in pairs[:4]:
        kept.adopt(ours.detach())
    with pytest.raises(ValueError, match="no connection is missing"):
        kept.adopt(pairs[4][0].fileno())
    assert kept.look() == (0, 0)
    kept.close()
    assert [theirs.recv(1) for _, theirs in pairs[:4]] == [b""] * 4
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_what_cannot_be_sent_in_slices() -> None:
    nowhere = Address("127.0.0.1", 1)
    request = Request(answer=RIGHT)
    thinking = Session(name="x", steps=(Step(request=request, think_seconds=1.0),))
    sessions = load_of(nowhere, sessions=(thinking,))
    loads = [
        sessions,
        msgspec.structs.replace(sessions, requests=()),
        load_of(nowhere, tls=Tls(server_name="x")),
        load_of(nowhere, pace=Pace(stages=(Stage(1.0, 1.0, 1.0),))),
        load_of(nowhere, connections=0),
    ]
    for load in loads:
        with pytest.raises(UsageError):
            engines.take_seat(load)


def test_connections_that_cannot_be_made(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        connected, troubles = dial(Address("", 0, path), 3, 0.05)
        assert len(connected) + len(troubles) == 3
        assert set(troubles) == {("timeout", "no connection within 0.05 s")}
        for sock in connected:
            sock.close()
    connected, troubles = dial(Address("", 0, path + "x"), 2, 0.05)
    assert (connected, len(troubles)) == ([], 2)
    assert troubles[0][0] == "connect"


# The generator's process.


@pytest.fixture
def running() -> Iterator[Generator]:
    with Generator() as generator:
        generator.start(CORES)
        yield generator


@ENGINES
def test_seats_of_a_process(start: Start, running: Generator, name: Engine) -> None:
    one, two = Server(), Server()
    first, second = start(one), start(two)
    assert running.seat("one", load_of(first, engine=name)) == name
    assert running.seat("two", load_of(second, engine=name, connections=2)) == name
    for slices in range(1, 4):
        tally = running.slice(order_of(profile=True))
        assert (tally.engine, tally.requests, tally.responses, tally.failures) == (name, 50, 64, ())
        assert len(tally.times) == 64
        tally = running.slice(msgspec.structs.replace(order_of(), seat="two"))
        assert (tally.requests, tally.responses, tally.failures) == (50, 62, ())
        assert (len(one.paths), len(two.paths)) == (slices * 64, slices * 62)
    assert (len(one.sockets), len(two.sockets)) == (4, 2)
    running.unseat("one")
    one.wait_for_ends(4)
    running.unseat("one")
    running.unseat("no such seat")
    with pytest.raises(UsageError, match="no seat is called 'one'"):
        running.slice(order_of())
    assert running.slice(msgspec.structs.replace(order_of(), seat="two")).failures == ()
    assert (
        running.seat("two", load_of(first, engine=name, connections=3)) == name
    )  # in the place of the other
    two.wait_for_ends(2)
    assert running.slice(msgspec.structs.replace(order_of(), seat="two")).responses == 63


def test_a_whole_run_between_slices(start: Start, running: Generator) -> None:
    server, other = Server(), Server()
    running.seat("one", load_of(start(server)))
    assert running.slice(order_of()).requests == 50
    tally = running.run(load_of(start(other), window_seconds=0.1), lambda opens, closes: None)
    assert tally.requests > 0
    assert running.slice(order_of()).requests == 50
    assert (len(server.sockets), len(server.paths)) == (4, 128)


def test_a_wrong_order_costs_no_process(start: Start, running: Generator) -> None:
    running.seat("one", load_of(start(Server())))
    for wrong in (
        order_of(uncounted=-1),
        order_of(counted=0),
        order_of(most=0.0),
        order_of(start=-1),
    ):
        with pytest.raises(UsageError):
            running.slice(wrong)
    with pytest.raises(UsageError):
        running.seat("two", load_of(Address("127.0.0.1", 1), connections=0))
    if native.available():
        with pytest.raises(UsageError, match="not an address"):
            running.seat("two", load_of(Address("no such address", 1), engine="native"))
    assert running.slice(order_of()).requests == 50


def test_an_interrupted_slice_leaves_no_process(start: Start, running: Generator) -> None:
    def reply(number: int) -> bytes:
        if number == 100:
            os.kill(os.getpid(), signal.SIGINT)
        return HELLO

    pid = running.pid
    running.seat("one", load_of(start(Server(reply))))
    with pytest.raises(KeyboardInterrupt):
        running.slice(order_of(counted=10_000_000))
    assert running.pid is None
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(UsageError, match="no seat"):
        running.slice(order_of())
    with pytest.raises(GeneratorFailed, match="not running"):
        running.seat("one", load_of(Address("127.0.0.1", 1)))


def test_a_process_that_is_killed_in_a_slice(start: Start, running: Generator) -> None:
    pid = running.pid
    assert pid is not None

    def reply(number: int) -> bytes:
        if number == 100:
            os.kill(pid, signal.SIGKILL)
        return HELLO

    running.seat("one", load_of(start(Server(reply))))
    with pytest.raises(GeneratorFailed, match="was killed"):
        running.slice(order_of(counted=10_000_000))
    assert running.pid is None


def test_tasks_are_carried_out_one_after_another(start: Start) -> None:
    load = load_of(start(Server()))
    tasks: list[child.Task] = [
        child.Turn(order_of()),
        child.Sit("one", load),
        child.Turn(order_of()),
        child.Sit("two", load),
        child.Leave("one"),
        child.Leave("one"),
    ]
    words = io.BytesIO()
    child.serve(io.BytesIO(b"".join(msgspec.json.encode(task) + b"\n" for task in tasks)), words)
    kinds_of_words = [
        type(msgspec.json.decode(line, type=child.Word)) for line in words.getvalue().splitlines()
    ]
    assert kinds_of_words == [
        child.GeneratorReady,
        child.Unusable,
        child.Seated,
        child.SliceDone,
        child.Seated,
        child.SeatLeft,
        child.SeatLeft,
    ]


@ENGINES
def test_slices_without_keep_alive(name: Engine, take: Take, start: Start) -> None:
    asked: list[int] = []

    def answer_once(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(HELLO)
        time.sleep(0.03)  # longer than an end that crosses a request
        sock.setblocking(False)
        try:
            asked.append(len(sock.recv(65536)))
        except BlockingIOError:
            asked.append(0)

    seat = take(name, start(answer_once), keep_alive=False)
    for _ in range(2):
        tally = seat.slice(order_of())
        assert (tally.requests, tally.failures) == (50, ())
    assert not any(asked)
