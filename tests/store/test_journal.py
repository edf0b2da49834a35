"""The journal: what was written is there again, whatever happened in between."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whichworker.errors import JournalFailed
from whichworker.model import Failure, Finding
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import BlockEnd, Failed, Noted, Prepared, Record, Session, Settled

PREPARED = Prepared(
    arm="waitress", ladder={1: 90.0, 2: 95.5}, response_seconds=0.02, cold_start_seconds=0.4, command=("waitress-serve", "x")
)
RECORDS: list[Record] = [
    PREPARED,
    Failed(arm="daphne", failures=(Failure(kind="start", count=1, sample="line one\nline two \u2028 \r\n é"),), block=3),
    Settled(contenders=("waitress",), connections=2, window_seconds={"waitress": 0.5}, twin_of="waitress"),
    BlockEnd(number=1),
    BlockEnd(number=2, abandoned=True),
    Noted(finding=Finding(code="x", severity="info", text="\u2029\x85")),
    Session(seconds=1.25, ended="finished"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / FILE


def written(path: Path, records: list[Record]) -> bytes:
    with Journal(path) as journal:
        for record in records:
            journal.append(record)
    return path.read_bytes()


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: the kernel refuses what a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_was_appended_is_read_again(path: Path) -> None:
    text = written(path, RECORDS)
    assert text.count(b"\n") == len(RECORDS)
    with Journal(path) as journal:
        assert journal.records == RECORDS
        assert list(journal.of(BlockEnd)) == [BlockEnd(number=1), BlockEnd(number=2, abandoned=True)]
    assert path.read_bytes() == text


def test_each_record_is_in_the_file_before_append_returns(path: Path) -> None:
    with Journal(path) as journal:
        for count, record in enumerate(RECORDS, start=1):
            journal.append(record)
            assert path.read_bytes().count(b"\n") == count


def test_appending_goes_on_where_it_ended(path: Path) -> None:
    first = written(path, RECORDS[:3])
    both = written(path, RECORDS[3:])
    assert both.startswith(first)
    with Journal(path) as journal:
        assert journal.records == RECORDS


@pytest.mark.parametrize("kept", [1, 10, -2])
def test_a_torn_last_line_is_cut_off(path: Path, kept: int) -> None:
    whole = written(path, RECORDS[:2])
    torn = written(path, [RECORDS[2]])[len(whole) :]
    path.write_bytes(whole + torn[:kept])
    with Journal(path) as journal:
        assert journal.records == RECORDS[:2]
        journal.append(RECORDS[3])
    with Journal(path) as journal:
        assert journal.records == [*RECORDS[:2], RECORDS[3]]


@pytest.mark.parametrize("line", [b"{}\n", b'{"record":"unheard-of"}\n', b"not JSON\n", b"\n", b"\xff\xfe\n", b'{"record":"block"}\n'])
def test_a_foreign_line_is_refused_and_nothing_is_touched(path: Path, line: bytes) -> None:
    text = written(path, RECORDS[:2]) + line + b'{"torn'
    path.write_bytes(text)
    with pytest.raises(JournalFailed, match="not of this version") as caught, Journal(path):
        pass
    assert caught.value.hint == "start a new run"
    assert path.read_bytes() == text
    path.write_bytes(text[: -len(line + b'{"torn')])
    with Journal(path) as journal:
        assert journal.records == RECORDS[:2]


def test_a_second_writer_is_refused(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(RECORDS[0])
        with pytest.raises(JournalFailed, match="another process is writing"), Journal(path):
            pass
        journal.append(RECORDS[1])
    with Journal(path) as journal:
        assert journal.records == RECORDS[:2]


@pytest.mark.parametrize("room", [0, 1, 20])
def test_a_full_disk_is_told_and_leaves_the_file_whole(path: Path, room: int) -> None:
    whole = written(path, RECORDS[:3])
    with Journal(path) as journal:
        with disk_of(len(whole) + room), pytest.raises(JournalFailed, match="cannot be written") as caught:
            journal.append(RECORDS[1])
        assert "WHICHWORKER_STATE" in caught.value.hint
        assert path.read_bytes() == whole
        assert journal.records == RECORDS[:3]
        journal.append(RECORDS[4])
    with Journal(path) as journal:
        assert journal.records == [*RECORDS[:3], RECORDS[4]]


def test_what_is_no_file_is_refused(path: Path) -> None:
    """A device would be read for ever."""
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    with pytest.raises(JournalFailed, match="is not a file"), Journal(path):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(JournalFailed, match="cannot be opened"), Journal(tmp_path / "run" / FILE):
        pass


def test_only_the_owner_reads_a_journal(path: Path) -> None:
    written(path, RECORDS)
    assert path.stat().st_mode & 0o077 == 0


def test_a_child_does_not_inherit_the_journal(path: Path) -> None:
    with Journal(path):
        opened = [int(link.name) for link in Path("/proc/self/fd").iterdir() if link.is_symlink() and link.readlink() == path]
        assert len(opened) == 1
        assert not os.get_inheritable(opened[0])


@pytest.mark.parametrize("records", [[], [PREPARED]])
def test_a_journal_without_a_header_is_none(path: Path, records: list[Record]) -> None:
    written(path, records)
    with Journal(path) as journal, pytest.raises(JournalFailed, match="not a journal"):
        journal.header()
