"""Virtual users in slices of load: they go on, keep what is theirs, and every arm has the same."""

from __future__ import annotations

import itertools
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.load.conftest import Start
from tests.load.test_users import answer, read_request

from whichworker.load import engines
from whichworker.load.seat import Seat
from whichworker.model import (
    Address,
    Answer,
    Capture,
    Load,
    Request,
    Session,
    SliceOrder,
    SliceTally,
    Step,
)

PATIENCE = 30.0


class Club:
    """Each visitor gets a number with the form, logs in with it, and sees only a page of it.

    `wrong`: "cookie" forgets the login, "capture" has no number in the form.
    """

    def __init__(self, wrong: str = "", *, close: bool = False) -> None:
        self.wrong, self.close = wrong, close
        self.steps: list[tuple[str, str]] = []
        self.mixed: list[bytes] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __call__(self, sock: socket.socket) -> None:
        while request := read_request(sock):
            with self._lock:
                reply = self._reply(request)
            sock.sendall(reply)
            if self.close:
                return

    def _reply(self, request: bytes) -> bytes:
        path = request.split(b" ", 2)[1].decode()
        cookies = dict(re.findall(rb"(form|member)=(\d+)", request.partition(b"\r\n\r\n")[0]))
        if path.startswith("/form"):
            number = str(next(self._numbers))
            self.steps.append(("form", number))
            if cookies:
                self.mixed.append(request)
            shown = b"closed" if self.wrong == "capture" else f"number {number}".encode()
            return self._sent("200 OK", shown, f"Set-Cookie: form={number}; Path=/")
        if path == "/enter":
            sent = request.rpartition(b"\r\n\r\n")[2].partition(b"=")[2]
            self.steps.append(("enter", sent.decode()))
            if cookies != {b"form": sent}:
                self.mixed.append(request)
            member = f"Set-Cookie: member={sent.decode()}; Path=/; Secure"
            return self._sent("302 Found", b"", *([] if self.wrong == "cookie" else [member]))
        number = path.rpartition("/")[2]
        self.steps.append(("page", number))
        if cookies != dict.fromkeys((b"form", b"member"), number.encode()):
            self.mixed.append(request)
            return self._sent("302 Found", b"", "Location: /form")
        return self._sent("200 OK", b"welcome")

    def _sent(self, status: str, body: bytes, *headers: str) -> bytes:
        return answer(status, body, *headers, *(["Connection: close"] if self.close else []))


def visitor(name: str = "visitor", weight: int = 1, form: str = "/form") -> Session:
    number = Capture(name="number", source="regex", key=r"number (\d+)")
    return Session(
        name=name,
        weight=weight,
        steps=(
            Step(request=Request(path=form), captures=(number,)),
            Step(
                request=Request(
                    method="POST",
                    path="/enter",
                    headers=(("Content-Type", "application/x-www-form-urlencoded"),),
                    body=b"number=${number}",
                    answer=Answer(status=302),
                )
            ),
            Step(request=Request(path="/page/${number}", answer=Answer(body=b"welcome"))),
        ),
    )


def seat_at(address: Address, *sessions: Session, connections: int = 4, seed: int = 0) -> Seat:
    return engines.take_seat(
        Load(
            address=address,
            host="shop.example",
            requests=(),
            sessions=sessions or (visitor(),),
            connections=connections,
            settle_seconds=0.0,
            window_seconds=1.0,
            seed=seed,
        )
    )


@pytest.fixture
def seats() -> Iterator[list[Seat]]:
    """Seats that are closed at the end."""
    taken: list[Seat] = []
    yield taken
    for seat in taken:
        seat.close()


def slice_of(seat: Seat, counted: int = 30, start: int = 0) -> SliceTally:
    order = SliceOrder(seat="one", uncounted=5, counted=counted, most_seconds=PATIENCE, start=start)
    return seat.slice(order)


def test_every_step_counts_and_users_go_on_over_slices(start: Start, seats: list[Seat]) -> None:
    club = Club()
    seats.append(seat_at(start(club)))
    for number in range(1, 6):
        tally = slice_of(seats[0])
        assert (tally.engine, tally.failures, tally.requests) == ("epoll", (), 30)
        assert tally.responses == 5 + 30 + 4
        assert len(club.steps) == number * tally.responses
    for kind in ("form", "enter", "page"):
        numbers = [number for of, number in club.steps if of == kind]
        assert len(set(numbers)) == len(numbers), "each user takes each step once"
    assert {number for kind, number in club.steps if kind == "page"} > {"1", "2", "3"}


def test_cookies_and_values_of_one_user_never_reach_another(
    start: Start, seats: list[Seat]
) -> None:
    club = Club()
    seats.append(seat_at(start(club), connections=7))
    for _ in range(6):
        assert slice_of(seats[0], 100).failures == ()
    assert club.mixed == []


@pytest.mark.parametrize("connections", [1, 4, 7])
def test_slices_have_all_steps_evenly(start: Start, seats: list[Seat], connections: int) -> None:
    club = Club()
    seats.append(seat_at(start(club), connections=connections))
    for number in range(8):
        assert slice_of(seats[0], 60 - 5 - connections, 60 * number).responses == 60
    kinds = Counter(kind for kind, _ in club.steps)
    # A user begins out of turn only if all who could take a later step are still in flight.
    late = 0 if connections == 1 else connections
    assert 160 <= kinds["form"] <= 160 + 2 * late, kinds
    assert 160 - 2 * late <= kinds["page"] <= 160, kinds


def test_every_arm_has_the_same_steps_at_the_same_place(start: Start, seats: list[Seat]) -> None:
    """Whatever the arms did before: one had a slice more, as others used the cores meanwhile."""

    class Book(Club):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def _reply(self, request: bytes) -> bytes:
            self.lines.append(re.sub(r"\d+", "N", request.split(b" HTTP", 1)[0].decode()))
            return super()._reply(request)

    books = [Book(), Book()]
    sessions = [visitor(name, weight, f"/form-{name}") for name, weight in (("a", 3), ("b", 2))]
    seats += [seat_at(start(book), *sessions, connections=1, seed=7) for book in books]
    slice_of(seats[0], 40, 900)
    for seat in seats:
        slice_of(seat, 40)
    for at, book in enumerate(books):
        book.lines.clear()
        slice_of(seats[at], 60, 300)
    assert books[0].lines == books[1].lines
    assert set(books[0].lines) == {"GET /form-a", "GET /form-b", "POST /enter", "GET /page/N"}


def test_a_logged_out_page_and_a_missing_value_are_failures(
    start: Start, seats: list[Seat]
) -> None:
    found = []
    for wrong in ("cookie", "capture"):
        seats.append(seat_at(start(Club(wrong))))
        failures = slice_of(seats[-1]).failures
        found.append([failure.kind for failure in failures])
        assert failures[0].count > 1
    assert found == [["status"], ["capture"]]


def test_users_outlive_their_connections(start: Start, seats: list[Seat]) -> None:
    club = Club(close=True)
    seats.append(seat_at(start(club)))
    for _ in range(3):
        tally = slice_of(seats[0])
        assert (tally.failures, tally.requests) == ((), 30)
        assert tally.reconnects >= 30
    assert club.mixed == []
