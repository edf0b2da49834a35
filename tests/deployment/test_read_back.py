"""What emitted files start, read back from their text, for every server and every kind of file."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.conftest import PROJECTS, faulty_bench

from whichworker.bench.lineup import Lineup
from whichworker.bench.slices import Court
from whichworker.bench.window import ArmFailed
from whichworker.deployment.decision import DEPLOYED, RACED, Decision
from whichworker.deployment.kinds import TABLE, emit
from whichworker.deployment.kinds.parts import Start
from whichworker.deployment.ownership import PROMISE_FILE
from whichworker.deployment.promise import promise_in
from whichworker.deployment.read_back import (
    differences,
    moved,
    moved_text,
    settings_in,
    start_in,
    start_of,
)
from whichworker.deployment.verify import Checked, Duel
from whichworker.design.rounds import Heard
from whichworker.errors import ServerFailed, UsageError
from whichworker.load.generator import Generator
from whichworker.model import Address, App
from whichworker.model.deployments import Deployment, Promise
from whichworker.probes.thermometer import Thermometer
from whichworker.race.ready import ready
from whichworker.servers import table

APP = App(
    name="shop",
    directory="/srv/shop",
    python="/srv/shop/.venv/bin/python",
    wsgi="shop.wsgi:application",
    asgi="shop.asgi:application",
)
SHOWN, ELSEWHERE = Address("127.0.0.1", 8000), Address("127.0.0.1", 43210)
PROMISE = Promise(
    run="r",
    arm="a",
    server="s",
    settings={},
    throughput_per_second=100.0,
    low=95.0,
    high=105.0,
    connections=4,
)
NO_CONNECTION = msgspec.json.encode(msgspec.structs.replace(PROMISE, connections=0))
KINDS = ("systemd", "docker", "procfile", "supervisor", "kubernetes")


def deployment(name: str, shim: str = "", folder: str = "/srv/shop/deploy") -> Deployment:
    server = table.load(name)
    settings = server.settings(2)
    command, config = server.command(APP, SHOWN, settings), server.config_file(APP, SHOWN, settings)
    own = config if not config.name.endswith(".sh") else None
    return Deployment(
        project="shop",
        directory="/srv/shop",
        arm=name,
        server=name,
        interface=server.interface,
        target="shop.wsgi:application",
        argv=command.deploy or command.argv,
        config=own,
        requirements=("server==1.0",),
        environment={"DJANGO_SETTINGS_MODULE": "shop.settings"},
        environment_file="",
        misread={},
        shim=shim,
        python="3.12",
        bin="/srv/shop/.venv/bin",
        folder=folder,
        ready_path="/",
        host="shop.test",
        stop_signal="SIGTERM",
        memory_bytes=50_000_000,
        memory_limit_bytes=None,
        cores=2,
        static=None,
        because={"workers": "2 did 100/s; 5: 90/s"},
        promise=msgspec.structs.replace(PROMISE, command=own.command if own else ()),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name in table.SERVERS if not table.load(name).opt_in])
def test_every_file_of_every_server_starts_it_at_another_port(
    name: str, kind: str, tmp_path: Path
) -> None:
    what = deployment(name, folder=str(tmp_path))
    files = {file.kind: file for file in emit((kind,), what)}
    for file in files.values():
        (tmp_path / file.name).write_text(file.text)
    start = start_of(tmp_path / files[kind].name, kind, "/srv/shop", what.promise.command)
    assert start is not None
    argv = moved(start.argv, ELSEWHERE)
    texts = [moved_text(Path(word).read_text(), ELSEWHERE) for word in argv if Path(word).is_file()]
    texts += [
        moved_text((tmp_path / word).read_text(), ELSEWHERE)
        for word in argv
        if not Path(word).is_absolute() and (tmp_path / word).is_file()
    ]
    whole = " ".join([*argv, *texts])
    assert "43210" in whole, whole
    assert not any("8000" in word for word in argv), argv
    assert not any(":8000" in text for text in texts), whole


@pytest.mark.parametrize("name", ["gunicorn-gthread", "uvicorn", "uwsgi", "hypercorn"])
def test_the_server_s_own_file_says_why(name: str) -> None:
    own = emit(("gunicorn",), deployment(name))[0]
    assert "2 did 100/s; 5: 90/s" in own.text
    assert "whichworker advise --verify" in own.text


@pytest.mark.parametrize("kind", [*KINDS, "nginx"])
def test_files_name_the_run_and_hold_no_placeholder(kind: str) -> None:
    for file in emit((kind,), deployment("gunicorn-gthread", shim="application = 1\n")):
        assert "run r" in file.text or file.kind in ("procfile", "requirements", "shim"), file.name
        assert "None" not in file.text


def test_a_module_that_was_made_goes_along() -> None:
    files = {
        file.name: file
        for file in emit(("systemd",), deployment("uvicorn", shim="application = 1\n"))
    }
    assert files["whichworker_app.py"].text == "application = 1\n"
    assert "PYTHONPATH" in files["shop.service"].text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("systemd", "[Service]\n"),
        ("procfile", "worker: x\n"),
        ("docker", "FROM x\n"),
        ("kubernetes", "a: b\n"),
        ("supervisor", "[x]\n"),
        ("script", "#!/bin/sh\n"),
    ],
)
def test_a_file_that_starts_nothing_is_told(kind: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(UsageError, match="starts nothing"):
        start_of(path, kind, "/srv/shop")


def test_a_deployment_of_kubernetes_may_be_written_in_any_style_of_yaml(tmp_path: Path) -> None:
    path = tmp_path / "kubernetes.yaml"
    path.write_text(
        """kind: Service
---
kind: Deployment
spec:
  template:
    spec:
      containers:
        - env: [{name: DEBUG, value: "0"}]
          command: [gunicorn]
          args:
            - -b
            - 0.0.0.0:8000
"""
    )
    start = start_of(path, "kubernetes", "/srv/shop")
    assert start == Start(
        argv=("gunicorn", "-b", "0.0.0.0:8000"), folder="/srv/shop", environment={"DEBUG": "0"}
    )


@pytest.mark.parametrize("text", ["kind: Deployment\n", "- a\n", "a: [\n", "!!python/none x\n"])
def test_a_file_that_is_no_deployment_of_kubernetes(text: str, tmp_path: Path) -> None:
    path = tmp_path / "kubernetes.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match="is not a Kubernetes deployment"):
        start_of(path, "kubernetes", "/srv/shop")


@pytest.mark.parametrize(
    ("kind", "text", "fact"),
    [
        ("docker", b'CMD ["a", 3]', "not a list of texts"),
        ("docker", b'CMD {"a": 1}', "not a list of texts"),
        ("docker", b"CMD " + b"[" * 100_000, "not a list of texts"),
        ("docker", b'CMD ["a\\u0000"]', "no process can get"),
        ("docker", b'CMD ["a"]\nENV =x', "variable without a name"),
        ("docker", b"CMD \xff", "is not UTF-8"),
        ("kubernetes", b"a: " + b"[" * 5000, "nested too deeply"),
        ("kubernetes", b"a: !!int ''", "is not a Kubernetes deployment"),
        ("systemd", b"ExecStart='a", "No closing quotation"),
        ("systemd", b"ExecStart=a\0", "no process can get"),
        ("procfile", b'web: "a', "No closing quotation"),
        ("supervisor", b"a", "no section headers"),
        ("supervisor", b"[program:a]\ncommand=a\n[program:a]\n", "already exists"),
        ("script", b"exec 'a", "No closing quotation"),
        ("script", b"export =1\nexec a", "variable without a name"),
        ("config", b"\xff", "is not UTF-8"),
    ],
)
def test_a_file_that_no_process_can_be_started_from(
    kind: str, text: bytes, fact: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(text)
    with pytest.raises(UsageError, match=fact) as caught:
        start_of(path, kind, "/srv/shop")
    assert len(caught.value.fact.splitlines()) == 1
    assert caught.value.hint


def test_variables_that_kubernetes_takes_from_elsewhere_are_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "kubernetes.yaml"
    path.write_text(
        "kind: Deployment\nspec: {template: {spec: {containers: [{command: [a], env: [{name: B,"
        " valueFrom: {}}]}]}}}"
    )
    with pytest.raises(UsageError, match="there is no value at spec"):
        start_of(path, "kubernetes", "/srv/shop")


@pytest.mark.parametrize(
    "text", ["project = 3", "[project]\ndependencies = 3", "a = " + "[" * 5000, "build-system = 3"]
)
def test_a_project_file_of_another_form_lists_no_packages(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    what = msgspec.structs.replace(deployment("uvicorn"), directory=str(tmp_path))
    files = {file.name: file.text for file in emit(("docker",), what)}
    assert "nothing here lists the packages" in files["Dockerfile"]


def test_a_folder_without_a_promise_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=PROMISE_FILE) as caught:
        promise_in(tmp_path / "my files")
    assert caught.value.hint.endswith(f"--emit systemd --out '{tmp_path / 'my files'}'")


@pytest.mark.parametrize(
    "content", [b"{", b'{"run": "\xc2"}', b"[" * 100_000, b'{"run": 3}', NO_CONNECTION]
)
def test_a_promise_that_cannot_be_read_is_no_promise(content: bytes, tmp_path: Path) -> None:
    (tmp_path / PROMISE_FILE).write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read") as caught:
        promise_in(tmp_path)
    assert caught.value.hint == "write the files again with --emit"


@pytest.mark.parametrize("kind", ["docker", "systemd"])
def test_files_name_the_variables_that_their_tool_reads_differently(kind: str) -> None:
    what = msgspec.structs.replace(
        deployment("uvicorn"), environment_file="/srv/shop/.env", misread={kind: ("A", "B")}
    )
    (file,) = [file for file in emit((kind,), what) if file.kind == kind]
    assert f"# {kind} reads A, B differently from the race" in file.text


def test_every_kind_has_its_module() -> None:
    assert set(TABLE) == {
        "server",
        "gunicorn",
        "systemd",
        "docker",
        "procfile",
        "supervisor",
        "kubernetes",
        "nginx",
    }


CONFIG = 'bind = "127.0.0.1:8000"  # loopback\nthreads = 4  # 4 did 100/s; 16: 90/s\nworkers = 2\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CONFIG, []),
        (f"# another heading\n\n{CONFIG}".replace("loopback", "anything"), []),
        (CONFIG.replace("threads = 4", "threads = 1"), ["f: threads is 1 now, 4 was raced"]),
        (CONFIG.replace("threads = 4", "# threads = 4"), ["f: threads is gone, 4 was raced"]),
        (f"{CONFIG}threads = 1\n", ["f: threads is 1 now, 4 was raced"]),
        (f"{CONFIG}preload_app = True\n", ["f: preload_app is True now, which was not raced"]),
    ],
)
def test_what_was_edited_is_told(text: str, said: list[str]) -> None:
    assert list(differences("f", settings_in(CONFIG), settings_in(text))) == said


@pytest.mark.parametrize("kind", ["systemd", "supervisor", "script"])
def test_odd_folders_survive_the_way_out_and_back(kind: str) -> None:
    odd = "/srv/my 50% $hop/deploy"
    what = msgspec.structs.replace(
        deployment("uvicorn", shim="application = 1\n", folder=odd), directory="/srv/my 50% $hop"
    )
    file = next(
        file for file in emit((kind if kind != "script" else "server",), what) if file.kind == kind
    )
    start = start_in(file.text, Path(odd) / file.name, kind, what.directory)
    assert start.environment["PYTHONPATH"] == f"{odd}:/srv/my 50% $hop"
    assert start.folder == "/srv/my 50% $hop"


ROUND_SD, LAUNCH_SD, DRIFT_SD, GENERATIONS, ROUNDS = 0.09, 0.015, 0.1, 9, 8
"""A duel of 25 s on a core that changes its speed: nine generations of eight rounds."""


def decided(ratio: float, random: Random) -> str:
    """The verdict of a duel in which the deployment does this share of what was raced."""
    decision = Decision(1)
    number = 0
    for generation in range(1, GENERATIONS + 1):
        levels = {
            DEPLOYED: math.log(ratio) + random.gauss(0, LAUNCH_SD),
            RACED: random.gauss(0, LAUNCH_SD),
        }
        for _ in range(ROUNDS):
            number += 1
            drift = random.gauss(0, DRIFT_SD)
            heard = [
                Heard(
                    name,
                    at,
                    generation,
                    drift + level + random.gauss(0, ROUND_SD / math.sqrt(2)),
                    number + at / 20,
                    None,
                )
                for at, (name, level) in enumerate(levels.items())
            ]
            decision.enter(number, heard)
            if decision.verdict != "undetermined":
                return decision.verdict
        if generation in (GENERATIONS // 2, GENERATIONS):
            decision.look()
    return decision.verdict


@pytest.mark.parametrize(
    ("ratio", "usual", "never"),
    [
        (1.0, "kept", "not kept"),
        (0.85, "not kept", "kept"),
        (0.5, "not kept", "kept"),
        (1.2, "kept", "not kept"),
    ],
)
def test_a_planted_ratio_is_found(ratio: float, usual: str, never: str) -> None:
    verdicts = [decided(ratio, Random(seed)) for seed in range(12)]
    assert verdicts.count(usual) >= 6
    assert never not in verdicts


def test_at_what_is_allowed_a_verdict_is_rare() -> None:
    """A loss of exactly 5 % is the boundary: either claim is wrong in at most one run of twenty."""
    verdicts = [decided(0.95, Random(seed)) for seed in range(40)]
    assert verdicts.count("kept") <= 5
    assert verdicts.count("not kept") <= 5


def test_nothing_is_claimed_before_four_rounds() -> None:
    decision = Decision(1)
    for number in range(1, 4):
        decision.enter(
            number,
            [Heard(DEPLOYED, 0, 1, 0.0, number, None), Heard(RACED, 1, 1, 3.0, number, None)],
        )
        decision.look()
    assert (decision.verdict, decision.pair) == ("undetermined", None)


def duelled(environment: dict[str, str], folder: Path, generator: Generator) -> Checked:
    """A deployment of a raced waitress with another environment, measured with real servers."""
    bench = faulty_bench([("waitress", "")], folder)
    arm = bench.question.arms[0]
    with (
        Thermometer(bench.question.budget.server_cores) as thermometer,
        Lineup(bench, generator) as lineup,
    ):
        court = Court(bench, generator, thermometer)
        prepared, _ = ready(lineup, court, lineup.enter(RACED, arm, 0))
        lineup.leave(RACED)
        command = table.load(arm.server).command(
            bench.question.apps[arm.python], SHOWN, arm.settings
        )
        start = Start(
            argv=command.deploy or command.argv, folder=str(PROJECTS), environment=environment
        )
        duel = Duel(lineup, court, arm, (folder, start), prepared)
        try:
            duel.run()
        except (ServerFailed, ArmFailed) as error:
            return Checked(file="", kind="", kept=False, said=(str(error),))
        return duel.checked()


@pytest.mark.slow
@pytest.mark.servers
def test_a_deployment_that_is_what_was_raced_does_not_fail(
    tmp_path: Path, generator: Generator
) -> None:
    checked = duelled({}, tmp_path, generator)
    assert checked.kept or checked.undetermined, checked
    assert checked.kept != checked.undetermined


@pytest.mark.alone
@pytest.mark.servers
def test_a_deployment_that_is_slower_does_not_keep_the_promise(
    tmp_path: Path, generator: Generator
) -> None:
    checked = duelled({"FAULT": "slow"}, tmp_path, generator)
    assert (checked.kept, checked.undetermined) == (False, False)
    assert checked.ratio is not None
    assert checked.ratio < 0.8
    assert "of the raced throughput" in checked.said[0]


@pytest.mark.servers
@pytest.mark.parametrize("fault", ["late-body", "import"])
def test_a_deployment_that_breaks_does_not_keep_the_promise(
    fault: str, tmp_path: Path, generator: Generator
) -> None:
    checked = duelled({"FAULT": fault}, tmp_path, generator)
    assert (checked.kept, checked.undetermined, checked.ratio) == (False, False, None)
    assert checked.said
