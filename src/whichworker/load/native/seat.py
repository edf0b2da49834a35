"""A seat of the engine in C."""

from __future__ import annotations

from array import array
from time import monotonic_ns

from whichworker.load.dial import dial
from whichworker.load.mix import deal, prepare_asks
from whichworker.load.native import engine as native
from whichworker.load.native.judge import Judge
from whichworker.load.seat import UNBEGUN, Course, Meter, requests_of, seat_load, tally_slice
from whichworker.model import Load, SliceOrder, SliceTally


class NativeSeat:
    """One engine that keeps its connections; the interpreter runs only between its turns."""

    engine = native.ENGINE

    def __init__(self, load: Load) -> None:
        self._load = load = seat_load(load)
        asks = prepare_asks(load)
        self._judge = Judge(asks)
        self._engine = native.make_engine(load, self._judge, (0, 0, 0), slices=True)
        for ask in asks:
            self._judge.teach(self._engine, ask)
        self._engine.set_deck(deal(asks, load.seed).tobytes())
        self._meter = Meter()

    def slice(self, order: SliceOrder) -> SliceTally:
        """Send one slice of load; see `model.SliceOrder`."""
        missing, closed = self._engine.look()
        course, reopened = UNBEGUN, 0
        self._meter.clear()
        if self._connect(missing):
            course, reopened = self._run(order), closed
        failures = self._judge.take_failures()
        return tally_slice(
            self.engine, order, course, failures=failures, reopened=reopened, meter=self._meter
        )

    def close(self) -> None:
        """Close every connection."""
        self._engine.close()
        self._meter.close()

    def _connect(self, missing: int) -> bool:
        if not missing:
            return True
        sockets, troubles = dial(self._load.address, missing, self._load.deadline_seconds)
        for sock in sockets:
            self._engine.adopt(sock.detach())
        for kind, text in troubles:
            self._judge.fail(kind, 0, text, b"")
        return not troubles

    def _run(self, order: SliceOrder) -> Course:
        limit, most = requests_of(order, self._load.connections), round(order.most_seconds * 1e9)
        with self._meter.measure():
            going = self._engine.slice(limit, most, order.start, monotonic_ns() + native.TURN_NS)
            while going:  # signals are handled between turns
                going = self._engine.turn(monotonic_ns() + native.TURN_NS)
        began, stopped, ended, reconnects, most_in_flight, moments = self._engine.sliced()
        times = array("q")
        times.frombytes(moments)
        return Course(began, stopped, ended, reconnects, most_in_flight, times)
