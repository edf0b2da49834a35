"""The generator as a process pinned to its cores, so that measuring does not disturb it."""

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
from typing import IO, Self, TypeVar

import msgspec

from whichworker.errors import GeneratorFailed, UsageError
from whichworker.load import engines
from whichworker.load.child import (
    Done,
    GeneratorReady,
    Going,
    Leave,
    Opens,
    Seated,
    SeatLeft,
    Sit,
    SliceDone,
    Task,
    Turn,
    Unusable,
    Whole,
    Word,
    unknown_seat,
)
from whichworker.load.mix import check_load, prepare_asks
from whichworker.load.seat import check_order, check_seat
from whichworker.model import Load, SliceOrder, SliceTally, Tally

START_SECONDS = 30.0  # imports take 0.1 s, but far longer on a cold disk with busy cores
SPARE_SECONDS = 10.0  # beyond a task's own time, before the process counts as hung
ENDING_SECONDS = 1.0  # for a process that closed its stdout: its exit status explains why
CUT_SECONDS = 2.0  # after Ctrl-C: an engine looks up every 0.1 s, then it writes its tally
READ_BYTES = 64 * 1024  # the capacity of a pipe
TAIL_BYTES = 4096  # of the process's stderr: enough for the end of a traceback

T = TypeVar("T", GeneratorReady, Opens, Done, Seated, SliceDone, SeatLeft)

_WORDS: msgspec.json.Decoder[Word] = msgspec.json.Decoder(Word)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a load; `tally` has the counts up to then."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally


class Generator:
    """A generator process, from `start` to `stop`; leaving it as a context manager stops it.

    It is killed when the thread that started it ends, so start it from a thread that lives on.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._unread = b""
        self._deadlines: dict[str, float] = {}  # of the loads of seats, in seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id; None if there is no process."""
        return self._process.pid if self._process is not None else None

    def start(self, cores: tuple[int, ...]) -> None:
        """Start the process on these cores and wait until it is ready; raises GeneratorFailed."""
        self.stop()
        # -P: a file in the user's working directory must not replace a module.
        argv = [sys.executable, "-P", "-m", "whichworker.load.child", str(os.getpid())]
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        try:
            self._process = subprocess.Popen(
                [*argv, *map(str, cores)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
            )
            self._hear(GeneratorReady, time.monotonic() + START_SECONDS)
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

        `on_window` is called as soon as the window is known, with the CLOCK_MONOTONIC nanoseconds
        at which it opens and closes; it may sleep and read probes. `on_progress` is called about
        once a second with the seconds since the begin and the correct responses and failures so
        far. Raises GeneratorFailed if the process ends or gives no result in time, and UsageError,
        before anything is sent, for a load that cannot be run. KeyboardInterrupt becomes
        Interrupted if there are counts. After any other exception the process is gone; start it
        again.
        """
        seconds = load.stagger_seconds + load.settle_seconds + load.window_seconds
        # A user who is at the first step when the window closes takes the others, too.
        steps = max((len(session.steps) for session in load.sessions), default=1)
        ends = time.monotonic() + seconds + (1 + steps) * load.deadline_seconds + SPARE_SECONDS
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
        """Make a seat, in place of any other of this name, and return the name of its engine.

        Its connections are opened by its first slice. The load's window, settling and stagger are
        ignored. Raises UsageError for a load that cannot be sent in slices, and GeneratorFailed.
        """
        check_seat(load)
        prepare_asks(load)
        engines.choose(load)
        self._deadlines.pop(name, None)
        seated = self._ask(Sit(name, load), Seated, 0.0)
        self._deadlines[name] = load.deadline_seconds
        return seated.engine

    def slice(self, order: SliceOrder) -> SliceTally:
        """Send one slice of load on a seat's connections; return the counts when none is in flight.

        Missing connections are opened first. If one cannot be opened, nothing is sent, and the
        failures give the reason. Raises UsageError for an unknown seat, and GeneratorFailed if the
        process ends or gives no result in time. After GeneratorFailed, KeyboardInterrupt or any
        other exception the process is gone, and all seats with it.
        """
        check_order(order)
        if order.seat not in self._deadlines:
            raise unknown_seat(order.seat)
        return self._ask(
            Turn(order), SliceDone, order.most_seconds + 2 * self._deadlines[order.seat]
        ).tally

    def unseat(self, name: str) -> None:
        """Close the connections of a seat; nothing happens if there is none of this name."""
        if self._deadlines.pop(name, None) is not None:
            self._ask(Leave(name), SeatLeft, 0.0)

    def _ask(self, task: Task, kind: type[T], seconds: float) -> T:
        """Give the process a task that takes this many seconds, and wait for its reply.

        After any exception but UsageError the process is gone.
        """
        try:
            self._tell(task)
            return self._hear(kind, time.monotonic() + seconds + SPARE_SECONDS)
        except UsageError:
            raise
        except BaseException:
            self.stop()
            raise

    def _cut_short(self) -> Tally | None:
        """Request the counts so far; None if they do not come within CUT_SECONDS."""
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
            # A process that ended by itself is still writing why.
            code = self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - TAIL_BYTES))
        seen = self._stderr.read().decode("utf-8", "replace")
        if code == -signal.SIGKILL and what.startswith("ended"):
            hint = "something else killed it, such as the kernel when memory ran out: dmesg"
            return GeneratorFailed("the load generator was killed", seen=seen, hint=hint)
        return GeneratorFailed(
            f"the load generator {what} (exit status {code})",
            seen=seen,
            hint="this is a fault of whichworker",
        )


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        # Bytes that a dead process did not read are still in the buffer, and must not be sent.
        with contextlib.suppress(BrokenPipeError):
            stream.close()
