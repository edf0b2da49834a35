"""Several arms under one supervisor: restarted, given up after three times, and all stopped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import faulty_bench, processes_with

from whichworker.bench.running import Bench
from whichworker.load.http1 import fetch
from whichworker.model import Address
from whichworker.process.sockets import free_port, is_listening
from whichworker.report.status import ServiceStatus
from whichworker.supervise import fleet as supervise
from whichworker.supervise.fleet import Supervisor

pytestmark = pytest.mark.servers


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that are there, but short."""
    monkeypatch.setattr(supervise, "BACKOFF_SECONDS", (0.01, 0.02, 0.03))


def supervisor_of(bench: Bench) -> Supervisor:
    addresses = {arm.name: Address("127.0.0.1", free_port()) for arm in bench.question.arms}
    return Supervisor(bench, addresses, {})


def until(supervisor: Supervisor, name: str, state: str, *, restarts: int = 0) -> ServiceStatus:
    """The service once it is in this state, with so many restarts at least."""
    deadline = time.monotonic() + 30
    while True:
        (service,) = [service for service in supervisor.status().services if service.name == name]
        if service.state == state and service.restarts >= restarts:
            return service
        assert service.state != "failed", service.failure
        assert time.monotonic() < deadline, service
        time.sleep(0.02)


def ask(supervisor: Supervisor, name: str) -> int:
    return fetch(
        supervisor.addresses[name],
        supervisor.bench.question.workload.requests[0],
        "localhost",
        timeout=5,
    ).status


def master_of(supervisor: Supervisor, name: str) -> int:
    run = supervisor.minders[name].run
    assert run is not None
    return run.launch.pids()[0]


def nothing_is_left(supervisor: Supervisor, folder: Path) -> bool:
    ports = [address.port for address in supervisor.addresses.values()]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return (
        not processes_with(f"TMPDIR={folder}") and not any(map(is_listening, ports)) and not files
    )


def test_each_serves_at_its_own_address_and_nothing_is_left(tmp_path: Path) -> None:
    bench = faulty_bench([("waitress", ""), ("gunicorn-sync[workers=2]", "")], tmp_path)
    with supervisor_of(bench) as supervisor:
        for arm in bench.question.arms:
            until(supervisor, arm.name, "up")
            assert [ask(supervisor, arm.name) for _ in range(3)] == [200] * 3
        # One worker may answer before the other has been started.
        wait_for(
            lambda: (
                {service.name: service.processes for service in supervisor.status().services}[
                    "gunicorn-sync[workers=2]"
                ]
                == 3
            )
        )
        services = {service.name: service for service in supervisor.status().services}
        assert services["waitress"].processes == 1
        assert services["gunicorn-sync[workers=2]"].processes == 3
        for service in services.values():
            assert service.threads
            assert service.memory_bytes
            assert service.cpu_cores is not None
            assert service.version
            # The check of the start counts, too; the kernel reports ended connections later.
            wait_for(lambda name=service.name: segments(supervisor, name) in (None, 4))  # type: ignore[misc]
    assert {service.state for service in supervisor.status().services} == {"stopped"}
    assert nothing_is_left(supervisor, tmp_path)


def test_what_dies_is_started_again_at_its_address(tmp_path: Path) -> None:
    bench = faulty_bench([("gunicorn-sync", "")], tmp_path)
    with supervisor_of(bench) as supervisor:
        until(supervisor, "gunicorn-sync", "up")
        for number in (1, 2, 3):
            os.kill(master_of(supervisor, "gunicorn-sync"), signal.SIGKILL)
            service = until(supervisor, "gunicorn-sync", "up", restarts=number)
            assert service.restarts == number
            assert ask(supervisor, "gunicorn-sync") == 200
    assert nothing_is_left(supervisor, tmp_path)


def test_what_dies_a_fourth_time_has_failed_with_the_end_of_its_log(tmp_path: Path) -> None:
    bench = faulty_bench([("waitress", ""), ("gunicorn-sync", "")], tmp_path)
    with supervisor_of(bench) as supervisor:
        for number in range(4):
            until(supervisor, "waitress", "up", restarts=number)
            os.kill(master_of(supervisor, "waitress"), signal.SIGKILL)
        wait_for(lambda: supervisor.minders["waitress"].state == "failed")
        failed = supervisor.status().services[0]
        assert "ended by itself" in failed.failure
        assert Path(failed.log).is_file(), "the log of what failed for good is kept"
        assert failed.processes is None
        assert failed.cpu_cores is None
        assert not supervisor.all_failed()
        assert supervisor.settled()
        assert ask(supervisor, "gunicorn-sync") == 200
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_what_never_comes_up_is_not_started_again(tmp_path: Path) -> None:
    bench = faulty_bench([("waitress", "import")], tmp_path)
    with supervisor_of(bench) as supervisor:
        wait_for(supervisor.all_failed)
        (service,) = supervisor.status().services
        assert service.restarts == 0
        assert "the app refuses to be imported" in service.failure


def test_a_wrong_answer_is_not_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whichworker.supervise.serve.READY_SECONDS", 2.0)
    bench = faulty_bench([("waitress", "status")], tmp_path)
    with supervisor_of(bench) as supervisor:
        wait_for(supervisor.all_failed)
        assert "expected status 200, got 500" in supervisor.status().services[0].failure


def test_stopping_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    bench = faulty_bench([("waitress", "status")], tmp_path)
    with supervisor_of(bench) as supervisor:
        assert supervisor.status().services[0].state == "starting"
    assert supervisor.status().services[0].state == "stopped"
    assert nothing_is_left(supervisor, tmp_path)


def test_an_arm_without_an_environment_is_shown_as_failed(tmp_path: Path) -> None:
    bench = faulty_bench([("waitress", ""), ("gunicorn-sync", "")], tmp_path)
    addresses = {arm.name: Address("127.0.0.1", free_port()) for arm in bench.question.arms}
    with Supervisor(
        bench, addresses, {"gunicorn-sync": "no such version\nhint: another"}
    ) as supervisor:
        until(supervisor, "waitress", "up")
        services = supervisor.status().services
    assert [service.state for service in services] == ["up", "failed"]
    assert services[1].failure.startswith("no such version")


def test_a_fault_of_the_tool_is_no_fault_of_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = faulty_bench([("waitress", "")], tmp_path)
    monkeypatch.setattr(supervise, "serving", broken)
    supervisor = supervisor_of(bench)
    with pytest.raises(OSError, match="no space"), supervisor:
        wait_for(supervisor.settled)


def segments(supervisor: Supervisor, name: str) -> int | None:
    (traffic,) = [
        service.traffic for service in supervisor.status().services if service.name == name
    ]
    return traffic.segments_received if traffic else None


def broken(*_: object) -> None:
    raise OSError("no space left on device")


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)
