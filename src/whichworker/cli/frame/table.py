"""Every command: its summary, its words, the structs of its options, and its function.

Plain text only: the help of `whichworker` itself and shell completion read this table and import
nothing else. Options are written "module:Struct" below `whichworker.config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from whichworker.cli.frame.exits import Exit


class Word(NamedTuple):
    """A positional argument."""

    name: str
    metavar: str
    help: str
    required: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()


class Declared(NamedTuple):
    """A command.

    Its function gets the words, then the options of `options` as they were typed, then the struct
    of `output`. Options of `options` may also come from the environment and the configuration file,
    those of `output` from the command line only. `meanings` replaces the common meanings of its
    exit codes. `renamed` has a hint for each former spelling. `commands` makes it a group.
    """

    summary: str
    section: str = ""
    run: str = ""
    details: str = ""
    words: tuple[Word, ...] = ()
    options: str = ""
    output: str = ""
    exits: tuple[Exit, ...] = (Exit.OK, Exit.USAGE)
    meanings: Mapping[Exit, str] = {}
    renamed: Mapping[str, str] = {}
    commands: Mapping[str, Declared] = {}


APP = Word(
    "app",
    "[APP]",
    "A folder, MODULE:ATTRIBUTE, or builtin:django"
    " [default: the app in this folder, else builtin:django]",
)
PROJECT = Word("app", "[APP]", "A folder or MODULE:ATTRIBUTE [default: the app in this folder]")
MEASURED = (Exit.OK, Exit.USAGE, Exit.INVALID, Exit.INTERRUPTED)
CHECKED = (Exit.OK, Exit.FAILED, Exit.USAGE)
UNDECIDED = "the result is invalid, or not decided with --require-verdict"
UNVERIFIED = (
    "a server from a file is slower than the raced setup, responds differently, or has other"
    " settings"
)
DECIDE, LOAD, MACHINE = "Choose and deploy a server", "Load and compare", "Settings and machine"
APP_FIRST = "write the app first, without an option: whichworker {} APP"

SHOW = {
    "config": Declared(
        "Print every option, its value here and where the value comes from",
        run="whichworker.cli.show:config",
        words=(
            Word(
                "command",
                "[COMMAND]",
                "race, load, study or explain [default: race]",
                choices=("race", "load", "study", "explain"),
            ),
        ),
        output="options:JsonOptions",
    ),
    "app": Declared(
        "Print the facts about your app that a race would use, and where each was found",
        run="whichworker.cli.show:app",
        details="The app is imported; no server is started.",
        words=(APP,),
        options="options:AppOptions",
        output="options:JsonOptions",
    ),
    "requests": Declared(
        "Print the requests that a race would send, and those that it would leave out",
        run="whichworker.cli.show:requests",
        details="No server is started. The app is imported only if the requests are its routes.",
        words=(APP,),
        options="options:RequestOptions",
        output="options:JsonOptions",
    ),
}

COMMANDS: dict[str, Declared] = {
    "race": Declared(
        "Find out which server setup is fastest for your app",
        DECIDE,
        "whichworker.cli.race:race",
        "The result goes to standard output, progress to standard error.",
        (APP,),
        "options:RaceOptions",
        "options:OutputOptions",
        MEASURED,
        {Exit.INVALID: UNDECIDED},
        {"--requests": "it is now --request-file FILE"},
    ),
    "advise": Declared(
        "Show what to deploy, write the files, and verify them",
        DECIDE,
        "whichworker.cli.advise:advise",
        "--emit writes the files. --verify starts the servers from the files, beside the setup of"
        " the race, and measures them. It fails if one is more than 5 % slower than that setup,"
        " responds differently, or has other settings.",
        (PROJECT,),
        output="options:AdviseOptions",
        exits=CHECKED,
        meanings={Exit.FAILED: UNVERIFIED},
        renamed={"--app": APP_FIRST.format("advise")},
    ),
    "preflight": Declared(
        "Check that each server responds correctly to your app's requests",
        DECIDE,
        "whichworker.cli.preflight:preflight",
        "Checks the responses of the workload, HEAD, a second request on a connection, and a stop"
        " during a request. The built-in Django project is checked in more ways: the ORM, large"
        " bodies, streams, slow views, error pages and a reload.",
        (APP,),
        output="options:PreflightOptions",
        exits=CHECKED,
    ),
    "serve": Declared(
        "Run servers in the foreground exactly as a race does",
        DECIDE,
        "whichworker.cli.serve:serve",
        "The log goes to standard error. Ctrl-C stops gracefully; a second Ctrl-C kills. Several"
        " setups run under a supervisor: each has its own port and restarts up to three times.",
        (APP,),
        output="options:ServeOptions",
        exits=(Exit.OK, Exit.USAGE, Exit.INTERRUPTED),
        renamed={
            "--app": APP_FIRST.format("serve"),
            "--cpus": "it is now --cores CORES; --cpus is a number of cores, and belongs to race",
        },
    ),
    "load": Declared(
        "Load one URL and report rates, response times and failures",
        LOAD,
        "whichworker.cli.load:load",
        "Without --rate or --stage, each connection waits for its response (closed loop): this"
        " finds the highest rate. With one of them, requests are sent on schedule (open loop), and"
        " response times count from the moment a request was due. The result goes to standard"
        " output, progress to standard error.",
        (Word("target", "URL|FILE", "A URL, or a load file in TOML", required=True),),
        "load_options:LoadOptions",
        "load_options:LoadRunOptions",
        (Exit.OK, Exit.FAILED, Exit.USAGE, Exit.INVALID, Exit.INTERRUPTED),
        renamed={
            "--request-file": "write the file first, without an option: whichworker load FILE"
        },
    ),
    "study": Declared(
        "Repeat a published benchmark correctly, beside the original",
        LOAD,
        "whichworker.cli.study:study",
        "Without NAME, the studies are listed.",
        (Word("name", "[NAME]", "Name of a study"),),
        "study_options:StudyOptions",
        "study_options:StudyRunOptions",
        MEASURED,
    ),
    "explain": Declared(
        "Measure what worker classes do, side by side",
        LOAD,
        "whichworker.cli.explain:explain",
        "Each worker serves the built-in Django project. Shows how many requests overlap, what one"
        " blocking call does to the others, what is patched, which settings have no effect, and"
        " threads and memory.",
        (
            Word(
                "workers",
                "WORKER...",
                "Server setups, such as sync, gthread, uvicorn or waitress[threads=8]",
                required=True,
                many=True,
            ),
        ),
        "study_options:ExplainOptions",
        "study_options:ExplainRunOptions",
        MEASURED,
    ),
    "init": Declared(
        "Write a commented whichworker.toml for this app",
        MACHINE,
        "whichworker.cli.init:init",
        "The app is imported; no server is started.",
        (PROJECT,),
        output="options:InitOptions",
        renamed={"--app": APP_FIRST.format("init")},
    ),
    "show": Declared("Show settings, the app, or the requests of a race", MACHINE, commands=SHOW),
    "servers": Declared(
        "List the servers: interface, settings, known problems",
        MACHINE,
        "whichworker.cli.servers:servers",
        output="options:JsonOptions",
    ),
    "cache": Declared(
        "List or clear the environments and data that were built",
        MACHINE,
        "whichworker.cli.cache:cache",
        "Entries in use are kept. Everything else is rebuilt when it is needed, from the package"
        " index.",
        (Word("action", "[ACTION]", "list or clear [default: list]", choices=("list", "clear")),),
        output="options:CacheOptions",
    ),
    "doctor": Declared(
        "Check this machine and measure how steady it is",
        MACHINE,
        "whichworker.cli.doctor:doctor",
        "Shows which objectives it can measure, and how long a race to ±3 % takes. Nothing is"
        " changed.",
        output="options:DoctorOptions",
    ),
}
