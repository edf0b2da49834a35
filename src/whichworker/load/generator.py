"""The generator in a process of its own, pinned to its cores, so that the one who measures does not disturb it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self, TypeVar

import msgspec

from whichworker.errors import GeneratorFailed, UsageError
from whichworker.load import engines
from whichworker.load.child import (
    Done,
    Going,
    Leave,
    Left,
    Opens,
    Ready,
    Seated,
    Sit,
    Sliced,
    Task,
    Turn,
    Unusable,
    Whole,
    Word,
)
from whichworker.load.mix import check_load, prepare_asks
from whichworker.load.seat import check_order, check_seat
from whichworker.model import Load, SliceOrder, SliceTally, Tally

START_SECONDS = 30.0
SPARE_SECONDS = 10.0
ENDING_SECONDS = 1.0
CUT_SECONDS = 2.0
READ_BYTES = 64 * 1024
TAIL_BYTES = 4096

T = TypeVar("T", Ready, Opens, Done, Seated, Sliced, Left)

_WORDS: msgspec.json.Decoder[Word] = msgspec.json.Decoder(Word)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in the middle of a load; `tally` is what was counted before it."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally


class Generator:
    """A generator process, from `start` to `stop`; as a context manager it is stopped in every case.

    It is killed when the thread that started it ends, so start it from one that outlives the measurement.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._unread = b""
        self._deadlines: dict[str, float] = {}  # of the loads of seats, in seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process, None when there is none."""
        return self._process.pid if self._process is not None else None

    def start(self, cores: tuple[int, ...]) -> None:
        """Start the process, pinned to these cores, and wait until it is ready; raises GeneratorFailed."""
        self.stop()
        # -P: a file of the user's working directory must not take the place of a module.
        argv = [
            sys.executable,
            "-P",
            "-m",
            "whichworker.load.child",
            str(os.getpid()),
            *map(str, cores),
        ]
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
            )
            self._hear(Ready, time.monotonic() + START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def run(
        self,
        load: Load,
        on_window: Callable[[int, int], None],
        on_progress: Callable[[float, int, int], None] = lambda seconds, right, failures: None,
    ) -> Tally:
        """Run one load to its end and return what was counted.

        `on_window` is called as soon as the window is known, with the CLOCK_MONOTONIC nanoseconds at which it opens and
        closes; it may sleep and read probes meanwhile. `on_progress` is called about once a second with the seconds since
        the begin and the right answers and failures so far. Raises GeneratorFailed when the process ends, or gives no
        result in time, and UsageError, before anything is sent, for a load that cannot be run. KeyboardInterrupt is raised
        as Interrupted where something was counted. After any other exception the process is gone; start it again.
        """
        seconds = (
            load.stagger_seconds
            + load.settle_seconds
            + load.window_seconds
            + 2 * load.deadline_seconds
        )
        ends = time.monotonic() + seconds + SPARE_SECONDS
        check_load(load)
        prepare_asks(load)
        engines.choose(load)
        try:
            self._tell(Whole(load))
            window = self._hear(Opens, ends)
            on_window(window.opens_ns, window.closes_ns)
            while isinstance(word := self._next_word(ends), Going):
                on_progress(word.seconds, word.right, word.failures)
            return self._expect(Done, word).tally
        except KeyboardInterrupt:
            tally = self._cut_short()
            self.stop()
            if tally is None:
                raise
            raise Interrupted(tally) from None
        except BaseException:
            self.stop()
            raise

    def seat(self, name: str, load: Load) -> str:
        """Make a seat with the load's connections, in the place of any other of this name, and return its engine's name.

        Nothing is sent, and no connection is made, before its first slice. The load's window, settling and stagger do not
        count here. Raises UsageError for a load that cannot be sent in slices, and GeneratorFailed.
        """
        check_seat(load)
        prepare_asks(load)
        engines.choose(load)
        self._deadlines.pop(name, None)
        seated = self._ask(Sit(name, load), Seated, 0.0)
        self._deadlines[name] = load.deadline_seconds
        return seated.engine

    def slice(self, order: SliceOrder) -> SliceTally:
        """Send one slice of load on the connections of a seat and return what was counted when nothing is in flight any more.

        Connections that are missing are made before. If one cannot be made, nothing is sent, and the failures say why.
        Raises UsageError for an unknown seat, and GeneratorFailed when the process ends or gives no result in time. After
        GeneratorFailed, KeyboardInterrupt or any other exception from within the process is gone, and all seats with it.
        """
        check_order(order)
        if order.seat not in self._deadlines:
            raise UsageError(
                f"no seat is called {order.seat!r}",
                hint="make it with seat() before its first slice",
            )
        return self._ask(
            Turn(order), Sliced, order.most_seconds + 2 * self._deadlines[order.seat]
        ).tally

    def unseat(self, name: str) -> None:
        """Close the connections of a seat; nothing happens if there is none of this name."""
        if self._deadlines.pop(name, None) is not None:
            self._ask(Leave(name), Left, 0.0)

    def _ask(self, task: Task, kind: type[T], seconds: float) -> T:
        """Give the process a task of so many seconds, and wait for its end; after any exception but UsageError the process is gone."""
        try:
            self._tell(task)
            return self._hear(kind, time.monotonic() + seconds + SPARE_SECONDS)
        except UsageError:
            raise
        except BaseException:
            self.stop()
            raise

    def _cut_short(self) -> Tally | None:
        """Ask for what was counted so far; None where it does not come at once."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        ends = time.monotonic() + CUT_SECONDS
        try:
            while not isinstance(word := self._next_word(ends), Done):
                pass
        except (GeneratorFailed, KeyboardInterrupt):  # a second Ctrl-C will not wait
            return None
        return word.tally

    def stop(self) -> None:
        """Kill and reap the process; nothing happens when there is none."""
        process, self._process = self._process, None
        stderr, self._stderr = self._stderr, None
        self._unread = b""
        self._deadlines.clear()
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                _close(pipe)
        _close(stderr)

    def _tell(self, task: Task) -> None:
        if self._process is None:
            raise GeneratorFailed("the load generator is not running", hint="call start() first")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(task) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("ended between two runs") from None

    def _hear(self, kind: type[T], ends: float) -> T:
        return self._expect(kind, self._next_word(ends))

    def _next_word(self, ends: float) -> Word:
        return _WORDS.decode(self._read_line(ends))

    def _expect(self, kind: type[T], word: Word) -> T:
        if isinstance(word, Unusable):
            raise UsageError(word.fact, hint=word.hint)
        if not isinstance(word, kind):
            raise self._failure(f"said {type(word).__name__} where {kind.__name__} was due")
        return word

    def _read_line(self, ends: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        pieces = [self._unread]
        while b"\n" not in pieces[-1]:
            left = ends - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise self._failure("gave no result in time")
            data = os.read(fd, READ_BYTES)
            if not data:
                raise self._failure("ended")
            pieces.append(data)
        line, _, self._unread = b"".join(pieces).partition(b"\n")
        return line

    def _failure(self, what: str) -> GeneratorFailed:
        assert self._process is not None
        assert self._stderr is not None
        try:
            code = self._process.wait(
                ENDING_SECONDS
            )  # one that ended by itself is still writing why
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - TAIL_BYTES))
        seen = self._stderr.read().decode("utf-8", "replace")
        return GeneratorFailed(
            f"the load generator {what} (exit status {code})",
            seen=seen,
            hint="this is a fault of whichworker",
        )


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        # What a dead process did not read is still in the buffer, and has nowhere to go.
        with contextlib.suppress(BrokenPipeError):
            stream.close()
