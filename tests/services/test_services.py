"""What services say of themselves, without any of them running."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest

from whichworker.errors import UsageError
from whichworker.services import binaries, nearby, postgres, redis, upstream
from whichworker.services.given import given
from whichworker.services.owner import LONGEST_NAME, MOST_SOCKET_BYTES, owner, room_for
from whichworker.services.upstream import Stats, strain


@pytest.mark.parametrize(
    ("variable", "url", "shown", "path"),
    [
        (
            "DATABASE_URL",
            "postgres://me:secret@localhost/birds",
            "localhost:5432/birds (DATABASE_URL)",
            "",
        ),
        (
            "DATABASE_URL",
            "postgresql://me@127.0.0.1:6000/birds",
            "127.0.0.1:6000/birds (DATABASE_URL)",
            "",
        ),
        ("DATABASE_URL", "postgres://me@[::1]/birds", "::1:5432/birds (DATABASE_URL)", ""),
        (
            "DATABASE_URL",
            "postgres://me@/birds?host=/run/pg",
            "/run/pg/birds (DATABASE_URL)",
            "/run/pg/.s.PGSQL.5432",
        ),
        (
            "DATABASE_URL",
            "postgres://me@%2Frun%2Fpg/birds",
            "/run/pg/birds (DATABASE_URL)",
            "/run/pg/.s.PGSQL.5432",
        ),
        (
            "DATABASE_URL",
            "postgres://me@/birds?host=/run/pg&port=6000",
            "/run/pg/birds (DATABASE_URL)",
            "/run/pg/.s.PGSQL.6000",
        ),
        ("DATABASE_URL", "postgres:///birds", "localhost:5432/birds (DATABASE_URL)", ""),
        ("REDIS_URL", "redis://:secret@localhost:7000/1", "localhost:7000/1 (REDIS_URL)", ""),
        (
            "REDIS_URL",
            "unix:///run/redis.sock?db=0",
            "/run/redis.sock (REDIS_URL)",
            "/run/redis.sock",
        ),
    ],
)
def test_a_service_of_this_machine_is_used_and_shown_without_its_password(
    variable: str, url: str, shown: str, path: str
) -> None:
    found = given(variable, {variable: url})
    assert found is not None
    assert (found.shown, found.socket) == (shown, path)
    assert "secret" not in found.shown


@pytest.mark.parametrize(
    ("variable", "environ"),
    [
        ("DATABASE_URL", {"DATABASE_URL": "postgres://me@db.example/birds"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres://me@localhost,db.example/birds"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres://me@localhost/birds?host=10.0.0.1"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres://me@localhost/birds?hostaddr=10.0.0.1"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres://me@localhost/birds?service=far"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres://me@/birds?host=/run/pg&host=db.example"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres:///birds", "PGHOST": "db.example"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres://localhost/birds", "PGHOSTADDR": "10.0.0.1"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres:///birds", "PGSERVICE": "far"}),
        ("DATABASE_URL", {"DATABASE_URL": "mysql://me@localhost/birds"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres://me@localhost:many/birds"}),
        ("REDIS_URL", {"REDIS_URL": "redis://cache.example:6379/0"}),
        ("REDIS_URL", {"REDIS_URL": "rediss://localhost/0"}),
    ],
)
def test_one_elsewhere_or_of_another_kind_is_refused_with_a_cure(
    variable: str, environ: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=variable) as caught:
        given(variable, environ)
    assert caught.value.hint


@pytest.mark.parametrize("environ", [{}, {"DATABASE_URL": ""}])
def test_what_is_not_set_is_not_given(environ: dict[str, str]) -> None:
    assert given("DATABASE_URL", environ) is None


def program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\necho 'tool v=1.2.3'\n")
    path.chmod(0o755)


def test_programs_are_found_together_on_the_path_first_then_the_newest(tmp_path: Path) -> None:
    for version in ("9.6", "15", "16"):
        program(tmp_path / "lib" / version / "bin" / "initdb")
        program(tmp_path / "lib" / version / "bin" / "postgres")
    program(tmp_path / "half" / "postgres")
    pattern, names = str(tmp_path / "lib/*/bin"), ("initdb", "postgres")
    newest = str(tmp_path / "lib/16/bin")
    assert binaries.together(names, str(tmp_path / "half"), [pattern]) == (
        f"{newest}/initdb",
        f"{newest}/postgres",
    )
    named = str(tmp_path / "lib/15/bin")
    assert binaries.together(names, named, [pattern]) == (f"{named}/initdb", f"{named}/postgres")
    assert binaries.together(names, str(tmp_path / "half"), []) is None
    assert binaries.version_of(f"{named}/initdb", r"v=(\S+)") == "1.2.3"
    assert binaries.version_of(str(tmp_path / "nothing"), r"v=(\S+)") == ""


@pytest.mark.parametrize("module", [postgres, redis])
def test_what_is_not_installed_is_said_with_what_to_install(
    module: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLACES", ())
    with pytest.raises(UsageError) as caught:
        module.find("/nowhere")  # type: ignore[attr-defined]
    assert caught.value.fact.startswith("no ")
    assert "apt install" in caught.value.hint


def test_nothing_listens_on_tcp(tmp_path: Path) -> None:
    *_, serve = postgres.Postgres("/initdb", "/postgres", "16.1").steps(tmp_path)
    assert "listen_addresses=" in serve and f"unix_socket_directories={tmp_path}" in serve
    (serve,) = redis.Redis("/redis-server", "Redis", "7.0").steps(tmp_path)
    assert serve[serve.index("--port") + 1] == "0"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", 4 + len(body)) + body


WELCOME = message(b"R", b"\0\0\0\0") + message(b"S", b"TimeZone\0UTC\0") + message(b"Z", b"I")


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (WELCOME, ""),
        (message(b"R", b"\0\0\0\x0a" + b"SCRAM-SHA-256\0\0"), "it asks for a password"),
        (
            message(b"E", b"SFATAL\0C57P03\0Mthe database system is starting up\0\0"),
            "the database system is starting up",
        ),
    ],
)
def test_a_greeting_is_understood(sent: bytes, complaint: str) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(sent)
        assert postgres.read_greeting(here) == complaint


def test_a_greeting_cut_short_is_an_error() -> None:
    here, there = socket.socketpair()
    with here:
        there.sendall(WELCOME[:-2])
        there.close()
        with pytest.raises(ConnectionError):
            postgres.read_greeting(here)


def test_a_startup_message_is_as_long_as_it_says() -> None:
    sent = postgres.startup("me", "birds")
    assert struct.unpack("!ii", sent[:8]) == (len(sent), 196608)
    assert sent[8:] == b"user\0me\0database\0birds\0\0"


def test_its_user_may_reach_the_folder_and_its_sockets_have_short_paths() -> None:
    whose = owner(postgres.Postgres.users)
    assert (whose is None) == bool(os.geteuid())
    room = room_for(whose)
    assert whose is None or room.stat().st_mode & 0o001
    assert len(os.fsencode(room) + LONGEST_NAME.encode()) <= MOST_SOCKET_BYTES


def test_a_long_temporary_folder_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert room_for(None) != deep


def counted(requests: int, seconds: float, cpu: float, *counts: int) -> Stats:
    return Stats(
        requests=requests,
        seconds=seconds,
        cpu_seconds=cpu,
        lag_edges_seconds=(0.001, 0.004, 0.02),
        lag_counts=counts,
        lag_maximum_seconds=0.5,
    )


@pytest.mark.parametrize(
    ("after", "lag"),
    [
        ((99, 1, 0, 0), 0.001),
        ((98, 2, 0, 0), 0.004),
        ((50, 0, 50, 0), 0.02),
        ((50, 0, 0, 50), 0.5),
        ((0, 0, 0, 0), None),
    ],
)
def test_the_strain_of_a_window_is_what_lies_between_two_readings(
    after: tuple[int, ...], lag: float | None
) -> None:
    before = counted(10, 5.0, 1.0, 1000, 100, 10, 1)
    counts = [base + more for base, more in zip(before.lag_counts, after, strict=True)]
    found = strain(before, counted(110, 7.0, 1.5, *counts))
    assert (found.requests, found.cpu_share, found.lag_seconds) == (100, 0.25, lag)


def test_the_upstream_has_a_url_of_its_own(tmp_path: Path) -> None:
    assert upstream.Upstream(4711).variables(tmp_path) == {
        "WHICHWORKER_UPSTREAM": "http://127.0.0.1:4711"
    }


def test_the_process_of_an_app_s_own_service_is_found_by_its_port() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert nearby.processes_of([("redis", port), ("redis", port)]) == (os.getpid(),)
    assert nearby.processes_of([("unknown", port)]) == ()
