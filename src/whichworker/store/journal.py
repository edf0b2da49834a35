"""An append-only file of JSON lines with one writer; a torn last line is ignored."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Self, TypeVar

from whichworker import foreign
from whichworker.errors import JournalFailed
from whichworker.store.records import Header, Record, decode, encode

FILE = "journal.jsonl"
Kind = TypeVar("Kind")


class Journal:
    """The records of one run, in memory and in its file.

    Each is with the kernel before `append` returns, so that the end of the tool loses none. The end
    of the machine may lose the records since the journal was opened: a sync takes milliseconds of
    the cores that are measured.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[Record] = []
        self._file: FileIO | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """The records so far, of a run that may still be written; locks and writes nothing.

        Raises JournalFailed.
        """
        journal = cls(path)
        try:
            with FileIO(path, "r") as file:
                journal._decode(file)
        except OSError as error:
            raise JournalFailed(
                f"the journal {path} cannot be read: {error.strerror}", hint=_NEW
            ) from error
        return journal

    def __enter__(self) -> Self:
        """Open for appending; raises JournalFailed if another process has it open."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = FileIO(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        except OSError as error:
            raise JournalFailed(
                f"the journal {self.path} cannot be opened: {error.strerror}", hint=_HINT
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise JournalFailed(
                f"another process is writing {self.path}", hint="wait for it, or end it"
            ) from error
        try:
            whole = self._decode(file)
            file.truncate(whole)
            file.seek(whole)
        except BaseException:
            file.close()
            raise
        self._file = file
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a pipe or a full disk; the lines are written
                os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def append(self, record: Record) -> None:
        """Write one record; raises JournalFailed, without a torn line, if the disk refuses it."""
        assert self._file is not None
        line = encode(record) + b"\n"
        start = self._file.tell()
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError as error:
            self._file.seek(start)
            with contextlib.suppress(
                OSError
            ):  # a torn last line is ignored, should even this be refused
                self._file.truncate()
            raise JournalFailed(
                f"the journal {self.path} cannot be written: {error.strerror}", hint=_HINT
            ) from error
        self.records.append(record)

    def of(self, kind: type[Kind]) -> Iterator[Kind]:
        """The records of one kind, oldest first."""
        return (record for record in self.records if isinstance(record, kind))

    def header(self) -> Header:
        """The first record; raises JournalFailed if there is none."""
        if not self.records or not isinstance(self.records[0], Header):
            raise JournalFailed(f"{self.path} is not a journal of whichworker", hint=_NEW)
        return self.records[0]

    def _decode(self, file: FileIO) -> int:
        """Decode whole lines; return the bytes they take, so that a torn last line can be cut."""
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise JournalFailed(
                f"the journal {self.path} is not a file",
                hint="move it away, or set WHICHWORKER_STATE",
            )
        text = file.readall()
        whole = text.rfind(b"\n") + 1
        try:
            self.records = [decode(line) for line in text[:whole].splitlines()]
        except foreign.Unreadable as error:
            raise JournalFailed(
                f"{self.path} has a line that is not of this version: {error}",
                hint=_NEW,
            ) from error
        return whole


_NEW = "start a new run"
_HINT = (
    "free some space, or set WHICHWORKER_STATE to a folder on another disk; "
    "what was written before is kept"
)
