"""Services for real: started, seeded, used by servers, and gone, however the tool ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from click.testing import CliRunner
from tests.conftest import PROJECTS, changed, faulty_question, missing

from whichworker.bench import overlays, services
from whichworker.bench.running import Bench, running
from whichworker.bench.services import Needs, ServicesReading, backing, describe, with_services
from whichworker.cli.main import cli
from whichworker.config.options import RaceOptions
from whichworker.design.validity import arm_fault, refusal
from whichworker.errors import EnvironmentFailed, UsageError
from whichworker.model import App, Probes, Tally
from whichworker.process.launch import Order
from whichworker.question.ask import ask, discover
from whichworker.services import postgres, redis
from whichworker.services.upstream import Stats
from whichworker.store import places
from whichworker.workloads.table import workload

pytestmark = pytest.mark.xdist_group("postgres")

CORES = tuple(sorted(os.sched_getaffinity(0)))[-1:]
BOTH = Needs(database="postgres", cache="redis", upstream=True)


@pytest.fixture
def installed() -> None:
    """PostgreSQL and Redis are installed; if not, that is a failure in CI and a skip elsewhere."""
    try:
        postgres.find(os.environ["PATH"])
        redis.find(os.environ["PATH"])
    except UsageError as error:
        missing(str(error))


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """No services of whoever runs the tests."""
    for variable in ("DATABASE_URL", "REDIS_URL", "PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(variable, raising=False)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state != b"Z"


def shared_segments() -> set[tuple[str, ...]]:
    """Key and number of System V shared memory here; a killed PostgreSQL leaves some behind.

    Other columns change with every process of a PostgreSQL that runs on this machine anyway.
    """
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {tuple(line.split()[:2]) for line in lines}


def folder_of(variables: dict[str, str]) -> Path:
    return Path(parse_qs(urlsplit(variables["DATABASE_URL"]).query)["host"][0])


def redis_says(variables: dict[str, str], *words: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(urlsplit(variables["REDIS_URL"]).path)
        client.sendall(" ".join(words).encode() + b"\r\n")
        return client.recv(4096).decode()


def test_three_services_at_once_run_without_privileges_and_are_gone_afterwards(
    tmp_path: Path, installed: None
) -> None:
    before = shared_segments()
    with backing(BOTH, (), cores=CORES, folder=tmp_path, cache=tmp_path) as found:
        assert set(found.variables) >= {"DATABASE_URL", "REDIS_URL", "WHICHWORKER_UPSTREAM"}
        pids = {name: launch.pids() for name, launch in found.launches.items()}
        folders = [
            folder_of(found.variables),
            Path(urlsplit(found.variables["REDIS_URL"]).path).parent,
        ]
        assert all(folder.is_dir() for folder in folders)
        for pid in (*pids["postgres"], *pids["redis"]):
            status = Path(f"/proc/{pid}/status").read_text()
            assert ("\nUid:\t0\t" in status) is False or os.geteuid() != 0
            assert os.sched_getaffinity(pid) == set(CORES)
        look = found.look()
        assert look is not None and look.cpu_seconds > 0 and look.stats is not None
        assert redis_says(found.variables, "CONFIG", "GET", "port").split()[-1] == "0"
    assert not [pid for tree in pids.values() for pid in tree if is_alive(pid)]
    assert not [folder for folder in folders if folder.exists()]
    assert shared_segments() == before
    assert not list((tmp_path / "services").iterdir()), (
        "logs are kept only where something went wrong"
    )


def gone(folder: str) -> bool:
    return not Path(folder).exists()


HOLDER = """
import json, sys, time
from contextlib import AbstractContextManager
from pathlib import Path
from whichworker.bench.services import Needs, backing
folder = Path(sys.argv[1])
needs, cores = Needs(database="postgres", cache="redis", upstream=True), (int(sys.argv[2]),)
with backing(needs, (), cores=cores, folder=folder, cache=folder) as found:
    pids = [pid for launch in found.launches.values() for pid in launch.pids()]
    folders = [launch.order.temporary for launch in found.launches.values()]
    print(json.dumps({"pids": pids, "folders": folders}), flush=True)
    time.sleep(3600)
"""


def test_a_killed_tool_leaves_nothing(tmp_path: Path, installed: None) -> None:
    before = shared_segments()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), str(CORES[0])], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        held = json.loads(holder.stdout.readline())
        assert all(is_alive(pid) for pid in held["pids"])
        holder.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not [pid for pid in held["pids"] if is_alive(pid)])
    assert wait_until(lambda: shared_segments() == before)
    for folder in held["folders"]:
        if "temporary" in Order.__struct_fields__:  # then the warden removes it
            assert wait_until(partial(gone, folder))
        else:
            shutil.rmtree(folder)


def test_a_given_service_is_used_and_its_cpu_time_is_known(tmp_path: Path, installed: None) -> None:
    wanted = Needs(database="postgres", cache="redis")
    with backing(wanted, (), cores=CORES, folder=tmp_path, cache=tmp_path) as private:
        environ = {**os.environ, **private.variables}
        described = describe(wanted, environ)
        assert described["postgres"].endswith("(DATABASE_URL)") and described["redis"].endswith(
            "(REDIS_URL)"
        )
        with backing(
            wanted, (), cores=CORES, folder=tmp_path, cache=tmp_path, environ=environ
        ) as found:
            assert not found.launches and not found.findings
            assert found.variables["DATABASE_URL"] == private.variables["DATABASE_URL"]
            assert set(found.others) == {launch.pids()[0] for launch in private.launches.values()}
            look = found.look()
            assert look is not None and look.cpu_seconds > 0
        assert all(not launch.ended() for launch in private.launches.values())


def test_a_given_service_that_is_not_seen_is_told(tmp_path: Path) -> None:
    environ = {"REDIS_URL": f"unix://{tmp_path}/nothing.sock"}
    with backing(
        Needs(cache="redis"), (), cores=CORES, folder=tmp_path, cache=tmp_path, environ=environ
    ) as found:
        assert [finding.code for finding in found.findings] == ["service-unseen"]


def test_a_service_that_ends_is_no_arms_fault(tmp_path: Path, installed: None) -> None:
    with backing(Needs(cache="redis"), (), cores=CORES, folder=tmp_path, cache=tmp_path) as found:
        os.kill(found.launches["redis"].pids()[0], signal.SIGKILL)
        assert wait_until(found.launches["redis"].ended)
        with pytest.raises(EnvironmentFailed, match="redis ended while servers were measured"):
            found.look()
        question = faulty_question([("waitress", "")])
        with (
            pytest.raises(EnvironmentFailed),
            running(Bench(question, {}, tmp_path, tmp_path, found), question.arms[0]),
        ):
            pass


def test_a_service_that_does_not_start_shows_its_log(
    tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres.SETTINGS, "max_connections", "many")
    with (
        pytest.raises(EnvironmentFailed, match=r"PostgreSQL .* did not start") as caught,
        _postgres(tmp_path),
    ):
        pass
    assert "max_connections" in caught.value.seen
    assert list((tmp_path / "services").iterdir())


def _postgres(folder: Path, *apps: App) -> AbstractContextManager[services.Backing]:
    return backing(Needs(database="postgres"), apps, cores=CORES, folder=folder, cache=folder)


def test_a_database_that_cannot_be_seeded_shows_why(tmp_path: Path, installed: None) -> None:
    step = (
        sys.executable,
        "-c",
        "import os, sys; sys.exit('no table in ' + os.environ['DATABASE_URL'])",
    )
    app = App(name="broken", directory=str(tmp_path), python=sys.executable, setup=(step,))
    with (
        pytest.raises(EnvironmentFailed, match="could not be seeded") as caught,
        _postgres(tmp_path, app),
    ):
        pass
    assert "no table in postgres://" in caught.value.seen


def test_the_built_in_apps_follow_the_options_not_what_happens_to_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://me@db.example/birds")
    with backing(
        Needs(database="sqlite", cache="memory"), (), cores=CORES, folder=tmp_path, cache=tmp_path
    ) as found:
        assert found.variables == {"DATABASE_URL": "", "REDIS_URL": ""}
        assert found.look() is None
    with backing(Needs(), (), cores=CORES, folder=tmp_path, cache=tmp_path) as found:
        assert found.variables == {}


def test_an_app_of_ones_own_has_its_own_services() -> None:
    for option in ("--database=postgres", "--cache=redis"):
        done = CliRunner().invoke(
            cli, ["race", str(PROJECTS), option, "--dry-run"], standalone_mode=False
        )
        assert isinstance(done.exception, UsageError)


def test_without_the_programs_the_plan_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no PostgreSQL") as caught:
        describe(Needs(database="postgres"))
    assert "apt install postgresql" in caught.value.hint


PROBES = Probes(
    seconds=2.0,
    server_cpu_seconds=1.0,
    memory_bytes=1,
    processes=1,
    threads=1,
    foreign_share=0.30,
    steal_share=0.0,
    listen_overflows=0,
    retransmits=0,
)
TALLY = Tally(engine="native", seconds=2.0, requests=10, statuses={}, failures=(), service="")


def look(at: float, cpu: float, upstream_cpu: float, *lags: int) -> ServicesReading:
    stats = Stats(
        requests=0,
        seconds=at,
        cpu_seconds=upstream_cpu,
        lag_edges_seconds=(0.002, 0.02),
        lag_counts=lags,
        lag_maximum_seconds=0.1,
    )
    return ServicesReading(at_ns=int(at * 1e9), cpu_seconds=cpu, stats=stats)


def test_what_services_use_is_not_foreign() -> None:
    found = with_services(
        PROBES, look(1.0, 5.0, 1.0, 0, 0, 0), look(3.0, 5.8, 1.2, 100, 0, 0), cores=2
    )
    assert found.foreign_share == pytest.approx(0.10)
    assert found.services_cpu_seconds == pytest.approx(0.8)
    assert found.upstream_cpu_share == pytest.approx(0.1)
    assert found.upstream_lag_seconds == 0.002
    assert not refusal(found, TALLY, shared=False) and arm_fault(found, TALLY, shared=False) is None
    assert with_services(PROBES, None, None, 2) is PROBES


def test_an_upstream_that_was_late_refuses_the_window_and_one_that_was_full_fails_the_arm() -> None:
    late = with_services(
        PROBES, look(1.0, 5.0, 1.0, 0, 0, 0), look(3.0, 5.8, 1.2, 90, 10, 0), cores=2
    )
    assert "late" in refusal(late, TALLY, shared=False)
    full = with_services(
        PROBES, look(1.0, 5.0, 1.0, 0, 0, 0), look(3.0, 6.0, 2.2, 100, 0, 0), cores=2
    )
    fault = arm_fault(full, TALLY, shared=False)
    assert fault is not None and fault[0] == "upstream"


@pytest.fixture(params=["gunicorn-gthread", "uvicorn"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, installed: None) -> Iterator[Bench]:
    """The built-in project on PostgreSQL and Redis, one server of each interface."""
    cache = places.cache_folder()
    options = RaceOptions(
        servers=request.param, workload="query-json", database="postgres", cache="redis"
    )
    question = discover(ask("builtin:django", options, tmp_path, cache)).question
    assert set(question.subject.services) == {"postgres", "redis"}
    environments, without = overlays.build(question, cache, lambda _: None)
    assert not without
    with services.serving(question, tmp_path, cache, lambda _: None) as found:
        yield Bench(question, environments, tmp_path, cache, found)


COUNT = (
    "from circus.models import Troupe; from aviary.models import Bird; "
    "from django.db import connection; "
    "print(connection.vendor, Bird.objects.count() > 0, Troupe.objects.count() > 0)"
)


@pytest.mark.servers
def test_the_built_in_project_answers_from_postgres(bench: Bench) -> None:
    app = bench.question.app
    environment = {
        **os.environ,
        **app.environment,
        **bench.services.variables,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    shell = [app.python, "manage.py", "shell", "--no-startup", "-c", COUNT]
    seen = subprocess.run(
        shell,
        cwd=app.directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "postgresql True True" in seen.stdout
    with running(bench, bench.question.arms[0]) as run:  # ready means: the right rows
        assert not run.launch.ended()


@pytest.mark.servers
def test_the_built_in_project_keeps_its_cache_in_redis(bench: Bench) -> None:
    what = workload("real-cache-set")
    asked = msgspec.structs.replace(bench, question=changed(bench.question, workload=what))
    with running(asked, asked.question.arms[0]):
        assert redis_says(bench.services.variables, "DBSIZE").strip() != ":0"


@pytest.mark.alone
@pytest.mark.servers
def test_a_race_on_postgres_says_so(
    state: Path, tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "race",
        "builtin:django",
        "--servers",
        "gunicorn-gthread",
        "--workload",
        "query-json",
        "--database",
        "postgres",
    ]
    done = CliRunner().invoke(
        cli,
        [*words, "--time", "12s", "--json", str(tmp_path / "result.json")],
        standalone_mode=False,
    )
    assert done.exception is None, done.output
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["question"]["database"] == "postgres" and found["question"]["cache"] == "memory"
    assert found["question"]["services"]["postgres"].startswith("PostgreSQL")
    assert not found["arms"][0]["failures"]
    assert "ready      gunicorn-gthread" in done.output
    assert "stores" in done.output and "PostgreSQL" in done.output


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "services.md"


@pytest.mark.servers
@pytest.mark.parametrize(
    "line", re.findall(r"^\$ (whichworker .*)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
)
def test_a_command_of_the_guide_is_one_the_tool_takes(
    line: str, tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, [*line.split()[1:], "--dry-run"])
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert "private" in done.output


def test_the_guide_shows_the_settings_there_are() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `([a-z_]+)` \| (\S+) \|", text, re.MULTILINE))
    assert shown == {
        name: value or "empty"
        for name, value in postgres.SETTINGS.items()
        if name != "unix_socket_permissions"
    }
