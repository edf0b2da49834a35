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
LOST = (
    "the folder does less requests/s than the other version, or needs more CPU, beyond --max-loss"
)
DECIDE, LOAD = "Choose and deploy a server", "Load and compare"
RUNS, MACHINE = "Kept runs", "Settings and machine"
APP_FIRST = "write the app first, without an option: whichworker {} APP"

RUN = Word("run", "[RUN]", "Id of a run [default: the latest run of this folder]")
SHOW = {
    "run": Declared(
        "Print the result of a kept run again, and write it",
        run="whichworker.cli.history:show_run",
        details="The journal is judged again; nothing is measured.",
        words=(RUN,),
        output="history_options:ShowRunOptions",
    ),
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
    "versus": Declared(
        "Compare two setups, versions of a server, or versions of your app",
        LOAD,
        "whichworker.cli.versus:versus",
        "Both sides run at the same time and are loaded in turn, a fraction of a second each. With"
        " --app-at, the files of a commit are written to a temporary folder; the repository is only"
        " read.",
        (APP,),
        "versus_options:ComparisonOptions",
        "versus_options:VersusOptions",
        MEASURED,
    ),
    "gate": Declared(
        "Check in CI that a change of your app costs no speed",
        LOAD,
        "whichworker.cli.versus:gate",
        "Measures the app in this folder beside another version of it, in the same job: numbers of"
        " two jobs cannot be compared. Writes the step summary and annotations where the CI service"
        " asks for them.",
        (PROJECT,),
        "versus_options:ComparisonOptions",
        "versus_options:GateOptions",
        (Exit.OK, Exit.FAILED, Exit.USAGE, Exit.INVALID, Exit.INTERRUPTED),
        {Exit.FAILED: LOST, Exit.INVALID: "not decided in the time, or the result is invalid"},
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
    "judge": Declared(
        "Say what the result of another load tool supports",
        LOAD,
        "whichworker.cli.judge:judge",
        "Reads what wrk, wrk2, hey, oha, ab, k6, locust or HttpArena printed, and checks it:"
        " Little's law, failures that are counted as speed, percentiles of a closed loop, too few"
        " requests. Nothing is measured.",
        (Word("names", "FILE...", "Files, or - for standard input", required=True, many=True),),
        output="judge_options:JudgeOptions",
        exits=CHECKED,
        meanings={
            Exit.FAILED: "the numbers of a run contradict each other, so it supports nothing"
        },
    ),
    "list": Declared(
        "List the runs that are kept",
        RUNS,
        "whichworker.cli.history:list_runs",
        "Every race, comparison, gate and study is kept with its journal, outside of your project.",
        output="history_options:ListOptions",
    ),
    "open": Declared(
        "Write the report of a kept race, and open it in a browser",
        RUNS,
        "whichworker.cli.history:open_run",
        "The report is a file beside the journal of the run. Without a display, only its path is"
        " printed.",
        (RUN,),
        output="history_options:OpenOptions",
    ),
    "live": Declared(
        "Show a run on a page of this machine, while it measures or later",
        RUNS,
        "whichworker.cli.live:live",
        "The page shows the verdict so far, the setups with their intervals, the tests of rates,"
        " and the servers that are alive. Its address has a random token: keep it to yourself."
        " Requires the extra: pip install 'whichworker[live]'.",
        (RUN,),
        output="history_options:LiveOptions",
    ),
    "compare": Declared(
        "Compare two kept races, as far as that is possible",
        RUNS,
        "whichworker.cli.history:compare",
        "Compares how each setup did beside another one in both runs. Runs of two machines, apps or"
        " workloads are refused, with the command that measures both at once.",
        (
            Word("first", "RUN", "Id of a race, or latest", required=True),
            Word("second", "RUN", "Id of another race", required=True),
        ),
        output="options:JsonOptions",
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
    "show": Declared(
        "Show settings, the app, the requests of a race, or a kept run", MACHINE, commands=SHOW
    ),
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
