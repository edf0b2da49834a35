"""The journal: what was written is there again, whatever happened in between."""

from __future__ import annotations

import base64
import hashlib
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from whichworker.errors import JournalFailed
from whichworker.load.http1 import ResponseParser, Verdict, judge_answer
from whichworker.model import Answer, Failure, Finding
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import (
    BlockEnd,
    Failed,
    Header,
    Launched,
    Left,
    Noted,
    Part,
    Prepared,
    Record,
    RoundEnd,
    RunSession,
    Settled,
    Slice,
    decode,
    encode,
)

PREPARED = Prepared(
    arm="waitress",
    ladder={1: 90.0, 2: 95.5},
    response_seconds=0.02,
    cold_start_seconds=0.4,
    command=("waitress-serve", "x"),
)
RECORDS: list[Record] = [
    PREPARED,
    Failed(
        arm="daphne",
        failures=(Failure(kind="start", count=1, sample="line one\nline two \u2028 \r\n é"),),
        block=3,
    ),
    Settled(
        contenders=("waitress",),
        connections=2,
        window_seconds={"waitress": 0.5},
        twin_of="waitress",
    ),
    BlockEnd(number=1),
    BlockEnd(number=2, abandoned=True),
    Noted(finding=Finding(code="x", severity="info", text="\u2029\x85")),
    RunSession(seconds=1.25, ended="finished"),
    Prepared(
        arm="uvicorn",
        ladder={1: 90.0, 8: 195.5},
        response_seconds=0.02,
        cold_start_seconds=0.4,
        command=(),
        connections=8,
        profile=(0.4, 1.02),
        idle_share=0.001,
    ),
    Settled(
        contenders=("waitress", "uvicorn"),
        connections=32,
        window_seconds={},
        twin_of="waitress",
        parts={"waitress": Part(32, 96, 160, 0.05), "uvicorn": Part(8, 24, 40, 0.31)},
        heats=(("waitress",), ("waitress", "uvicorn")),
        reason="uvicorn used a part of a core while idle",
    ),
    Launched(arm="(twin)", generation=2, cold_start_seconds=0.3),
    Slice(
        round=3,
        place=0,
        arm="waitress",
        generation=2,
        requests=40,
        seconds=0.04,
        responses=60,
        whole_seconds=0.06,
        at=1234.5,
    ),
    Slice(
        round=3,
        place=1,
        arm="(twin)",
        generation=2,
        requests=40,
        seconds=0.04,
        responses=60,
        whole_seconds=0.06,
        at=1234.6,
        server_cpu_seconds=0.05,
        generator_cpu_seconds=0.01,
        turn_seconds=0.0001,
        foreign_share=0.4,
        repeats=2,
        refused="others used 40% of the servers' cores",
        lost=True,
    ),
    RoundEnd(number=3, seconds=0.6),
    RoundEnd(number=4, abandoned=True),
    Left(arm="waitress", generation=2),
    Left(
        arm="waitress",
        generation=3,
        findings=(Finding(code="left-running", severity="warning", text="two ran on"),),
    ),
]
NEW = RECORDS[7:]
"""Those of rounds of slices."""


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
        assert list(journal.of(BlockEnd)) == [
            BlockEnd(number=1),
            BlockEnd(number=2, abandoned=True),
        ]
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


@pytest.mark.parametrize("at", range(len(NEW)))
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_whichever_record_is_torn_what_stands_before_it_is_kept(
    at: int, share: float, path: Path
) -> None:
    whole = written(path, NEW[:at])
    torn = written(path, [NEW[at]])[len(whole) :]
    path.write_bytes(whole + torn[: round(share * (len(torn) - 1))])
    with Journal(path) as journal:
        assert journal.records == NEW[:at]
        journal.append(NEW[at])
    assert path.read_bytes() == whole + torn


def test_a_slice_on_disk_is_short_and_says_nothing_that_goes_without_saying(path: Path) -> None:
    """A race has thousands of them."""
    plain = next(record for record in NEW if isinstance(record, Slice))
    line = written(path, [plain])
    assert b"refused" not in line and b"lost" not in line and b"foreign_share" not in line
    assert decode(line) == plain


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (
            (
                b'{"record":"prepared","arm":"a","ladder":{"1":9.0},"response_seconds":0.1,'
                b'"cold_start_seconds":0.2,"command":[],"steady":false}'
            ),
            Prepared(
                arm="a",
                ladder={1: 9.0},
                response_seconds=0.1,
                cold_start_seconds=0.2,
                command=(),
                steady=False,
            ),
        ),
        (
            (
                b'{"record":"settled","contenders":["a"],"connections":4,'
                b'"window_seconds":{"a":0.5},'
                b'"twin_of":"a","too_slow":["b"]}'
            ),
            Settled(
                contenders=("a",),
                connections=4,
                window_seconds={"a": 0.5},
                twin_of="a",
                too_slow=("b",),
            ),
        ),
        (b'{"record":"block","number":3,"abandoned":true}', BlockEnd(number=3, abandoned=True)),
    ],
)
def test_lines_that_are_older_than_slices_are_read(line: bytes, record: Record) -> None:
    assert decode(line) == record


@pytest.mark.parametrize(
    "line",
    [
        b"{}\n",
        b'{"record":"unheard-of"}\n',
        b"not JSON\n",
        b"\n",
        b"\xff\xfe\n",
        b'{"record":"block"}\n',
    ],
)
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


def test_a_run_is_read_while_it_is_written(path: Path) -> None:
    """Without a lock and without a change, also from a folder that cannot be written."""
    with Journal(path) as journal:
        journal.append(RECORDS[0])
        with path.open("ab") as file:
            file.write(b'{"torn')
        before = path.read_bytes()
        path.parent.chmod(0o500)
        try:
            assert Journal.read(path).records == RECORDS[:1]
        finally:
            path.parent.chmod(0o700)
        assert path.read_bytes() == before


def test_a_journal_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match="cannot be read"):
        Journal.read(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"record":"finding","finding":{"code":"\xc2","severity":"info","text":""}}',
        b'{"record":"header"}',
        b'{"record":"header","question":3}',
        b'{"record":"header","question":[]}',
        b'{"record":"header","question":{"subject":3}}',
        b'{"record":"unheard-of"}',
        b'{"record":3}',
        b"null",
        b"",
    ],
)
def test_a_line_of_another_form_is_told(line: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(line + b"\n")
    with pytest.raises(JournalFailed, match="not of this version") as caught:
        Journal.read(path)
    assert len(caught.value.fact.splitlines()) == 1
    assert caught.value.hint == "start a new run"


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
        with (
            disk_of(len(whole) + room),
            pytest.raises(JournalFailed, match="cannot be written") as caught,
        ):
            journal.append(RECORDS[1])
        assert "WHICHWORKER_STATE" in caught.value.hint
        assert path.read_bytes() == whole
        assert journal.records == RECORDS[:3]
        journal.append(RECORDS[4])
    with Journal(path) as journal:
        assert journal.records == [*RECORDS[:3], RECORDS[4]]


def test_what_is_no_file_is_refused(path: Path) -> None:
    """Reading a device would never end."""
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
        opened = [
            int(link.name)
            for link in Path("/proc/self/fd").iterdir()
            if link.is_symlink() and link.readlink() == path
        ]
        assert len(opened) == 1
        assert not os.get_inheritable(opened[0])


@pytest.mark.parametrize("records", [[], [PREPARED]])
def test_a_journal_without_a_header_is_none(path: Path, records: list[Record]) -> None:
    written(path, records)
    with Journal(path) as journal, pytest.raises(JournalFailed, match="not a journal"):
        journal.header()


def as_before(new: Any, old: Any) -> bool:
    """Whether every value stands where it stood; fields that nothing reads any more may be gone."""
    if isinstance(new, dict) and isinstance(old, dict):
        return all(as_before(value, old[name]) for name, value in new.items() if name in old)
    if isinstance(new, list) and isinstance(old, list):
        return len(new) == len(old) and all(map(as_before, new, old))
    return bool(new == old)


def test_a_question_is_stored_as_it_was_before_it_had_parts() -> None:
    line = (
        (Path(__file__).parent.parent / "judge" / "old_journal.jsonl").read_bytes().split(b"\n")[0]
    )
    header = decode(line)
    assert isinstance(header, Header)
    assert header.question.workload.name == "answer"
    assert header.question.terms.delta == 0.03
    stored = msgspec.json.decode(encode(header))
    old = msgspec.json.decode(line)
    assert set(old["question"]) <= set(stored["question"])
    (request,) = old["question"]["workload"]["requests"]
    body = base64.b64decode(request["answer"].pop("body"))
    request["answer"] |= {"sha256": hashlib.sha256(body).hexdigest(), "length": len(body)}
    assert as_before(stored["question"], old["question"])
    assert encode(header).count(base64.b64encode(body)) == 0, "no page of the app is kept"
    again = decode(encode(header))
    assert isinstance(again, Header)
    assert decode(encode(again)) == again
    (kept,) = again.question.workload.requests
    assert _judge(kept.answer, body) is None
    _, short = _judge(kept.answer, body[:-1]) or ("", "")
    assert short.startswith(f"expected a body of {len(body)} bytes, got {len(body) - 1} bytes")


def _judge(answer: Answer, body: bytes) -> Verdict | None:
    kind, length = "Content-Type: application/json", f"Content-Length: {len(body)}"
    head = f"HTTP/1.1 200 OK\r\n{kind}\r\n{length}\r\n\r\n".encode()
    response = ResponseParser("GET").feed(head + body)
    assert response is not None
    return judge_answer(answer, response)
