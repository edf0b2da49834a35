"""What every adapter must say of its server, and what each must not forget."""

from __future__ import annotations

import ast
import configparser
import os
import re
import runpy
import select
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from whichworker.model import Address, App, Command, Settings
from whichworker.model.arms import ConfigFile
from whichworker.servers import configs, gunicorn, launchers, table
from whichworker.servers.protocol import Server

SHOP = App(
    name="shop",
    directory="/srv/shop",
    python="python3",
    wsgi="shop.wsgi:wsgi_app",
    asgi="shop.asgi:asgi_app",
)
ADDRESS = Address("127.0.0.1", 8123)
VALUES = (13, 17, 19, 23)
LAUNCHERS = Path(launchers.__file__).parent
NAMES = list(table.SERVERS)
every_server = pytest.mark.parametrize("name", NAMES)


def settings_of(server: Server) -> Settings:
    """A number for each knob that stands nowhere else."""
    return {
        knob.name: value
        for knob, value in zip(
            (knob for knob in server.knobs if not knob.choices), VALUES, strict=False
        )
    }


def command_of(name: str) -> Command:
    server = table.load(name)
    return server.command(SHOP, ADDRESS, settings_of(server))


def config_of(name: str) -> ConfigFile:
    server = table.load(name)
    return server.config_file(SHOP, ADDRESS, settings_of(server))


def words(command: Command) -> str:
    return " ".join([*command.argv, *command.deploy, *command.environment.values()])


def numbers(text: str) -> set[int]:
    return {int(found) for found in re.findall(r"\b\d+\b", text)}


def test_the_whole_field_is_there() -> None:
    assert len(NAMES) >= 30
    assert len({table.load(name).title for name in NAMES}) == len(NAMES), "titles tell arms apart"
    assert len({(table.load(name).family, table.load(name).kind) for name in NAMES}) == len(NAMES)


@every_server
def test_the_name_is_family_and_class(name: str) -> None:
    server = table.load(name)
    assert name in (server.family, f"{server.family}-{server.kind}")


@every_server
def test_it_listens_where_it_is_told_and_on_loopback(name: str) -> None:
    command = command_of(name)
    for argv in (command.argv, command.deploy or command.argv):
        assert "127.0.0.1" in " ".join(argv)
        assert ADDRESS.port in numbers(" ".join(argv))
        assert "0.0.0.0" not in " ".join(argv)


@every_server
def test_it_is_told_the_app_of_its_interface(name: str) -> None:
    target = SHOP.target(table.load(name).interface)
    assert target is not None
    module, _, attribute = target.partition(":")
    assert module in words(command_of(name))
    assert attribute in words(command_of(name))
    config = config_of(name)
    deployed = config.text + " ".join(config.command)
    assert module in deployed
    assert attribute in deployed


@every_server
def test_every_knob_is_used_in_the_command_and_in_what_is_deployed(name: str) -> None:
    config = config_of(name)
    wanted = {value for value in settings_of(table.load(name)).values() if isinstance(value, int)}
    command = command_of(name)
    assert wanted <= numbers(" ".join([*command.argv, *command.environment.values()]))
    assert wanted <= numbers(config.text + " " + " ".join(config.command))


@every_server
def test_each_knob_is_declared_once_with_a_default(name: str) -> None:
    server = table.load(name)
    declared = [knob.name for knob in server.knobs]
    assert len(set(declared)) == len(declared)
    assert list(server.settings(3)) == [knob.name for knob in server.knobs if not knob.unset]
    assert all(knob.unset in knob.choices for knob in server.knobs if knob.unset)
    assert all(knob.help for knob in server.knobs)


@every_server
def test_the_workers_follow_the_cores(name: str) -> None:
    server = table.load(name)
    for cores in (1, 5):
        assert server.settings(cores).get("workers", cores) == cores


@every_server
def test_no_shell_is_needed_to_start_it(name: str) -> None:
    program, *arguments = command_of(name).argv
    assert program not in ("sh", "bash", "env")
    assert not {"&&", "||", "|", "&", ">", "2>&1"} & set(arguments)


@every_server
def test_what_is_deployed_knows_nothing_of_this_machine(name: str) -> None:
    command, config = command_of(name), config_of(name)
    shown = " ".join([*(command.deploy or command.argv), config.name, config.text, *config.command])
    assert "whichworker" not in shown.lower()
    assert str(LAUNCHERS) not in shown


@every_server
def test_its_configuration_can_be_read(name: str) -> None:
    config = config_of(name)
    kind = config.name.rpartition(".")[2]
    if kind == "py":
        compile(config.text, config.name, "exec")
    elif kind == "toml":
        assert tomllib.loads(config.text)["bind"] in (str(ADDRESS), [str(ADDRESS)])
    elif kind == "ini":
        parser = configparser.ConfigParser(delimiters="=", interpolation=None)
        parser.read_string(config.text)
        assert str(ADDRESS) in (
            parser["uwsgi"].get("http11-socket"),
            parser["uwsgi"].get("http-socket"),
        )
    else:
        assert kind == "sh"
        command = command_of(name)
        assert config.text.startswith("#!/bin/sh\n")
        started = shlex.split(config.text.replace("\\\n", " "), comments=True)
        assert tuple(started[started.index("exec") + 1 :]) == (command.deploy or command.argv)
    assert config.text.endswith("\n")
    assert config.name in config.command or config.name.removesuffix(".py") in " ".join(
        config.command
    )


@every_server
def test_the_limit_in_flight_grows_with_the_settings(name: str) -> None:
    server = table.load(name)
    one, many = (
        server.in_flight_limit({knob.name: value for knob in server.knobs}) for value in (1, 40)
    )
    if one is None:
        assert many is None
    else:
        assert many is not None
        assert 1 <= one <= many
        assert one < many or not server.knobs or server.family == "granian", (
            "the limit of a server with settings follows them; granian shares 1024 connections out"
            " among its workers"
        )


@every_server
def test_what_is_known_is_said_like_every_finding(name: str) -> None:
    server = table.load(name)
    codes = [finding.code for finding in server.known]
    assert len(set(codes)) == len(codes)
    for finding in server.known:
        assert re.fullmatch(r"[a-z0-9-]+", finding.code)
        assert finding.arm is None, "a reader adds the arm"


@every_server
def test_what_is_historical_or_opt_in_says_so(name: str) -> None:
    server = table.load(name)
    assert server.historical == ("(historical)" in server.title)
    if server.historical:
        assert any(finding.severity != "info" for finding in server.known)
        assert any("<" in requirement for requirement in server.requirements)
    if server.historical or server.opt_in:
        assert name not in table.CONTENDERS


@every_server
def test_the_signals_agree_with_what_is_known(name: str) -> None:
    server = table.load(name)
    codes = {finding.code for finding in server.known}
    assert server.stop_signal in (signal.SIGTERM, signal.SIGINT)
    assert server.reload_signal in (None, signal.SIGHUP)
    assert not ("hup-kills" in codes and server.reload_signal), "what kills does not reload"


TRAPS = [
    ("gunicorn-sync", "--no-control-socket"),
    ("gunicorn-asgi", "--asgi-loop asyncio"),
    ("gunicorn-asgi-uvloop", "--asgi-loop uvloop"),
    ("gunicorn-gthread", "--http-parser python"),
    ("gunicorn-uvicorn", "uvicorn_worker.UvicornH11Worker"),
    ("gunicorn-uvicorn-uvloop", "uvicorn_worker.UvicornWorker"),
    ("uvicorn", "--loop asyncio --http h11"),
    ("uvicorn-httptools", "--loop asyncio --http httptools"),
    ("uvicorn-uvloop", "--loop uvloop --http httptools"),
    ("uvicorn-h11-uvloop", "--loop uvloop --http h11"),
    ("uvicorn-a2wsgi", "--loop asyncio --http h11"),
    ("uvicorn-static", "--no-access-log"),
    ("hypercorn", "--worker-class asyncio"),
    ("hypercorn-uvloop", "--worker-class uvloop"),
    ("hypercorn-trio", "--worker-class trio"),
    ("hypercorn-wsgi", "wsgi:shop.wsgi:wsgi_app"),
    ("hypercorn", "--backlog 2048"),
    ("granian-wsgi", "--interface wsgi"),
    ("granian-wsgi", "--blocking-threads 17"),
    ("granian-asgi", "--interface asgi"),
    ("granian-asgi-rloop", "--loop rloop"),
    ("granian-asginl-uvloop", "--interface asginl"),
    ("granian-asginl", "--loop asyncio"),
    ("uwsgi", "--http11-socket 127.0.0.1:8123"),
    ("uwsgi", "unix_signal:15 gracefully_kill_them_all"),
    ("uwsgi-gevent", "--http-socket 127.0.0.1:8123"),
    ("uwsgi-gevent", "--gevent-early-monkey-patch"),
    ("pyuwsgi-gevent", "--gevent-early-monkey-patch"),
    ("waitress", "waitress.queue"),
    ("daphne", "--access-log /dev/null"),
    ("h2corn", "--loop asyncio"),
    ("h2corn", "--no-access-log"),
    ("peregrine-wsgi", "--protocol wsgi"),
    ("peregrine-wsgi", "--wsgi-threads 17"),
    ("peregrine-asgi", "--protocol asgi"),
    ("peregrine-asgi", "--no-uvloop"),
]


@pytest.mark.parametrize(("name", "words_of_it"), TRAPS)
def test_a_known_trap_is_avoided(name: str, words_of_it: str) -> None:
    assert words_of_it in words(command_of(name))


@every_server
def test_nothing_is_left_to_what_happens_to_be_installed(name: str) -> None:
    assert "auto" not in command_of(name).argv


def test_what_gunicorn_must_not_choose_is_the_same_in_a_race_and_deployed() -> None:
    assert {
        name: value
        for name, value in runpy.run_path(str(gunicorn.UNCHOSEN_FILE)).items()
        if name[0] != "_"
    } == gunicorn.UNCHOSEN
    assert str(gunicorn.UNCHOSEN_FILE) in command_of("gunicorn-sync").argv
    assert "--http-parser" not in command_of("gunicorn-sync").argv, (
        "an older gunicorn would refuse it"
    )


def test_a_knob_that_is_off_is_not_passed_on() -> None:
    uvicorn, granian = table.load("uvicorn"), table.load("granian-asgi")
    assert "--limit-concurrency" not in uvicorn.command(SHOP, ADDRESS, uvicorn.settings(2)).argv
    assert uvicorn.in_flight_limit(uvicorn.settings(2)) is None
    assert uvicorn.in_flight_limit({"workers": 2, "limit": 30}) == 60
    assert "--backpressure" not in granian.command(SHOP, ADDRESS, granian.settings(2)).argv
    assert granian.in_flight_limit(granian.settings(2)) == 1024, "workers × (1024 / workers)"


def test_an_app_below_an_attribute_is_wrapped_too() -> None:
    server = table.load("uvicorn-a2wsgi")
    text = server.config_file(
        App(name="x", directory="", python="", wsgi="a.b:c.d"),
        ADDRESS,
        {"workers": 1, "threads": 9},
    ).text
    assert "import a.b\n" in text
    assert "d = a.b.c.d\n" in text
    assert "application = WSGIMiddleware(d, workers=9)" in text


def test_a_start_script_exports_what_the_server_needs_and_quotes_it() -> None:
    made = configs.start_script(
        "run.sh", Command(argv=("serve", "--name", "a b", "x:y"), environment={"GREETING": "it's"})
    )
    assert (
        made.text
        == """#!/bin/sh\nexport GREETING='it'"'"'s'\nexec serve \\\n    --name 'a b' x:y\n"""
    )
    assert made.command == ("sh", "run.sh")


def test_the_forms_of_options() -> None:
    options: configs.Options = {"bind": "127.0.0.1:1", "workers": 2, "master": True}
    assert configs.flags(options, {"bind": "-b"}) == [
        "-b",
        "127.0.0.1:1",
        "--workers",
        "2",
        "--master",
    ]
    assert configs.flags({"access_log": False, "log_level": "warning"}) == [
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    assert configs.toml({"access_log": False}) == "access_log = false\n"
    assert configs.assignments(options) == 'bind = "127.0.0.1:1"\nworkers = 2\nmaster = True\n'
    assert configs.toml(options) == 'bind = "127.0.0.1:1"\nworkers = 2\nmaster = true\n'
    assert (
        configs.ini("uwsgi", options) == "[uwsgi]\nbind = 127.0.0.1:1\nworkers = 2\nmaster = true\n"
    )


@pytest.mark.parametrize("path", sorted(LAUNCHERS.glob("*.py")), ids=lambda path: path.name)
def test_a_launcher_needs_nothing_but_the_server(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert imported - sys.stdlib_module_names <= {"a2wsgi", "bjoern"}


BJOERN = """
import os, time
def listen(app, host, port):
    print(app.__name__, host, port, flush=True)
def run():
    os.write(1, b"run\\n")
    while True:
        time.sleep(0.05)  # and not pause(): a signal that came just before it would never wake it
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_bjoern_forks_its_workers_and_takes_them_along(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "bjoern.py").write_text(BJOERN, encoding="utf-8")
    (tmp_path / "shop.py").write_text(
        "def wsgi_app(environ, start_response): ...\n", encoding="utf-8"
    )
    argv = [
        sys.executable,
        str(LAUNCHERS / "bjoern_server.py"),
        "--port",
        "8123",
        "--workers",
        "3",
        "shop:wsgi_app",
    ]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "wsgi_app 127.0.0.1 8123\n"
        assert [server.stdout.readline() for _ in range(3)] == ["run\n"] * 3
        server.send_signal(number)
        assert select.select([server.stdout], [], [], 10)[0], (
            "it or a child of it did not hear the signal"
        )
        assert server.stdout.read() == "", "the pipe ends when the last of its processes has ended"
        assert server.wait(10) == 0


def test_mod_wsgi_keeps_its_folder_below_the_launch(tmp_path: Path) -> None:
    argv = [
        sys.executable,
        str(LAUNCHERS / "mod_wsgi_server.py"),
        sys.executable,
        "-c",
        "import sys; print(sys.argv[1:])",
        "start",
    ]
    run = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    start, option, folder = ast.literal_eval(run.stdout)
    assert (start, option) == ("start", "--server-root")
    assert Path(folder).parent == tmp_path


@pytest.mark.parametrize(
    "name", [name for name in NAMES if "preload" in {knob.name for knob in table.load(name).knobs}]
)
def test_an_app_that_is_preloaded_is_so_wherever_it_is_started(name: str) -> None:
    server = table.load(name)
    for preload in ("no", "yes"):
        settings = {**settings_of(server), "preload": preload}
        command, config = (
            server.command(SHOP, ADDRESS, settings),
            server.config_file(SHOP, ADDRESS, settings),
        )
        told = (
            "--preload" in command.argv,
            "--preload" in command.deploy,
            "preload_app = True" in config.text,
        )
        assert told == (preload == "yes",) * 3


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        ((("X-Forwarded-Proto", "https"),), "x-forwarded-proto"),
        (
            (("x-forwarded-host", "a"), ("X-Forwarded-For", "::1")),
            "x-forwarded-host x-forwarded-for",
        ),
        ((("Forwarded", "proto=https"),), "forwarded"),
        ((("Forwarded", "proto=https"), ("X-Forwarded-Port", "443")), "x-forwarded-port"),
        ((("X-Scheme", "https"),), ""),
    ],
)
def test_waitress_trusts_the_proxy_whose_headers_the_app_reads(
    headers: tuple[tuple[str, str], ...], names: str
) -> None:
    server = table.load("waitress")
    app = msgspec.structs.replace(SHOP, headers=headers)
    for address, proxy in ((ADDRESS, "127.0.0.1"), (Address("", 0, "/run/shop"), "localhost")):
        command = server.command(app, address, server.settings(1))
        told = ("--trusted-proxy", proxy, "--trusted-proxy-headers", names) if names else ()
        for argv in (command.argv, command.deploy):
            assert argv[-1 - len(told) : -1] == told or not told
            assert ("--trusted-proxy" in argv) == bool(names)
    text = server.config_file(app, ADDRESS, server.settings(1)).text
    assert ("--trusted-proxy 127.0.0.1" in text) == bool(names)
